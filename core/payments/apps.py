"""The payments app."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Payments, and what the provider reports of them."""

    name = "core.payments"
    label = "payments"
