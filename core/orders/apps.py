"""The orders app."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders, their lines and their events."""

    name = "core.orders"
    label = "orders"
