"""The questions of the hub's machines, put to the change log: each becomes a task, and its answer an input.

Heads are read for all streams by one query, and by one at a time: who asks while it is under way waits for
the next, so that an answer is never older than its question.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import structlog

from realtime import metrics
from realtime.drivers.ending import end
from realtime.drivers.snapshots import Snapshots, Tables
from realtime.errors import EpochChanged, FloorPassed, LogUnavailable, PeerError, RealtimeError
from realtime.pure.changes import Head, LogRange, Mark, Snapshot
from realtime.pure.content import Content, content_of
from realtime.pure.effects import (
    AskHead,
    Count,
    Crash,
    Doubt,
    Effect,
    Expect,
    Gather,
    ReadLog,
    ReadSnapshot,
    Verify,
    WriteLane,
)
from realtime.pure.feed import Feed
from realtime.pure.lane import Lane
from realtime.pure.selection import Selection

READ_CHANGES = 5_000
"""So many changes are asked of the log at once: delivering them holds the loop for a tenth of a second at most."""

FAILED_READ_SECONDS = 0.25
"""A read that failed is not repeated sooner."""

FAILED_SECONDS = 30.0
"""So long a failed question tells of the log. Who still needs an answer asks again sooner; perhaps nobody does."""

EXPECT_SECONDS = 0.03
"""How long the wire may take to bring what the log is known to hold, before the log is read."""

GATHER_SECONDS = 0.03
"""How long cursors are gathered for one replay."""

LARGE_ROWS = 500
"""Snapshots with more rows are rendered in a thread."""

logger = structlog.get_logger("realtime.hub")


class Log(Tables, Protocol):
    """The change log and the watched tables, as a hub needs it (see `realtime.adapters.log.LogReader`)."""

    async def heads(self) -> dict[str, Head]:
        """Return the heads of all streams."""

    async def read(self, stream: str, epoch: str, after: int, upto: int, *, known: Mark | None, limit: int) -> LogRange:
        """Return a range of changes."""

    async def verify(self, stream: str, epoch: str, known: Mark) -> bool:
        """Tell whether the log holds the mark."""

    async def doubt(self, stream: str, epoch: str, known: Mark) -> None:
        """Ask the relay to verify the mark."""

    async def close(self) -> None:
        """End all connections."""


class Questions:
    """Carries out the effects of all feeds of a hub, on one event loop."""

    def __init__(
        self, feeds: Mapping[str, Feed], log: Log, *, max_rows: int, write_lane: Callable[[Lane], None]
    ) -> None:
        self.wire_is_down = False
        """Nothing is to be expected of the wire: the log is read at once."""
        self.log_error: RealtimeError | None = LogUnavailable("the change log has not been looked at yet")
        """Why the last look at the heads failed."""
        self.log_answered_at = 0.0
        self.died: list[str] = []
        """Tasks that an exception ended: the machine waits for answers that will not come."""
        self._failed: dict[str, tuple[float, str]] = {}
        """When, and how, the last question of a kind failed."""
        self._feeds = feeds
        self._log = log
        self._write_lane = write_lane
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: list[AskHead] = []
        self._heads: asyncio.Task[None] | None = None
        self._snapshots = Snapshots(
            log, max_rows=max_rows, start=self._start, asking=self._asking, told=self._answer_snapshot
        )
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="hub-render")

    async def close(self) -> None:
        """End everything under way."""
        self._snapshots.close()
        await end(self._tasks)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def perform(self, effects: list[Effect]) -> None:
        """Carry out what a feed asked for."""
        for effect in effects:
            self._perform(effect)

    def failing(self, now: float) -> list[str]:
        """Return why questions about the log have failed lately, where none of the kind was answered since."""
        return [reason for at, reason in self._failed.values() if now - at <= FAILED_SECONDS]

    def look(self) -> None:
        """Read the heads, unless that is under way, and answer whoever has asked for them."""
        if self._heads is None:
            self._heads = self._start("heads", self._answer_heads())

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Count():
                self._count(effect)
            case WriteLane():
                self._write_lane(effect.lane)
            case AskHead():
                self._asked.append(effect)
                self.look()
            case ReadLog():
                self._start(f"read {effect.stream}", self._answer_range(effect))
            case Verify():
                self._start(f"verify {effect.stream}", self._answer_verify(effect))
            case Doubt():
                self._start(f"doubt {effect.stream}", self._pass_doubt(effect))
            case ReadSnapshot():
                self._snapshots.ask(effect)
            case Expect():
                seconds = 0.0 if self.wire_is_down else EXPECT_SECONDS
                self._start(f"expect {effect.stream}", self._hand_back(seconds, effect))
            case Gather():
                self._start(f"gather {effect.stream}", self._hand_back(GATHER_SECONDS, effect))
            case Crash():
                logger.error("hub_contained_crash", what=effect.what, exc_info=effect.error)

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"hub {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.died.append(task.get_name())
            logger.critical("hub_task_crashed", task=task.get_name(), exc_info=error)

    async def _hand_back(self, seconds: float, effect: Expect | Gather) -> None:
        await asyncio.sleep(seconds)
        feed = self._feeds[effect.stream]
        self.perform(feed.overdue(effect) if isinstance(effect, Expect) else feed.gathered(effect))

    async def _answer_heads(self) -> None:
        try:
            while True:
                asked, self._asked = self._asked, []
                heads = await self._read_heads()
                for one in asked:
                    feed, head = self._feeds[one.stream], heads.get(one.stream)
                    self.perform(feed.head_failed(one) if head is None else feed.head_answered(one, head))
                if not self._asked:
                    return
        finally:
            self._heads = None

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Note whether the log answers this kind of question; raises RealtimeError alone."""
        try:
            yield
        except (EpochChanged, FloorPassed, PeerError):  # These are answers.
            self._failed.pop(what, None)
            raise
        except Exception as error:  # noqa: BLE001 - as below
            told = self._told(error)
            self._failed[what] = asyncio.get_running_loop().time(), f"{what} fails: {told}"
            raise told from None  # It has been logged.
        self._failed.pop(what, None)

    async def _read_heads(self) -> dict[str, Head]:
        try:
            heads = await self._log.heads()
        except Exception as error:  # noqa: BLE001 - as below
            if str(error) != str(self.log_error):
                logger.warning("hub_log_out_of_reach", error=str(error))
            self.log_error = self._told(error)
            return {}
        if self.log_error is not None:
            self._failed.clear()  # The outage explains them; if there is more to it they fail again.
        self.log_error, self.log_answered_at = None, asyncio.get_running_loop().time()
        return heads

    async def _answer_range(self, asked: ReadLog) -> None:
        feed = self._feeds[asked.stream]
        try:
            with self._asking(f"reading changes of {asked.stream!r}"):
                read = await self._log.read(
                    asked.stream, asked.epoch, asked.after, asked.upto, known=asked.mark, limit=READ_CHANGES
                )
        except RealtimeError as error:
            logger.info("hub_read_failed", stream=asked.stream, error=str(error))
            await asyncio.sleep(FAILED_READ_SECONDS)
            self.perform(feed.log_failed(asked, error))
        else:
            self.perform(feed.range_read(asked, read))

    async def _answer_verify(self, asked: Verify) -> None:
        feed = self._feeds[asked.stream]
        try:
            with self._asking(f"verifying a mark of {asked.stream!r}"):
                holds = await self._log.verify(asked.stream, asked.epoch, asked.mark)
        except RealtimeError as error:
            await asyncio.sleep(FAILED_READ_SECONDS)
            self.perform(feed.log_failed(asked, error))
        else:
            self.perform(feed.verified(asked, holds=holds))

    async def _answer_snapshot(self, asked: ReadSnapshot, found: Snapshot | Exception) -> None:
        feed, now = self._feeds[asked.stream], asyncio.get_running_loop().time
        if isinstance(found, Exception):
            self.perform(feed.snapshot_failed(asked, found, now()))
            return
        try:
            content = await self._render(asked.view.selection, found)
        except Exception as error:  # noqa: BLE001 - a projection's
            self.perform(feed.snapshot_failed(asked, error, now()))
        else:
            self.perform(feed.snapshot_read(asked, found, content, now()))

    async def _render(self, selection: Selection, snapshot: Snapshot) -> Content:
        if len(snapshot.rows) <= LARGE_ROWS:
            return content_of(selection, snapshot.rows)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, content_of, selection, snapshot.rows)

    async def _pass_doubt(self, effect: Doubt) -> None:
        logger.warning("hub_doubts_log", stream=effect.stream, epoch=effect.epoch, position=effect.mark.position)
        try:
            with self._asking(f"passing on a doubt of {effect.stream!r}"):
                await self._log.doubt(effect.stream, effect.epoch, effect.mark)
        except RealtimeError as error:  # The next look at the head doubts again.
            logger.warning("hub_doubt_not_passed", error=str(error))

    def _told(self, error: Exception) -> RealtimeError:
        """Return what the machine is told: it must hear of every end of its question.

        What no outage explains is a bug of ours; it is logged as one, and retried like an outage.
        """
        if isinstance(error, RealtimeError):
            return error
        logger.error("hub_read_crashed", exc_info=error)
        return LogUnavailable(f"reading the log crashed: {error!r}")

    def _count(self, effect: Count) -> None:
        counter, labels = COUNTERS[effect.metric], (effect.stream, effect.label)
        counter.labels(*(labels if effect.label else labels[:1])).inc(effect.amount)


COUNTERS = {
    "batches": metrics.hub_batches,
    "changes": metrics.hub_changes,
    "heals": metrics.hub_heals,
    "resets": metrics.hub_resets,
    "resumes": metrics.hub_resumes,
    "failures": metrics.hub_failures,
}
