"""The orders app."""

from importlib import import_module

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders, their lines and their events."""

    name = "core.orders"
    label = "orders"

    def ready(self) -> None:
        """Declare what is live."""
        import_module("core.orders.topics")
