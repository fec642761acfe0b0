"""Bugs of what a session writes and when: conflation, lanes, identities."""

from collections.abc import Collection
from typing import Any

import pytest

from realtime.pure import frames
from realtime.pure.changes import RowKey
from realtime.pure.conflation import Owed
from realtime.pure.lane import Lane
from realtime.pure.outflow import Flow, Outflow
from realtime.pure.session import Session
from realtime.pure.subscription import State, Subscription


def cancels_upsert_and_removal(patch: pytest.MonkeyPatch) -> None:
    """Conflate a row that is owed and now removed into nothing at all."""
    owe = Outflow.owe

    def mutant(self: Outflow, subscription: Subscription, keys: Collection[RowKey] | None) -> None:
        view = subscription.view
        if keys is not None and view is not None:
            gone = [key for key in keys if key in subscription.owed._keys and view.fragment(key) is None]
            for key in gone:
                del subscription.owed._keys[key]
            keys = [key for key in keys if key not in gone]
        owe(self, subscription, keys)

    patch.setattr(Outflow, "owe", mutant)


def conflates_into_the_oldest_slot(patch: pytest.MonkeyPatch) -> None:
    """Write the latest state of what is owed at the position at which it was owed first."""
    update, settle = Outflow.update, Outflow._settle
    first: dict[Subscription, int] = {}

    class Behind:
        def __init__(self, view: Any, position: int) -> None:
            self._view = view
            self.position = position

        def __getattr__(self, name: str) -> Any:
            return getattr(self._view, name)

    def noted(self: Outflow, subscription: Subscription, one: Any, now: float) -> list[bytes]:
        if one.position > subscription.position and (self.congested or self._flow is not None):
            first.setdefault(subscription, one.position)
        return update(self, subscription, one, now)

    def mutant(self: Outflow, subscription: Subscription, now: float) -> Any:
        position, view = first.pop(subscription, None), subscription.view
        if position is None or subscription.owed.snapshot or subscription.resuming is not None:
            return settle(self, subscription, now)
        subscription.view = Behind(view, position)
        try:
            return settle(self, subscription, now)
        finally:
            subscription.view = view

    patch.setattr(Outflow, "update", noted)
    patch.setattr(Outflow, "_settle", mutant)


def drops_what_is_too_much(patch: pytest.MonkeyPatch) -> None:
    """Past the bound of conflation forget the oldest, without a snapshot."""

    def mutant(self: Owed, keys: Collection[RowKey]) -> bool:
        self._keys.update(dict.fromkeys(keys))
        while len(self._keys) > self._max_keys:
            del self._keys[next(iter(self._keys))]
        return False

    patch.setattr(Owed, "remember", mutant)


def forgets_earlier_keys(patch: pytest.MonkeyPatch) -> None:
    """Keep only the last update's keys for a slow client."""
    remember = Owed.remember

    def mutant(self: Owed, keys: Collection[RowKey]) -> bool:
        if not self.snapshot:
            self.settle()
        return remember(self, keys)

    patch.setattr(Owed, "remember", mutant)


def leaves_lanes_empty_handed(patch: pytest.MonkeyPatch) -> None:
    """Leave a lane without what it has not written."""
    leave = Lane.leave

    def mutant(self: Lane, member: Any) -> list[Any]:
        leave(self, member)
        return []

    patch.setattr(Lane, "leave", mutant)


def writes_on_while_stale(patch: pytest.MonkeyPatch) -> None:
    """Write although the identity has not been checked for long."""
    patch.setattr(Outflow, "stale", lambda self, now: False)
    obstacle = Outflow._obstacle

    def mutant(self: Outflow, subscription: Subscription, now: float) -> str | None:
        found = obstacle(self, subscription, now)
        return None if found == "stale" else found

    patch.setattr(Outflow, "_obstacle", mutant)


def ignores_the_sign_out(patch: pytest.MonkeyPatch) -> None:
    """Go on after the sign-in has ended, for as long as the connection lives."""
    patch.setattr(Session, "identity_gone", lambda self: self.outflow.__setattr__("checked_at", float("inf")) or [])


def ignores_other_rights(patch: pytest.MonkeyPatch) -> None:
    """Keep subscriptions as they are when the user's rights have changed."""
    patch.setattr(Session, "identity_changed", lambda self, user: [])


def writes_on_while_rechecking(patch: pytest.MonkeyPatch) -> None:
    """Write on until a topic is found to be forbidden, however long that takes."""
    obstacle = Outflow._obstacle

    def mutant(self: Outflow, subscription: Subscription, now: float) -> str | None:
        before = subscription.state
        if before is State.RECHECKING:
            subscription.state = State.LIVE
        try:
            return obstacle(self, subscription, now)
        finally:
            subscription.state = before

    patch.setattr(Outflow, "_obstacle", mutant)


def catches_up_with_less(patch: pytest.MonkeyPatch) -> None:
    """Tell with the heartbeat how far a topic has come, whatever it is still owed."""

    def mutant(self: Outflow, subscription: Subscription, now: float, after_seconds: float) -> list[bytes]:
        view = subscription.view
        if subscription.state is not State.LIVE or view is None or self.congested or self._flow is not None:
            return []
        if view.position <= subscription.position or subscription.owed.snapshot or subscription.resuming is not None:
            return []
        subscription.told(view.position, now)
        return [frames.changes(subscription.topic_json, view.position)]

    patch.setattr(Outflow, "catch_up", mutant)


def forgets_to_answer(patch: pytest.MonkeyPatch) -> None:
    """Leave a subscribe unanswered whose topic is given up before it was."""
    unsubscribe = Session._unsubscribe

    def mutant(self: Session, topic: str, reply_to: bytes, now: float) -> Any:
        if (subscription := self._subscriptions.get(topic)) is not None:
            subscription.reply_to = None
        return unsubscribe(self, topic, reply_to, now)

    patch.setattr(Session, "_unsubscribe", mutant)


def answers_twice(patch: pytest.MonkeyPatch) -> None:
    """Take a snapshot whose last part is written for unanswered until the next turn."""
    turn, forget = Outflow.turn, Outflow.forget
    last: dict[Outflow, Flow] = {}

    def noted(self: Outflow, now: float) -> list[bytes]:
        if not self.congested and not self.stale(now):
            last.pop(self, None)
        before = self._flow
        written = turn(self, now)
        if before is not None and before.reply_to is not None and self._flow is None:
            last[self] = before
        return written

    def mutant(self: Outflow, subscription: Subscription) -> None:
        forget(self, subscription)
        ended = last.pop(self, None)
        if ended is not None and ended.subscription is subscription:
            subscription.reply_to = ended.reply_to

    patch.setattr(Outflow, "turn", noted)
    patch.setattr(Outflow, "forget", mutant)


BUGS = [
    cancels_upsert_and_removal,
    conflates_into_the_oldest_slot,
    drops_what_is_too_much,
    forgets_earlier_keys,
    leaves_lanes_empty_handed,
    writes_on_while_stale,
    ignores_the_sign_out,
    ignores_other_rights,
    writes_on_while_rechecking,
    catches_up_with_less,
    forgets_to_answer,
    answers_twice,
]
