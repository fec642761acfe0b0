"""What keeps the demo small, as nightly jobs would: all of it plain SQL."""

from django.db import connection, transaction

LIVE_NOTIFICATIONS = 30
"""So many of each audience stay live: the demo trades in an hour what others do in a month."""
ARCHIVED_NOTIFICATIONS = 5_000
"""So many archived notifications are kept."""

ARCHIVE = """
SELECT notifications_archive(ARRAY(
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY audience, user_id, customer_id, role ORDER BY id DESC) AS place
        FROM notifications_notification WHERE NOT archived
    ) live WHERE place > %s ORDER BY id
))
"""

OLDEST = """
SELECT array_agg(id) FROM
    (SELECT id FROM notifications_notification WHERE archived ORDER BY id DESC OFFSET %s LIMIT 500) AS oldest
"""

DELETE = (
    "DELETE FROM notifications_idempotencykey WHERE notification_id = ANY(%s)",
    "DELETE FROM notifications_notificationread WHERE notification_id = ANY(%s)",
    "DELETE FROM notifications_notification WHERE id = ANY(%s)",
)


def keep_notifications_few() -> int:
    """Archive what an audience has too many of, delete archived ones past their bound; return how many it were."""
    with connection.cursor() as cursor:
        cursor.execute(ARCHIVE, [LIVE_NOTIFICATIONS])
        return int(cursor.fetchone()[0]) + _prune()


@transaction.atomic
def _prune() -> int:
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, [ARCHIVED_NOTIFICATIONS])
        (ids,) = cursor.fetchone()
        if not ids:
            return 0
        for statement in DELETE:
            cursor.execute(statement, [ids])
        return len(ids)
