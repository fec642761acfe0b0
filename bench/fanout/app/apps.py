"""The app of the fan-out benchmark."""

from importlib import import_module

from django.apps import AppConfig


class FanoutConfig(AppConfig):
    """A table of ticks."""

    name = "bench.fanout.app"
    label = "fanout"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare what is live."""
        import_module("bench.fanout.app.topics")
