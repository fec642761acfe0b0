"""The engine as an installable Django app."""

from django.apps import AppConfig

from realtime import checks


class RealtimeConfig(AppConfig):
    """Change log, relay and hub. Has no models: its tables are made by its migrations and read by its adapters."""

    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        checks.register_all()
