"""Customers and users in the admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from core.accounts.models import Customer, User


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Customers."""

    list_display = ["name", "city", "country", "created_at"]
    search_fields = ["name", "city"]


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Users, with the customer that they buy for."""

    list_display = ["username", "customer", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_active", "groups"]
    list_select_related = ["customer"]
    autocomplete_fields = ["customer"]
    fieldsets = [*(UserAdmin.fieldsets or []), ("Buying", {"fields": ["customer"]})]
    add_fieldsets = [*UserAdmin.add_fieldsets, ("Buying", {"fields": ["customer"]})]
