"""What is live of notifications: the stream `notifications`, and everyone's own topic."""

from typing import Any

from core.accounts.policies import is_signed_in
from core.notifications.audience import audiences_of
from core.notifications.models import Notification, NotificationRead
from core.notifications.rows import notification_row, read_row
from realtime import Rows, Stream, Watch

# Each list is the one of the table's WatchTable in a migration; a system check compares them.
NOTIFICATION = [
    "id", "audience", "user", "customer", "role", "title", "body", "level", "link", "created_at", "archived",
]  # fmt: skip
NOTIFICATION_READ = ["id", "notification", "user", "read_at", "archived"]

notifications = Stream(
    "notifications",
    watch=[
        Watch(Notification, columns=NOTIFICATION),
        Watch(NotificationRead, columns=NOTIFICATION_READ),
    ],
)


@notifications.topic("notifications/mine", policy=is_signed_in)
def my_notifications(user: Any) -> list[Rows]:
    """All live notifications for the user, whatever audience they came through, and which of them the user has read."""
    mine = [{**audience.columns, "archived": False} for audience in audiences_of(user)]
    return [
        Rows(Notification, where=mine, project=notification_row),
        Rows(NotificationRead, where={"user": user.pk, "archived": False}, project=read_row),
    ]
