"""The hub's questions: every end of one is told to the machine, and a log that stops answering shows in health."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from realtime.conf import RealtimeSettings
from realtime.drivers import questions as module
from realtime.drivers.hub import Hub
from realtime.drivers.questions import Questions
from realtime.errors import EpochChanged, FloorPassed, LogUnavailable, SnapshotTooLarge
from realtime.pure.changes import Head, LogRange, Mark, RowKey, Snapshot
from realtime.pure.effects import Doubt, Effect, Purpose, ReadLog, ReadSnapshot, Verify
from realtime.pure.feed import Feed, FeedLimits
from realtime.pure.materialised import MaterialisedView
from realtime.pure.selection import Selection
from tests.support.feeds import EPOCH, EVERYTHING, STREAM, Recorder, head
from tests.support.waiting import soon

MARK = Mark(10, "m10")
OUTAGE = LogUnavailable("PostgreSQL did not answer: lock timeout")
BUG = RuntimeError("a bug in the reader")


class FakeLog:
    """A log that answers, except the kinds of questions in `fails`."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.rows: tuple[tuple[RowKey, dict[str, Any]], ...] = ()

    async def heads(self) -> dict[str, Head]:
        """Stay at position 10."""
        self._answer("heads")
        return {STREAM: head(10)}

    async def read(self, stream: str, epoch: str, after: int, upto: int, *, known: Mark | None, limit: int) -> LogRange:
        """Return a range without changes."""
        self._answer("read")
        return LogRange(stream, epoch, after, upto, None, ())

    async def verify(self, stream: str, epoch: str, known: Mark) -> bool:
        """Hold every mark."""
        self._answer("verify")
        return True

    async def snapshots(
        self, selections: Sequence[Selection], *, max_rows: int, statement_milliseconds: int | None = None
    ) -> list[Snapshot | Exception]:
        """Return `rows`."""
        self._answer("snapshot")
        return [Snapshot(head(10), frozenset(), self.rows) for _ in selections]

    async def doubt(self, stream: str, epoch: str, known: Mark) -> None:
        """Take it."""
        self._answer("doubt")

    async def close(self) -> None:
        """Nothing is open."""

    def _answer(self, kind: str) -> None:
        if kind in self.fails:
            raise self.fails[kind]


class SilentWire:
    """A bus that works and brings nothing."""

    async def subscribe(self, streams: list[str]) -> None:
        """Listen."""

    async def receive(self) -> bytes:
        """Wait for ever."""
        never: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        return await never

    async def ping(self) -> None:
        """Be there."""

    async def close(self) -> None:
        """Nothing is open."""


class Notes(Feed):
    """A machine that only notes what it is told of its questions."""

    def __init__(self) -> None:
        super().__init__(STREAM, FeedLimits())
        self.told: list[tuple[str, Any]] = []

    def range_read(self, asked: ReadLog, read: LogRange) -> list[Effect]:
        """Note the answer."""
        return self._note("answer", read)

    def verified(self, asked: Verify, *, holds: bool) -> list[Effect]:
        """Note the answer."""
        return self._note("answer", holds)

    def snapshot_read(self, asked: ReadSnapshot, snapshot: Snapshot, content: Any, now: float) -> list[Effect]:
        """Note the answer."""
        return self._note("answer", snapshot)

    def log_failed(self, asked: ReadLog | Verify, error: Exception) -> list[Effect]:
        """Note the failure."""
        return self._note("failure", error)

    def snapshot_failed(self, asked: ReadSnapshot, error: Exception, now: float) -> list[Effect]:
        """Note the failure."""
        return self._note("failure", error)

    def _note(self, what: str, about: Any) -> list[Effect]:
        self.told.append((what, about))
        return []


class Desk:
    """Questions put to a fake log for a machine that notes the answers."""

    def __init__(self) -> None:
        self.log, self.feed = FakeLog(), Notes()
        self.questions = Questions({STREAM: self.feed}, self.log, max_rows=100, write_lane=print)

    async def ask(self, kind: str) -> tuple[str, Any] | None:
        """Put one question and return what the machine was told, None for a question without an answer."""
        self.feed.told.clear()
        self.questions.perform([QUESTIONS[kind]])
        await soon(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("hub ")])
        return self.feed.told[0] if self.feed.told else None

    async def look(self) -> None:
        """Look at the heads."""
        self.questions.look()
        await soon(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "hub heads"])

    def failing(self, later: float = 0.0) -> list[str]:
        """Return what is failing, so many seconds from now."""
        return self.questions.failing(asyncio.get_running_loop().time() + later)


