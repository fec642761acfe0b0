"""The hub of one server process: keeps its streams contiguous and fans out (see `realtime.pure.feed`).

    reader    the one long-lived reader of the bus: every batch goes to the feed of its stream
    clock     looks at the heads within every second, and more often while the bus is down
    watch     pings the bus
    and a short task for each question that a machine asks (see `realtime.drivers.questions`)

Everything runs on one event loop; nothing here is safe to call from another thread. The hub starts in any state
of PostgreSQL and Redis, and follows them as they come and go.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import structlog

from realtime import metrics
from realtime.conf import RealtimeSettings
from realtime.drivers.ending import end
from realtime.drivers.fanout import Fanout
from realtime.drivers.questions import Log, Questions
from realtime.errors import BusUnavailable
from realtime.pure.changes import Capture
from realtime.pure.feed import Feed, FeedLimits
from realtime.pure.gaps import Trust
from realtime.pure.selection import Selection
from realtime.pure.view import Subscriber
from realtime.pure.wire import decode_batch

PING_SECONDS = 1.0
RETRY_SECONDS = 0.25
RELAY_SILENT_SECONDS = 10.0
"""A relay sends a heartbeat each second; after so long without a word there is none."""

LOG_SILENT_SECONDS = 5.0
"""A head check takes milliseconds, and there is one each second."""

logger = structlog.get_logger("realtime.hub")


class Wire(Protocol):
    """The bus, as a hub needs it (see `realtime.adapters.bus.Bus`)."""

    async def subscribe(self, streams: list[str]) -> None:
        """Listen to the streams."""

    async def receive(self) -> bytes:
        """Wait for the next batch."""

    async def ping(self) -> None:
        """Raise BusUnavailable when the bus takes nothing."""

    async def close(self) -> None:
        """Listen no more."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether changes come through here. Degraded: they do, but late, by the log alone."""

    ready: bool
    degraded: bool
    reasons: list[str] = field(default_factory=list)


