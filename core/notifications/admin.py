"""Notifications in the admin: to look at, and to tell people something; what was told is not changed."""

from django.contrib import admin
from django.http import HttpRequest

from core.notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin):
    """What people were told, newest first."""

    list_display = ["title", "audience", "user", "customer", "role", "level", "created_at", "archived"]
    list_filter = ["audience", "level", "archived", "role"]
    list_select_related = ["user", "customer"]
    search_fields = ["title", "body"]
    autocomplete_fields = ["user", "customer"]
    fields = ["audience", "user", "customer", "role", "title", "body", "level", "link"]
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Notification | None = None) -> bool:
        """Keep what was told as it was told."""
        return False
