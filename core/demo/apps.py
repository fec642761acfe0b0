"""The demo app."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Demo data and demo trade."""

    name = "core.demo"
    label = "demo"
