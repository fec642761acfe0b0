"""The quotes app."""

from importlib import import_module

from django.apps import AppConfig


class QuotesConfig(AppConfig):
    """Estimates and saved quotes."""

    name = "core.quotes"
    label = "quotes"

    def ready(self) -> None:
        """Declare what is live."""
        import_module("core.quotes.topics")
