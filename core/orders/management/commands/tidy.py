"""`manage.py tidy`: take what is old out of the live topics, for cron.

It stands with the orders because they are the highest part of the shop, which may use all others.
"""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.notifications.services.keeping import archive, forget_idempotency_keys
from core.orders.services.keeping import archive_finished


def days(text: str) -> int:
    """Return a number of days of the command line, from 1 to 3,650."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 3_650:
        raise ArgumentTypeError(f"{text!r} is not a number of days from 1 to 3650")
    return int(text)


class Command(BaseCommand):
    """Archive old orders and notifications, and forget idempotency keys."""

    help = (
        "Archive orders that ended, and notifications, from before some days; forget idempotency keys after 24 hours."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how old."""
        parser.add_argument("--days", type=days, default=30, help="older than so many days (default: 30)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Archive, and say how much."""
        before = timezone.now() - timedelta(days=options["days"])
        orders, notifications, keys = archive_finished(before=before), archive(before=before), forget_idempotency_keys()
        self.stdout.write(
            f"Archived {orders} orders and {notifications} notifications; forgot {keys} idempotency keys."
        )
