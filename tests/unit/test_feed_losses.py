"""The machine of one stream when things go wrong: losses, doubt, outages, bugs; and what is counted."""

import pytest

from realtime.errors import EpochChanged, FloorPassed, LogUnavailable, SnapshotTooLarge
from realtime.pure.changes import Batch, Head, LogRange, Mark
from realtime.pure.effects import (
    AskHead,
    Count,
    Crash,
    Doubt,
    Expect,
    Purpose,
    ReadLog,
    ReadSnapshot,
    Verify,
)  # fmt: skip
from realtime.pure.gaps import Trust
from realtime.pure.view import Update, View
from tests.support.feeds import EPOCH, EVERYTHING, STREAM, Bench, Recorder, batch, change, head, of_group, reset

ONE, TWO = {"x": 1, "group": 1}, {"x": 2, "group": 1}


# Resets, epochs, floors.


def test_a_reset_is_a_pushed_snapshot() -> None:
    """The view stays where it was until it has been read anew; what was told of it before is not told again."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.receive(change(11, "a", TWO, ONE), reset(12), change(13, "b", ONE))
    assert listener.view is not None
    assert (len(listener.calls), listener.view.position) == (1, 10)
    bench.receive(change(14, "b", TWO, ONE))
    bench.snapshot({"b": TWO}, at=head(14))
    assert listener.calls[1:] == [("reset", 14, {"b": {"x": 2}})]


def test_a_new_epoch_reads_every_view_anew() -> None:
    """The head tells; batches of the old epoch are foreign from then on."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.take(bench.feed.batch_received(Batch(STREAM, "next", 2, "m2", 3, "m3", None)))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(3, epoch="next")))
    bench.snapshot({"a": TWO}, at=head(3, epoch="next"))
    assert listener.calls[1:] == [("reset", 3, {"a": {"x": 2}})]
    assert listener.view is not None
    assert listener.view.epoch == "next"
    bench.receive(change(11, "a", ONE))
    assert len(listener.calls) == 2


def test_a_foreign_epoch_is_looked_into_once() -> None:
    """The head refutes it; further batches of it ask nothing."""
    bench = Bench()
    bench.opened()
    foreign = Batch(STREAM, "foreign", 2, "m2", 3, "m3", None)
    bench.take(bench.feed.batch_received(foreign))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(10)))
    bench.take(bench.feed.batch_received(foreign))
    assert bench.kinds() == []


def test_what_only_a_lost_log_had_is_looked_for_once() -> None:
    """A late batch of the same epoch speaks of positions that a restored copy never had: the head ends the search."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.receive(change(14, "a", TWO))
    bench.take(bench.feed.log_failed(bench.question(ReadLog), EpochChanged("14 is not there")))
    asked = bench.question(AskHead)
    bench.take(bench.feed.head_answered(asked, head(10)))
    assert (asked.target, bench.kinds()) == (14, [])
    bench.receive(change(11, "a", TWO))
    assert listener.last == ("changed", 11, {"a": {"x": 2}})


def test_a_snapshot_of_another_epoch_is_resolved_by_the_head() -> None:
    """The rows are not shown; the head says which epoch it is, and they are read again."""
    bench = Bench()
    listener = bench.subscribe()
    bench.snapshot({"a": ONE}, at=head(3, epoch="next"))
    assert bench.kinds() == ["AskHead"]
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(3, epoch="next")))
    bench.snapshot({"a": ONE}, at=head(3, epoch="next"))
    assert listener.calls == [("opened", 3, {"a": {"x": 1}})]


# Losses.


def test_a_gap_is_read_from_the_log() -> None:
    """What comes beyond waits; then all is told, in order."""
    bench = Bench()
    listener = bench.opened()
    bench.receive(change(12, "b", ONE))
    asked = bench.question(ReadLog)
    assert (asked.after, asked.upto, asked.mark, asked.purpose) == (10, 11, Mark(10, "m10"), Purpose.HEAL)
    bench.take(bench.feed.range_read(asked, LogRange(STREAM, EPOCH, 10, 11, Mark(11, "m11"), (change(11, "a", ONE),))))
    assert [call[:2] for call in listener.calls[1:]] == [("changed", 11), ("changed", 12)]


def test_the_lost_batch_comes_after_all() -> None:
    """Then it is told at once, and what the log says later is known."""
    bench = Bench()
    listener = bench.opened()
    bench.receive(change(12, "b", ONE))
    bench.receive(change(11, "a", ONE))
    asked = bench.question(ReadLog)
    bench.take(bench.feed.range_read(asked, LogRange(STREAM, EPOCH, 10, 11, Mark(11, "m11"), (change(11, "a", ONE),))))
    assert [call[:2] for call in listener.calls[1:]] == [("changed", 11), ("changed", 12)]


def test_a_head_beyond_gives_the_wire_a_moment() -> None:
    """What is on its way costs no query; what does not come is read."""
    bench = Bench()
    bench.opened()
    bench.take(bench.feed.tick(1.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(11)))
    expected = bench.question(Expect)
    bench.receive(change(11, "a", ONE))
    bench.take(bench.feed.overdue(expected))
    assert bench.kinds() == []
    bench.take(bench.feed.tick(2.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(12)))
    bench.take(bench.feed.overdue(bench.question(Expect)))
    assert bench.kinds() == ["ReadLog"]


def test_a_range_below_the_floor_reads_every_view_anew() -> None:
    """What the log no longer holds can't be made up for."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.receive(change(15, "b", ONE))
    bench.take(bench.feed.log_failed(bench.question(ReadLog), FloorPassed("pruned")))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(15, floor=14)))
    bench.snapshot({"b": ONE})
    assert listener.calls[1:] == [("reset", 15, {"b": {"x": 1}})]


