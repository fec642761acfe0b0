"""The notifications app."""

from importlib import import_module

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Notifications, and who has read which."""

    name = "core.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Declare what is live."""
        import_module("core.notifications.topics")
