"""What is shown of notifications. A change of this module gives clients new snapshots."""

from typing import Any

from realtime import Row


def notification_row(row: Row) -> dict[str, Any]:
    """A notification; `audience` says through what it came: user, customer, role or everyone."""
    return {
        "id": row["id"],
        "title": row["title"],
        "body": row["body"],
        "level": row["level"],
        "link": row["link"],
        "audience": row["audience"],
        "created_at": row["created_at"],
    }


def read_row(row: Row) -> dict[str, Any]:
    """That the user has read a notification."""
    return {"id": row["id"], "notification_id": row["notification_id"], "read_at": row["read_at"]}
