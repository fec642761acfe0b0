"""The stock app."""

from django.apps import AppConfig


class StockConfig(AppConfig):
    """Warehouses and stock levels."""

    name = "core.stock"
    label = "stock"
