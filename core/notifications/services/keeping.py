"""Keeping the live topic small: archived notifications leave it, with what says who has read them.

The database does so by itself for the oldest of an audience that has more than a thousand (migration 0002).
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from core.notifications.models import IdempotencyKey

IDEMPOTENCY_KEPT = timedelta(hours=24)
"""For so long a push with the same key is known again."""

ARCHIVE_OLD = """
SELECT notifications_archive(ARRAY(
    SELECT id FROM notifications_notification WHERE NOT archived AND created_at < %s ORDER BY id
))
"""


def archive(*, before: datetime) -> int:
    """Archive the notifications from before a time, and what says who has read them; return how many there were.

    One that somebody is changing at this moment is left for the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(ARCHIVE_OLD, [before])
        return int(cursor.fetchone()[0])


def forget_idempotency_keys() -> int:
    """Forget the idempotency keys that need not be known any longer; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - IDEMPOTENCY_KEPT).delete()[0]
