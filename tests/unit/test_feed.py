"""The machine of one stream: who is told which rows, when, and never twice."""

from typing import Any

import pytest

from realtime.pure.effects import (
    AskHead,
)  # fmt: skip
from realtime.pure.view import Update, View
from tests.support.feeds import EVERYTHING, MINE, Bench, Recorder, change, head, of_group, reset

ONE, TWO = {"x": 1, "group": 1}, {"x": 2, "group": 1}


# Snapshot and stream.


def test_a_snapshot_that_is_exact_is_shown() -> None:
    """At the feed's position, with nothing pending."""
    assert Bench().opened(rows={"a": ONE}).calls == [("opened", 10, {"a": {"x": 1}})]


def test_what_came_while_the_snapshot_was_read_is_applied_to_it() -> None:
    """What the snapshot holds by position is skipped, the rest is applied; then the stream goes on."""
    bench = Bench()
    listener = bench.subscribe()
    bench.receive(change(11, "a", {"x": 0}), change(12, "b", ONE))
    bench.snapshot({"a": TWO}, at=head(11))
    assert listener.calls == [("opened", 12, {"a": {"x": 2}, "b": {"x": 1}})]
    bench.receive(change(13, "a", None, TWO))
    assert listener.last == ("changed", 13, {"a": None})


def test_a_snapshot_ahead_of_the_wire_waits_for_it() -> None:
    """Batches at or below the snapshot's head are in the rows already."""
    bench = Bench()
    listener = bench.subscribe()
    bench.snapshot({"a": TWO}, at=head(12))
    assert listener.calls == []
    assert bench.kinds() == ["Expect"]
    bench.receive(change(11, "a", {"x": 0}), change(12, "a", TWO))
    assert listener.calls == [("opened", 12, {"a": {"x": 2}})]


def test_pending_changes_are_in_the_rows_and_are_waited_for() -> None:
    """A change without a position that the snapshot holds: others are applied, it is skipped, then all is shown."""
    bench = Bench()
    listener = bench.subscribe()
    bench.snapshot({"a": TWO}, pending=[112])
    bench.receive(change(11, "b", ONE))
    assert listener.calls == []
    bench.receive(change(12, "a", TWO))
    assert listener.calls == [("opened", 12, {"a": {"x": 2}, "b": {"x": 1}})]


def test_a_reset_that_the_snapshot_lacks() -> None:
    """The view is read again; one that the snapshot holds is no reason to."""
    bench = Bench()
    listener = bench.subscribe()
    bench.receive(reset(11))
    bench.snapshot({"a": ONE}, at=head(10))
    assert listener.calls == []
    bench.snapshot({}, at=head(11))
    assert listener.calls == [("opened", 11, {})]
    late = bench.subscribe(of_group(1))
    bench.receive(reset(12))
    bench.snapshot({"a": ONE}, at=head(12))
    assert late.calls == [("opened", 12, {"a": {"x": 1}})]


def test_many_subscribers_share_one_question() -> None:
    """The first asks, all are answered; who comes later is answered at once, and bodies are shared."""
    bench = Bench()
    crowd = [bench.subscribe() for _ in range(5)]
    assert bench.kinds() == ["ReadSnapshot"]
    bench.snapshot({"a": ONE})
    crowd.append(bench.subscribe())
    assert [listener.calls for listener in crowd] == [[("opened", 10, {"a": {"x": 1}})]] * 6
    assert len({id(listener.view.snapshot_bodies()) for listener in crowd if listener.view}) == 1


def test_an_update_is_built_once() -> None:
    """All subscribers of a view get the same object."""
    bench = Bench()
    seen: list[Update] = []

    class Keeper(Recorder):
        def changed(self, view: View, update: Update) -> None:
            seen.append(update)

    for _ in range(3):
        bench.take(bench.feed.subscribe(Keeper(), EVERYTHING, None, str, 0.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(10)))
    bench.snapshot({})
    bench.receive(change(11, "a", ONE, ends=False), change(12, "a", TWO, ONE))
    assert len(seen) == 3
    assert len({id(update) for update in seen}) == 1
    assert seen[0].bodies == [b'{"kind":"item","key":"a","row":{"x":2}}']


def test_the_position_advances_without_a_change() -> None:
    """A view that a batch does not touch is exact at its end."""
    bench = Bench()
    listener = bench.opened(of_group(1), {"a": ONE})
    bench.receive(change(11, "z", {"x": 1, "group": 2}))
    assert listener.view is not None
    assert (listener.view.position, len(listener.calls)) == (11, 1)


def test_leaving() -> None:
    """Who leaves is told nothing; with the last one the view goes, and its question is forgotten."""
    bench = Bench()
    listener, other = bench.opened(), bench.subscribe(of_group(1))
    for one in (listener, other, listener):
        bench.take(bench.feed.unsubscribe(one))
    assert bench.feed.audience.views == {}
    bench.snapshot({})
    bench.receive(change(11, "a", ONE))
    assert (len(listener.calls), other.calls) == (1, [])


# Rows that come and go.


@pytest.mark.parametrize(
    ("new", "old", "told"),
    [
        ({"x": 3, "group": 1}, ONE, {"a": {"x": 3}}),
        ({"x": 3, "group": 2}, ONE, {"a": None}),
        (None, ONE, {"a": None}),
        ({"x": 1, "group": 1, "y": 2}, ONE, None),
        ({"x": 1, "group": 3}, {"x": 1, "group": 2}, None),
    ],
)
def test_a_row_of_the_view(new: Any, old: Any, told: Any) -> None:
    """Changed, moved out, deleted, changed where nobody looks, and another row altogether."""
    bench = Bench()
    listener = bench.opened(of_group(1), {"a": ONE})
    bench.receive(change(11, "a", new, old))
    assert listener.calls[1:] == ([("changed", 11, told)] if told else [])


def test_the_latest_state_of_a_batch_is_told_once() -> None:
    """In and out again: nothing. Out and in again with another look: one upsert."""
    bench = Bench()
    listener = bench.opened(of_group(1), {"a": ONE})
    away = {"x": 9, "group": 2}
    bench.receive(
        change(11, "b", ONE), change(12, "b", None, ONE), change(13, "a", away, ONE), change(14, "a", TWO, away)
    )
    assert listener.calls[1:] == [("changed", 14, {"a": {"x": 2}})]


# Anchors.


def test_the_anchor_leaves() -> None:
    """Revoked, and nothing else of that batch is told; who comes then finds no such topic."""
    bench = Bench()
    listener = bench.opened(MINE, {"order/1": {"x": 1, "owner": 7}, "item/a": ONE})
    gone = {"x": 1, "owner": 8}
    bench.receive(change(11, "a", TWO, ONE, ends=False), change(12, "1", gone, {"x": 1, "owner": 7}, kind="order"))
    assert listener.calls[1:] == [("revoked",)]
    late = bench.subscribe(MINE)
    bench.snapshot({"item/a": TWO})
    assert late.calls == [("failed", "unknown_topic")]


def test_the_anchor_is_away_at_the_end_of_a_transaction() -> None:
    """It comes back in the same batch: revoked all the same. Within one transaction: not."""
    mine, other = {"x": 1, "owner": 7}, {"x": 1, "owner": 8}
    for ends, told in [(True, ("revoked",)), (False, ("changed", 13, {"a": {"x": 2}}))]:
        bench = Bench()
        listener = bench.opened(MINE, {"order/1": mine})
        bench.receive(
            change(11, "1", other, mine, kind="order", ends=ends),
            change(12, "1", mine, other, kind="order"),
            change(13, "a", TWO),
        )
        assert listener.last == told