# Doubt.


@pytest.mark.parametrize("position", [9, 10])
def test_a_log_that_lost_something_is_doubted(position: int) -> None:
    """A head below what was seen, or with another mark: nothing is told until the epoch is new."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.take(bench.feed.tick(1.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), Head(STREAM, EPOCH, position, 0, "other")))
    assert bench.question(Doubt).mark == Mark(10, "m10")
    bench.receive(change(11, "a", TWO))
    late = bench.subscribe(of_group(1))
    assert (len(listener.calls), late.calls) == (1, [])
    bench.take(bench.feed.tick(2.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(1, epoch="next")))
    for _ in range(2):
        bench.snapshot({"a": TWO}, at=head(1, epoch="next"))
    assert late.calls == [("opened", 1, {"a": {"x": 2}})]
    assert listener.calls[1:] == [("reset", 1, {"a": {"x": 2}})]


def test_after_an_outage_the_mark_is_verified_first() -> None:
    """Batches that came meanwhile wait; the log holds the mark: they are told."""
    bench = Bench()
    listener = bench.opened()
    bench.take(bench.feed.tick(1.0))
    bench.take(bench.feed.head_failed(bench.question(AskHead)))
    bench.receive(change(11, "a", ONE))
    assert len(listener.calls) == 1
    bench.take(bench.feed.tick(2.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(11)))
    bench.take(bench.feed.verified(bench.question(Verify), holds=True))
    assert listener.last == ("changed", 11, {"a": {"x": 1}})


def test_after_an_outage_the_mark_is_gone() -> None:
    """The log has gone on without what was seen."""
    bench = Bench()
    bench.opened()
    bench.take(bench.feed.tick(1.0))
    bench.take(bench.feed.head_failed(bench.question(AskHead)))
    bench.take(bench.feed.tick(2.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(30)))
    bench.take(bench.feed.verified(bench.question(Verify), holds=False))
    assert bench.kinds() == ["Doubt"]
    assert bench.feed.line.trust is Trust.DOUBTED


def test_a_range_with_another_mark_is_looked_into() -> None:
    """The log reader found another mark: the head is asked for, then the mark is verified."""
    bench = Bench()
    bench.opened()
    bench.receive(change(12, "b", ONE))
    bench.take(bench.feed.log_failed(bench.question(ReadLog), EpochChanged("another mark")))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(12)))
    assert bench.kinds() == ["Verify"]


# What can't be had.


def test_who_waits_is_refused_while_the_log_is_out_of_reach() -> None:
    """And who has a view keeps it."""
    bench = Bench()
    listener, late = bench.opened(), bench.subscribe(of_group(1))
    bench.take(bench.feed.tick(1.0))
    bench.take(bench.feed.head_failed(bench.question(AskHead)))
    assert (late.calls, len(listener.calls)) == ([("failed", "unavailable")], 1)


def test_who_waits_too_long_is_refused() -> None:
    """A view that does not become exact in time, counted from when its snapshot arrived."""
    bench = Bench(snapshot_wait_seconds=5.0)
    listener = bench.subscribe(now=0.0)
    bench.take(bench.feed.tick(100.0))
    assert listener.calls == []
    bench.take(bench.feed.snapshot_failed(bench.question(ReadSnapshot), SnapshotTooLarge("10 rows"), 100.0))
    assert listener.calls == [("failed", "snapshot_too_large")]
    waiting = bench.subscribe(now=100.0)
    bench.snapshot({}, pending=[111])
    bench.take(bench.feed.tick(104.9))
    assert waiting.calls == []
    bench.take(bench.feed.tick(105.0))
    assert waiting.calls == [("failed", "unavailable")]


def test_a_snapshot_that_fails_is_read_again_for_who_has_the_view() -> None:
    """An outage during a reset: the view stays, and is read when the log is back."""
    bench = Bench()
    listener = bench.opened(rows={"a": ONE})
    bench.receive(reset(11))
    bench.take(bench.feed.snapshot_failed(bench.question(ReadSnapshot), LogUnavailable("away"), 1.0))
    assert len(listener.calls) == 1
    bench.take(bench.feed.tick(2.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(11)))
    bench.snapshot({})
    assert listener.calls[1:] == [("reset", 11, {})]


def test_a_projection_that_raises_ends_its_view_alone() -> None:
    """In a batch, while meeting, and in the rendering of the snapshot."""
    bench = Bench()
    broken, sound = bench.opened(of_group(1)), bench.opened(of_group(2))
    meeting = bench.subscribe()
    bad = {"x": "broken", "group": 1}
    bench.receive(change(11, "a", bad), change(12, "b", {"x": 1, "group": 2}))
    assert broken.last == ("failed", "unavailable")
    assert sound.last == ("changed", 12, {"b": {"x": 1}})
    bench.snapshot({}, at=head(10))
    assert meeting.calls == [("failed", "unavailable")]
    rendering = bench.subscribe()
    bench.take(bench.feed.snapshot_failed(bench.question(ReadSnapshot), ValueError("a bug"), 1.0))
    assert rendering.calls == [("failed", "unavailable")]
    assert bench.kinds().count("Crash") == 3


def test_a_subscriber_that_raises_is_ended_alone() -> None:
    """The others are told, and the crash is reported."""
    bench = Bench()

    class Broken(Recorder):
        def changed(self, view: View, update: Update) -> None:
            raise RuntimeError("a bug in a session")

    broken, sound = Broken(), Recorder()
    for one in (broken, sound):
        bench.take(bench.feed.subscribe(one, EVERYTHING, None, str, 0.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(10)))
    bench.snapshot({})
    bench.receive(change(11, "a", ONE))
    assert broken.last == ("failed", "unavailable")
    assert sound.last == ("changed", 11, {"a": {"x": 1}})
    assert isinstance(bench.question(Crash).error, RuntimeError)


def test_coming_and_going_from_within_a_call() -> None:
    """Who comes while a batch is told has it already, and is not told it again; who goes is told nothing."""
    bench = Bench()
    newcomer, leaver = Recorder(), Recorder()

    class Busy(Recorder):
        def changed(self, view: View, update: Update) -> None:
            super().changed(view, update)
            bench.take(bench.feed.unsubscribe(leaver))
            if not newcomer.calls:
                bench.take(bench.feed.subscribe(newcomer, of_group(1), None, str, 0.0))

    busy, other = Busy(), Recorder()
    for one, selection in [(busy, EVERYTHING), (leaver, EVERYTHING), (other, of_group(1))]:
        bench.take(bench.feed.subscribe(one, selection, None, str, 0.0))
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(10)))
    bench.snapshot({})
    bench.snapshot({})
    bench.receive(change(11, "a", ONE))
    assert newcomer.calls == [("opened", 11, {"a": {"x": 1}})]
    assert other.last == ("changed", 11, {"a": {"x": 1}})
    assert len(leaver.calls) == 1


def test_what_is_done_is_counted() -> None:
    """Every batch, heal, reset and resume, by its label."""
    bench = Bench()
    bench.opened()
    bench.receive(change(11, "a", ONE))
    bench.receive(change(11, "a", ONE))
    bench.receive(change(13, "a", ONE))
    bench.receive(reset(12))
    bench.subscribe(cursor=("another", 1))
    counted = [(e.metric, e.label, e.amount) for e in bench.asked if isinstance(e, Count)]
    assert counted == [
        ("batches", "delivered", 1), ("changes", "", 1), ("batches", "known", 1), ("batches", "gap", 1),
        ("heals", "gap", 1), ("batches", "delivered", 1), ("changes", "", 1), ("resets", "reset", 1),
        ("changes", "", 1),
    ]  # fmt: skip


def test_nobody_is_there() -> None:
    """Without a view batches are followed, a gap is not healed, and the next one to come makes sure first."""
    bench = Bench()
    bench.receive(change(11, "a", ONE))
    bench.take(bench.feed.tick(1.0))
    bench.receive(change(20, "a", ONE))
    assert bench.kinds() == []
    recorder = Recorder()
    bench.take(bench.feed.subscribe(recorder, EVERYTHING, None, str, 0.0))
    assert bench.kinds() == ["AskHead"]
    bench.take(bench.feed.head_answered(bench.question(AskHead), head(100_000)))
    bench.take(bench.feed.verified(bench.question(Verify), holds=True))
    assert bench.kinds() == ["ReadSnapshot"], "a long way that nobody sees is not read"
    bench.snapshot({})
    assert recorder.calls == [("opened", 100_000, {})]
    assert batch(change(100_001, "a", ONE)).after == bench.feed.line.position


def test_a_view_that_could_not_keep_up_and_has_nobody_left_is_not_read_again() -> None:
    """Who waited is told to try again; for a view that nobody has, nothing more is asked of the log."""
    bench = Bench(resume_max_changes=2)
    waiting = bench.subscribe()
    bench.question(ReadSnapshot)
    bench.receive(*(change(position, "a", TWO, ONE) for position in (11, 12, 13)))
    assert waiting.calls == [("failed", "unavailable")]
    bench.take(bench.feed.tick(100.0))
    bench.take(bench.feed.tick(200.0))
    assert "ReadSnapshot" not in bench.kinds()
