"""The accounts app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from core.accounts.roles import make_roles


class AccountsConfig(AppConfig):
    """Users and their roles, customers, API keys."""

    name = "core.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Make the roles that are missing once a part's permissions are there."""
        post_migrate.connect(make_roles, dispatch_uid="core.accounts.roles")