QUESTIONS: dict[str, Effect] = {
    "read": ReadLog(STREAM, EPOCH, 10, 12, MARK, Purpose.HEAL),
    "verify": Verify(STREAM, EPOCH, MARK),
    "snapshot": ReadSnapshot(
        STREAM, MaterialisedView(EVERYTHING, frame_max_bytes=1024, trail_changes=10, backlog_changes=10), 10
    ),
    "doubt": Doubt(STREAM, EPOCH, MARK),
}
NAMES = {
    "read": "reading changes of 'shop'",
    "verify": "verifying a mark of 'shop'",
    "snapshot": "reading rows of 'shop'",
    "doubt": "passing on a doubt of 'shop'",
}


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Questions that are put again without a pause."""
    monkeypatch.setattr(module, "FAILED_READ_SECONDS", 0.0)
    made = Desk()
    await made.look()
    yield made
    await made.questions.close()


@pytest.mark.parametrize("error", [OUTAGE, BUG], ids=["outage", "bug"])
@pytest.mark.parametrize("kind", QUESTIONS)
async def test_a_failed_question_is_told_and_shows_until_its_kind_is_answered(
    desk: Desk, kind: str, error: Exception
) -> None:
    """The machine hears of it as an outage, also when the reader has a bug; no task dies of it."""
    desk.log.fails[kind] = error
    told = await desk.ask(kind)
    reason = str(error) if error is OUTAGE else f"reading the log crashed: {error!r}"
    if kind != "doubt":
        assert told is not None
        assert (told[0], type(told[1]), str(told[1])) == ("failure", LogUnavailable, reason)
    assert desk.failing() == [f"{NAMES[kind]} fails: {reason}"]
    desk.log.fails.clear()
    for other in QUESTIONS:
        if other != kind:
            await desk.ask(other)
    await desk.look()
    assert desk.failing() == [f"{NAMES[kind]} fails: {reason}"], "another kind tells nothing of it"
    await desk.ask(kind)
    assert desk.failing() == []
    assert desk.questions.died == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("read", EpochChanged("another log")),
        ("read", FloorPassed("begins later")),
        ("snapshot", SnapshotTooLarge("too many rows")),
    ],
)
async def test_a_refusal_is_an_answer(desk: Desk, kind: str, error: Exception) -> None:
    """What the log holds no longer, or holds too much of, is told as it is, and is no outage: the log spoke."""
    desk.log.fails[kind] = OUTAGE
    await desk.ask(kind)
    desk.log.fails[kind] = error
    assert await desk.ask(kind) == ("failure", error)
    assert desk.failing() == []


async def test_a_bug_in_a_projection_is_not_the_logs(desk: Desk) -> None:
    """The rows were read; that they can't be shown is told to the machine as it is."""
    desk.log.rows = ((RowKey("item", "a"), {"x": "broken"}),)
    told = await desk.ask("snapshot")
    assert told is not None
    assert (told[0], type(told[1])) == ("failure", ValueError)
    assert desk.failing() == []


async def test_an_outage_of_the_whole_log_explains_what_failed_in_it(desk: Desk) -> None:
    """When the heads can be read again, what failed before is forgotten: nobody may ask it again."""
    desk.log.fails = {"heads": OUTAGE, "snapshot": OUTAGE}
    await desk.ask("snapshot")
    await desk.look()
    assert str(desk.questions.log_error) == str(OUTAGE)
    assert len(desk.failing()) == 1
    desk.log.fails.clear()
    await desk.look()
    assert (desk.questions.log_error, desk.failing()) == (None, [])


async def test_a_bug_in_reading_the_heads_is_an_outage(desk: Desk) -> None:
    """It shows, and the next look may succeed."""
    desk.log.fails["heads"] = BUG
    await desk.look()
    assert repr(BUG) in str(desk.questions.log_error)
    desk.log.fails.clear()
    await desk.look()
    assert (desk.questions.log_error, desk.questions.died) == (None, [])


async def test_a_failure_that_nobody_repeats_is_forgotten(desk: Desk) -> None:
    """Without traffic nobody asks again, and without being ready there is no traffic."""
    desk.log.fails["snapshot"] = OUTAGE
    await desk.ask("snapshot")
    assert len(desk.failing(module.FAILED_SECONDS - 1)) == 1
    assert desk.failing(module.FAILED_SECONDS + 1) == []


async def test_a_hub_whose_snapshots_fail_is_not_ready_though_its_heads_are_read() -> None:
    """Health says what fails, and is well again with the first snapshot."""
    log = FakeLog()
    hub = Hub(settings=RealtimeSettings(deployment="test"), streams={STREAM: {}}, log=log, bus=SilentWire())
    await hub.start()
    try:
        await soon(lambda: hub.health().ready)
        log.fails["snapshot"] = BUG
        refused = Recorder()
        hub.subscribe(refused, EVERYTHING, None, lambda epoch: epoch)
        await soon(lambda: refused.calls == [("failed", "unavailable")])
        health = hub.health()
        assert (health.ready, health.reasons) == (
            False, [f"{NAMES['snapshot']} fails: reading the log crashed: {BUG!r}"]
        )  # fmt: skip
        log.fails.clear()
        served = Recorder()
        hub.subscribe(served, EVERYTHING, None, lambda epoch: epoch)
        await soon(lambda: served.calls == [("opened", 10, {})])
        assert hub.health().ready
    finally:
        await hub.close()


async def test_a_hub_that_never_hears_a_relay_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that has been started after the last relay was gone."""
    hub = Hub(settings=RealtimeSettings(deployment="test"), streams={}, log=FakeLog(), bus=SilentWire())
    await hub.start()
    try:
        await soon(lambda: hub.health().ready)
        assert not hub.health().degraded
        monkeypatch.setattr("realtime.drivers.hub.RELAY_SILENT_SECONDS", -1.0)
        assert hub.health().degraded
        assert "no relay has been heard" in hub.health().reasons[0]
    finally:
        await hub.close()
