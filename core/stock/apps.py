"""The stock app."""

from importlib import import_module

from django.apps import AppConfig


class StockConfig(AppConfig):
    """Warehouses and stock levels."""

    name = "core.stock"
    label = "stock"

    def ready(self) -> None:
        """Declare what is live."""
        import_module("core.stock.topics")
