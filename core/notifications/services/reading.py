"""What people have read: noting it, and pages of all that they were told."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.accounts.models import User
from core.notifications.audience import audiences_of
from core.notifications.models import Notification, NotificationRead


@dataclass(frozen=True, slots=True)
class Told:
    """A notification as one user has it. What is archived counts as read: it is no news any more."""

    notification: Notification
    read: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what a user was told, newest first, and before which id the next page begins (None: there is none)."""

    told: list[Told]
    next: int | None


def mark_read(user: User, ids: Collection[int]) -> int:
    """Note that the user has read these notifications; return how many were not noted before.

    Ids that are not the user's to see, or don't exist, change nothing.
    """
    return _note_read(user, Q(pk__in=ids)) if ids else 0


def mark_all_read(user: User, *, up_to: int) -> int:
    """Note that the user has read all live notifications up to this id; return how many were not noted before."""
    noted = NotificationRead.objects.filter(user=user, notification=OuterRef("pk"))
    return _note_read(user, Q(~Exists(noted), pk__lte=up_to, archived=False))


def page_of(user: User, *, before: int | None, limit: int) -> Page:
    """Return at most `limit` notifications older than the id `before`, archived ones too."""
    ids = _newest_ids(user, before, limit + 1)
    found = Notification.objects.in_bulk(ids[:limit])
    read = set(
        NotificationRead.objects.filter(user=user, notification__in=found).values_list("notification_id", flat=True)
    )
    told = [Told(found[pk], pk in read or found[pk].archived) for pk in ids[:limit] if pk in found]
    return Page(told, ids[limit - 1] if len(ids) > limit else None)


def told_to(user: User, notification_id: int) -> Told | None:
    """Return one of the user's notifications; None when there is none of that id, or it is not the user's to see."""
    found = Notification.objects.filter(_mine(user), pk=notification_id).first()
    if found is None:
        return None
    return Told(found, found.archived or found.reads.filter(user=user).exists())


def _newest_ids(user: User, before: int | None, count: int) -> list[int]:
    older = Q() if before is None else Q(pk__lt=before)
    # Each audience has its index, which gives its newest at once; a condition with OR would read and sort them all.
    first, *others = [
        Notification.objects.filter(older, **audience.columns).order_by("-pk").values_list("pk", flat=True)[:count]
        for audience in audiences_of(user)
    ]
    return list(first.union(*others, all=True).order_by("-pk")[:count])


def _note_read(user: User, chosen: Q) -> int:
    source, parameters = _statement(Notification.objects.filter(_mine(user), chosen).order_by("pk"))
    with connection.cursor() as cursor:
        # FOR SHARE waits for whoever is archiving one of them, so that the row is archived too if its notification
        # is: left behind in the live topic it would stay there for good.
        cursor.execute(
            "INSERT INTO notifications_notificationread (notification_id, user_id, archived) "  # noqa: S608 - Django's SQL
            f"SELECT n.id, %s, n.archived FROM ({source} FOR SHARE) n ON CONFLICT DO NOTHING",
            [user.pk, *parameters],
        )
        return int(cursor.rowcount)


def _mine(user: User) -> Q:
    mine = Q()
    for audience in audiences_of(user):
        mine |= Q(**audience.columns)
    return mine


def _statement(notifications: "QuerySet[Notification]") -> tuple[str, tuple[Any, ...]]:
    statement, parameters = notifications.values("id", "archived").query.sql_with_params()
    return statement, tuple(parameters)
