"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and customers."""

    name = "core.accounts"
    label = "accounts"
