"""Telling people something at the request of a tool, which may ask again when it did not hear the answer."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from core.accounts.models import ApiKey
from core.errors import ShopError
from core.notifications.models import IdempotencyKey, Notification


@dataclass(frozen=True, slots=True)
class Pushed:
    """The notification that was made: now, or (`replayed`) when the tool asked for the same before."""

    notification_id: int
    replayed: bool


class OtherPush(ShopError):
    """An idempotency key that the tool has used for another push."""


def push(tell: Callable[[], Notification], *, api_key: ApiKey, key: str | None, asked: Mapping[str, Any]) -> Pushed:
    """Make a notification by `tell`, or find the one that was made for the same key (None: there is none to find).

    `asked` is what the tool asked for, by which a repetition is told from another push: OtherPush. Key and
    notification are written in one transaction: one that fails leaves neither. Of two at once with one key the
    second waits, and is told of the first one's notification.
    """
    if key is None:
        return Pushed(tell().pk, replayed=False)
    fingerprint = _fingerprint(asked)
    with transaction.atomic():
        while (claimed := _claim(api_key, key, fingerprint)) is None:
            known = IdempotencyKey.objects.filter(api_key=api_key, key=key).first()
            if known is not None:  # None: forgotten since; try again
                return _replay(known, fingerprint)
        notification = tell()
        IdempotencyKey.objects.filter(pk=claimed).update(notification=notification)
    return Pushed(notification.pk, replayed=False)


def _claim(api_key: ApiKey, key: str, fingerprint: str) -> int | None:
    """Write the key and return its row's id; None when there is one already, waiting for who is writing it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notifications_idempotencykey (api_key_id, key, fingerprint) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING RETURNING id",
            [api_key.pk, key, fingerprint],
        )
        row = cursor.fetchone()
        return None if row is None else int(row[0])


def _replay(known: IdempotencyKey, fingerprint: str) -> Pushed:
    if known.fingerprint != fingerprint:
        raise OtherPush("this key was used for another notification: take a new one for each")
    assert known.notification_id is not None
    return Pushed(known.notification_id, replayed=True)


def _fingerprint(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
