"""`manage.py seed`: load the demo data."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.demo.mark import require_permission
from core.demo.people import BUYERS, PASSWORD
from core.demo.seeding import seed_database


class Command(BaseCommand):
    """Load the demo data into an empty database; do nothing where it is already."""

    help = "Load the demo data into an empty database (with DATABASE_URL given: only with DEMO=1)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take another seed for another past."""
        parser.add_argument("--seed", type=int, default=2026, help="another number gives another past (default: 2026)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Load, and say who can sign in."""
        require_permission()
        if seed_database(options["seed"], timezone.now()):
            self.stdout.write(
                f"Demo data loaded. Sign in as staff, admin or customer1 … customer{len(BUYERS)}: {PASSWORD}"
            )
        else:
            self.stdout.write("The demo data is already there.")
