"""The app of the fault harness."""

from importlib import import_module

from django.apps import AppConfig


class ProofConfig(AppConfig):
    """Tables on which the checker can tell what was lost."""

    name = "tests.faults.app"
    label = "proof"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare what is live."""
        import_module("tests.faults.app.topics")
