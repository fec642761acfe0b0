"""The machine of one stream: cursors are resumed exactly, or not at all."""

from typing import Any

import pytest

from realtime.errors import FloorPassed, LogUnavailable
from realtime.pure.changes import LogRange, Mark, RowKey
from realtime.pure.effects import (
    AskHead,
    Gather,
    Purpose,
    ReadLog,
)  # fmt: skip
from realtime.pure.selection import Derivation, Selection
from tests.support.feeds import EPOCH, EVERYTHING, MINE, STREAM, Bench, Recorder, change, head, of_group, reset

ONE, TWO = {"x": 1, "group": 1}, {"x": 2, "group": 1}


def test_a_resume_from_the_trail() -> None:
    """The keys touched since, once; nothing touched: none."""
    bench = Bench()
    bench.opened(rows={"a": ONE})
    bench.receive(change(11, "a", TWO, ONE))
    bench.receive(change(12, "b", ONE))
    bench.receive(change(13, "b", None, ONE))
    for position, touched in [(10, ["a", "b"]), (11, ["b"]), (13, [])]:
        assert bench.subscribe(cursor=(EPOCH, position)).calls == [("opened", 13, touched)]


def test_a_row_that_was_changed_and_changed_back_is_touched() -> None:
    """A cursor may lie between the two: another process told the first alone."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.receive(change(11, "a", TWO, ONE), change(12, "a", ONE, TWO))
    assert len(listener.calls) == 1, "nothing looks different"
    assert bench.subscribe(cursor=(EPOCH, 11)).calls == [("opened", 12, ["a"])]


def test_a_resume_from_the_ring() -> None:
    """The view is younger than the cursor, the ring is not; what others did is not touched."""
    bench = Bench()
    bench.opened()
    bench.receive(change(11, "a", ONE), change(12, "z", {"x": 1, "group": 2}))
    back = bench.subscribe(of_group(1), (EPOCH, 10))
    bench.snapshot({"a": ONE})
    assert back.calls == []
    bench.take(bench.feed.gathered(bench.question(Gather)))
    assert back.calls == [("opened", 12, ["a"])]


def test_all_cursors_share_one_read_of_the_log() -> None:
    """From the oldest that is acceptable; what was read serves those that come later too."""
    bench = Bench(resume_max_changes=8)
    crowd = {position: bench.subscribe(cursor=(EPOCH, position)) for position in (10, 9, 7, 1)}
    bench.snapshot({"a": ONE})
    assert crowd[10].calls == [("opened", 10, [])]
    assert crowd[1].calls == [("opened", 10, {"a": {"x": 1}})], "too far back"
    bench.take(bench.feed.gathered(bench.question(Gather)))
    asked = bench.question(ReadLog)
    assert (asked.after, asked.upto, asked.purpose) == (7, 10, Purpose.RESUME)
    changes = (change(8, "a", ONE), change(9, "b", None, ONE), change(10, "a", TWO, ONE))
    bench.receive(change(11, "c", ONE))
    bench.take(bench.feed.range_read(asked, LogRange(STREAM, EPOCH, 7, 10, Mark(10, "m10"), changes)))
    assert crowd[9].calls == [("opened", 11, ["a", "c"])]
    assert crowd[7].calls == [("opened", 11, ["a", "b", "c"])]
    late = bench.subscribe(of_group(1), (EPOCH, 8))
    bench.snapshot({"a": TWO, "c": ONE})
    bench.take(bench.feed.gathered(bench.question(Gather)))
    assert late.calls == [("opened", 11, ["b", "a", "c"])]
    assert bench.kinds() == []


@pytest.mark.parametrize(
    ("broken", "selection"),
    [
        ([reset(9)], EVERYTHING),
        ([change(9, "1", None, {"x": 1, "owner": 7}, kind="order")], MINE),
        ([change(9, "1", {"x": 1, "owner": 8}, {"x": 1, "owner": 7}, kind="order")], MINE),
    ],
)
def test_no_resume_over_a_reset_or_a_lost_anchor(broken: list[Any], selection: Selection) -> None:
    """A snapshot instead."""
    bench = Bench()
    back = bench.subscribe(selection, (EPOCH, 8))
    bench.snapshot({"order/1": {"x": 1, "owner": 7}} if selection is MINE else {})
    bench.take(bench.feed.gathered(bench.question(Gather)))
    changes = (*broken, change(10, "1", {"x": 1, "owner": 7}, kind="order"))
    bench.take(bench.feed.range_read(bench.question(ReadLog), LogRange(STREAM, EPOCH, 8, 10, Mark(10, "m10"), changes)))
    assert isinstance(back.last[2], dict)


@pytest.mark.parametrize("error", [FloorPassed("pruned"), LogUnavailable("away")])
def test_what_can_not_be_read_back_is_a_snapshot(error: Any) -> None:
    """Never silence, never half of it."""
    bench = Bench()
    back = bench.subscribe(cursor=(EPOCH, 5))
    bench.snapshot({"a": ONE})
    bench.take(bench.feed.gathered(bench.question(Gather)))
    bench.take(bench.feed.log_failed(bench.question(ReadLog), error))
    assert back.calls == [("opened", 10, {"a": {"x": 1}})]


@pytest.mark.parametrize("cursor", [("another", 10), (EPOCH, -1)])
def test_a_cursor_that_is_not_ours_is_a_snapshot(cursor: tuple[str, int]) -> None:
    """A dead epoch, another user, another projection; or nonsense."""
    bench = Bench()
    bench.opened(rows={"a": ONE})
    assert bench.subscribe(cursor=cursor).calls == [("opened", 10, {"a": {"x": 1}})]


def test_a_cursor_ahead_waits_for_the_head() -> None:
    """Another process was faster: the client waits, and is not set back. From the future: a snapshot."""
    bench = Bench()
    bench.opened(rows={"a": ONE})
    ahead, future = Recorder(), Recorder()
    for one, position in [(ahead, 11), (future, 12)]:
        bench.take(bench.feed.subscribe(one, EVERYTHING, (EPOCH, position), str, 0.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(11)))
    assert (ahead.calls, future.calls) == ([], []), "that head may be older than the second cursor"
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(11)))
    assert (ahead.calls, future.calls) == ([], [("opened", 10, {"a": {"x": 1}})])
    bench.receive(change(11, "a", TWO, ONE))
    assert ahead.calls == [("opened", 11, [])]


def test_a_derived_view_resumes_only_where_nothing_was_touched() -> None:
    """Which derived rows differ since then is not known: a snapshot."""

    def count(sources: Any, parameters: Any) -> Any:
        return {RowKey("count", "all"): {"n": len(sources["item"])}}

    derived = Selection(STREAM, EVERYTHING.parts, Derivation("count", "1", (), count))
    bench = Bench()
    listener = bench.opened(derived)
    bench.receive(change(11, "a", ONE))
    assert listener.last == ("changed", 11, {"all": {"n": 1}})
    assert bench.subscribe(derived, (EPOCH, 10)).calls == [("opened", 11, {"all": {"n": 1}})]
    assert bench.subscribe(derived, (EPOCH, 11)).calls == [("opened", 11, [])]