class Hub:
    """All streams of one process. `start` it before anything else, `close` it at the end, in the same loop."""

    def __init__(
        self, *, settings: RealtimeSettings, streams: Mapping[str, Mapping[str, Capture]], log: Log, bus: Wire
    ) -> None:
        limits = FeedLimits(
            frame_max_bytes=settings.frame_max_bytes,
            ring_changes=settings.ring_changes,
            resume_max_changes=settings.resume_max_changes,
            snapshot_wait_seconds=settings.snapshot_wait_seconds,
        )
        self.feeds = {name: Feed(name, limits) for name in streams}
        self._captures = {kind: capture for captures in streams.values() for kind, capture in captures.items()}
        self._settings = settings
        self._log = log
        self._bus = bus
        self._fanout = Fanout(stale_seconds=settings.identity_stale_seconds)
        self._questions = Questions(self.feeds, log, max_rows=settings.snapshot_max_rows, write_lane=self._fanout.add)
        self._tasks: list[asyncio.Task[None]] = []
        self._bus_error: BusUnavailable | None = None
        self._relay_heard_at = 0.0

    async def start(self) -> None:
        """Begin to follow the streams; once is enough."""
        if not self._tasks:
            self._relay_heard_at = asyncio.get_running_loop().time()
            self._tasks = [
                self._keep("reader", self._read()),
                self._keep("clock", self._tick()),
                self._keep("watch", self._watch()),
            ]

    async def close(self) -> None:
        """End all tasks and connections; subscribers are told nothing more."""
        await end(self._tasks)
        self._fanout.close()
        await self._questions.close()
        await self._bus.close()
        await self._log.close()

    def subscribe(
        self,
        subscriber: Subscriber,
        selection: Selection,
        cursor: tuple[str, int] | None,
        epoch_for: Callable[[str], str],
    ) -> None:
        """Attach a subscriber to the view of a selection; it is told `opened` or `failed`, perhaps at once.

        `cursor` is the client's epoch and position; it is resumed if `epoch_for` gives that epoch for the log's.
        """
        feed, now = self.feeds[selection.stream], asyncio.get_running_loop().time()
        self._questions.perform(feed.subscribe(subscriber, selection, cursor, epoch_for, now))

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Detach a subscriber, open or waiting; it is told nothing more. Does nothing for an unknown one."""
        for feed in self.feeds.values():
            self._questions.perform(feed.unsubscribe(subscriber))

    def health(self) -> Health:
        """Tell whether a change can come through, by the wire or by the log."""
        now = asyncio.get_running_loop().time()
        died = [task.get_name() for task in self._tasks if task.done()] + self._questions.died
        unready = [f"task {name!r} has ended" for name in died]
        if error := self._questions.log_error:
            unready.append(str(error))
        elif now - self._questions.log_answered_at > LOG_SILENT_SECONDS:
            unready.append(f"the change log has not answered for {LOG_SILENT_SECONDS:.0f} seconds")
        unready += self._questions.failing(now)
        degraded = [str(self._bus_error)] if self._bus_error else self._relay_silence(now)
        doubted = [feed.stream for feed in self.feeds.values() if feed.line.trust is Trust.DOUBTED]
        degraded += [f"stream {name!r}: waiting for the relay to verify the log" for name in doubted]
        return Health(ready=not unready, degraded=bool(degraded), reasons=unready + degraded)

    def _relay_silence(self, now: float) -> list[str]:
        if now - self._relay_heard_at > RELAY_SILENT_SECONDS:
            return [f"no relay has been heard for {RELAY_SILENT_SECONDS:.0f} seconds"]
        return []

    def _keep(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"hub {name}")
        task.add_done_callback(_say_why)
        return task

    async def _read(self) -> None:
        """Read the bus for as long as the hub lives."""
        subscribed = False
        while True:
            try:
                if not subscribed:
                    await self._bus.subscribe(list(self.feeds))
                    subscribed = True
                self._take(await self._bus.receive())
            except BusUnavailable as error:
                logger.info("hub_bus_read_failed", error=str(error))
                subscribed = False
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(0)  # A full queue never waits: let others have their turn.

    def _take(self, payload: bytes) -> None:
        try:
            batch = decode_batch(payload, self._captures)
        except msgspec.DecodeError as error:
            logger.warning("hub_batch_unreadable", error=str(error), bytes=len(payload))
            return
        self._relay_heard_at = asyncio.get_running_loop().time()
        if feed := self.feeds.get(batch.stream):
            self._questions.perform(feed.batch_received(batch))

    async def _tick(self) -> None:
        """Look at the heads: what is lost on the wire leaves no trace there."""
        settings, now = self._settings, asyncio.get_running_loop().time
        while True:
            self._questions.look()
            for feed in self.feeds.values():
                self._questions.perform(feed.tick(now()))
                self._measure(feed)
            down = self._questions.wire_is_down
            await asyncio.sleep(settings.head_check_bus_down_seconds if down else settings.head_check_seconds)

    async def _watch(self) -> None:
        """Keep asking the bus whether it takes messages."""
        while True:
            try:
                await self._bus.ping()
            except BusUnavailable as error:
                if self._bus_error is None:
                    metrics.bus_failures.inc()
                    logger.warning("hub_bus_out_of_reach", error=str(error))
                self._bus_error, self._questions.wire_is_down = error, True
            else:
                self._bus_error, self._questions.wire_is_down = None, False
            await asyncio.sleep(RETRY_SECONDS if self._bus_error else PING_SECONDS)

    def _measure(self, feed: Feed) -> None:
        metrics.hub_views.labels(feed.stream).set(len(feed.audience.views))
        metrics.hub_subscriptions.labels(feed.stream).set(feed.audience.subscriptions)
        metrics.hub_head.labels(feed.stream).set(feed.line.position)
        metrics.hub_behind.labels(feed.stream).set(feed.line.target - feed.line.position)


def _say_why(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("hub_task_died", task=task.get_name(), exc_info=error)
