"""The relay: gives positions to committed changes and publishes them.

    connect → verify what was known ─┬→ look → (work) lock, assign, commit → read back → publish ─┐
                                     └────────── wait, in PostgreSQL, until there is work ←───────┘

Once a second it also sends heartbeats, answers doubts and makes room in the log, now and then it prunes. It
waits for no one: a change is taken once it is visible, publishing has a task of its own. Any number of relays
may run; the lock on the streams' rows is the fence. When anything fails on its connection, the relay drops
that and begins anew.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from enum import Enum
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from realtime import metrics
from realtime.adapters import assignment, epochs, segments
from realtime.adapters.assignment import Assigned, LowWater, Waiting
from realtime.adapters.epochs import Known, StreamState
from realtime.conf import RealtimeSettings
from realtime.drivers.ending import end
from realtime.drivers.publisher import Publisher, Wire
from realtime.pure.changes import Mark
from realtime.pure.wire import encode_batch

HOUSEKEEPING_SECONDS = 1.0
PRUNE_SECONDS = 60.0
BACKOFF_SECONDS = (0.05, 5.0)
"""The first and the longest pause before the relay begins anew; doubled each time, with full jitter."""

logger = structlog.get_logger("realtime.relay")


class Step(Enum):
    """What the relay has just done. Tests stop, freeze or kill it there."""

    CONNECTED = "connected"
    VERIFIED = "verified"
    FOUND = "found"
    BEGUN = "begun"
    LOCKED = "locked"
    ASSIGNED = "assigned"
    COMMITTED = "committed"
    READ = "read"
    PUBLISHED = "published"


class Found(Enum):
    """What one look at the inbox led to."""

    NOTHING = "nothing"
    ALL = "all of it was relayed"
    MORE = "a slice of it was relayed, more is left"


OnStep = Callable[[Step], Awaitable[None]]

FAILURES = (psycopg.Error, OSError, TimeoutError)
"""What an outage of PostgreSQL looks like."""


class Relay:
    """One relay on one connection. `on_step` is awaited after each step, which then are separate round trips."""

    def __init__(self, conninfo: str, wire: Wire, settings: RealtimeSettings, *, on_step: OnStep | None = None) -> None:
        self._conninfo = assignment.relay_conninfo(conninfo)
        self._settings = settings
        self._publisher = Publisher(wire)
        self._on_step = on_step
        self._known: dict[str, Known] = {}
        self._low = LowWater()
        self._clear_at = self.moved_at = time.monotonic()
        self.looked_at: float | None = None
        self._housekeeping_at = self._prune_at = 0.0
        self.started = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled. Raises a psycopg.Error when the first connection can't be made or verified."""
        pause = BACKOFF_SECONDS[0]
        async with self._publishing():
            while True:
                try:
                    async with self._connected() as connection:
                        pause = BACKOFF_SECONDS[0]
                        await self._serve(connection)
                except FAILURES as error:
                    if not self.started.is_set():
                        raise
                    self.moved_at = time.monotonic()
                    metrics.relay_retries.inc()
                    logger.warning("relay_begins_anew", error=" ".join(str(error).split()) or type(error).__name__)
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - jitter
                pause = min(pause * 2, BACKOFF_SECONDS[1])

    async def drain(self) -> None:
        """Give positions to all that is visible now, publish it and return. Raises a psycopg.Error."""
        async with self._publishing(), self._connected() as connection:
            while await self._turn(connection) is not Found.NOTHING:
                pass
            await self._publisher.flushed()

    @asynccontextmanager
    async def _publishing(self) -> AsyncIterator[None]:
        publishing = asyncio.create_task(self._publisher.run(), name="relay-publisher")
        try:
            yield
        finally:
            await end([publishing])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Give a connection on which everything known has been verified."""
        connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        try:
            await self._step(Step.CONNECTED)
            self._low = LowWater()
            await self._verify(connection)
            await self._step(Step.VERIFIED)
            if not self.started.is_set():
                logger.info("relay_ready", streams=sorted(self._known))
            self.started.set()
            yield connection
        finally:
            await connection.close()

    async def _serve(self, connection: AsyncConnection[Any]) -> None:
        while True:
            if await self._turn(connection) is not Found.MORE:
                await assignment.wait(connection, self._low, self._settings.relay_poll_seconds)
                self._clear_at = time.monotonic()

    async def _turn(self, connection: AsyncConnection[Any]) -> Found:
        """Look once, relay one slice of what is found, keep house when it is time."""
        waiting = await assignment.look(connection, self._low)
        now = self.looked_at = self.moved_at = time.monotonic()
        found = Found.NOTHING
        if waiting.first is not None:
            found = await self._relay(connection, waiting)
        if found is not Found.MORE:
            self._clear_at = now
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + HOUSEKEEPING_SECONDS
            await self._keep_house(connection, waiting)
        return found

    async def _relay(self, connection: AsyncConnection[Any], waiting: Waiting) -> Found:
        """Assign and publish one slice of what waits."""
        await self._step(Step.FOUND)
        size = self._settings.relay_slice_changes
        while True:
            cut = await assignment.find_cut(connection, self._low, waiting, size)
            assigned = await self._assign(connection, cut)
            await self._step(Step.COMMITTED)
            if assigned or cut is None:
                break
            size *= 2  # One transaction is larger than the slice.
        for each in assigned:
            await self._publish(connection, each)
        return Found.ALL if cut is None else Found.MORE

    async def _assign(self, connection: AsyncConnection[Any], cut: int | None) -> list[Assigned]:
        """Number what is visible (below the cut) in one transaction and, unless stepped, one round trip."""
        together: AbstractAsyncContextManager[Any] = nullcontext() if self._on_step else connection.pipeline()
        mark = secrets.token_hex(8)
        try:
            async with together:
                await connection.execute("BEGIN")
                last_id = await connection.execute(assignment.LAST_ID, prepare=True)
                await self._step(Step.BEGUN)
                locked = await connection.execute(assignment.LOCK, prepare=True)
                await self._step(Step.LOCKED)
                numbered = await assignment.assign_statement(connection, self._low, cut, mark)
                await self._step(Step.ASSIGNED)
                await connection.execute("COMMIT")
        except psycopg.errors.CheckViolation:
            # The log has no segment for so many changes, or none yet for a new stream.
            await connection.execute("ROLLBACK")
            await self._verify(connection)
            return []
        last, own = await last_id.fetchone(), await locked.fetchone()
        if last is not None and own is not None:
            self._low.propose(last[0], int(own[0]))
        return [Assigned._make(row) for row in await numbered.fetchall()]

    async def _publish(self, connection: AsyncConnection[Any], assigned: Assigned) -> None:
        """Hand an assignment to the publisher: with its rows where they fit the wire, else as positions alone."""
        stream, epoch, number, before, since, head, mark, size = assigned
        self._known[stream] = Known(stream, epoch, Mark(head, mark), number)
        rows = None
        if size <= self._settings.batch_max_bytes:
            rows = await assignment.read_back(connection, assigned)
            if len(rows) != head - before:
                rows = None  # Another relay has made a new epoch and pruned this one meanwhile.
        await self._step(Step.READ)
        limit = self._settings.batch_max_bytes
        batch = encode_batch(stream, epoch, Mark(before, since), Mark(head, mark), rows, max_bytes=limit)
        self._publisher.offer(stream, batch)
        metrics.relay_changes.labels(stream).inc(head - before)
        metrics.relay_head.labels(stream).set(head)
        metrics.relay_lag.labels(stream).set(time.monotonic() - self._clear_at)
        if self._on_step:
            await self._publisher.flushed()
        await self._step(Step.PUBLISHED)

    async def _verify(self, connection: AsyncConnection[Any]) -> None:
        """Compare all streams with what is known of them, under their lock; make new epochs where they differ."""
        async with connection.transaction():
            streams = await epochs.lock_streams(connection)
            doubts = await epochs.take_doubts(connection)
            lost = await epochs.find_lost(connection, streams, [*self._known.values(), *doubts])
            for name, reason in lost.items():
                streams[name] = await epochs.make_epoch(connection, streams[name])
                metrics.relay_epochs.labels(name).inc()
                logger.warning("new_epoch", stream=name, epoch=streams[name].epoch, reason=reason)
            for state in streams.values():
                await segments.extend(connection, state, self._settings.log_segment_positions)
        for state in streams.values():
            self._remember(state)

    def _remember(self, state: StreamState) -> None:
        self._known[state.name] = Known(state.name, state.epoch, Mark(state.head, state.mark), state.epoch_number)
        metrics.relay_head.labels(state.name).set(state.head)
        metrics.relay_floor.labels(state.name).set(state.floor)

    async def _keep_house(self, connection: AsyncConnection[Any], waiting: Waiting) -> None:
        """Send heartbeats, answer doubts, make room, prune."""
        first, last = waiting.first, waiting.last
        metrics.relay_inbox.set(0 if first is None or last is None else last - first + 1)
        room = self._settings.log_segment_positions
        if await epochs.any_doubt(connection) or await segments.short_of_segments(connection, room):
            await self._verify(connection)
        self._low.check(await assignment.last_id(connection))
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_SECONDS
            await self._prune(connection)
        for state in await epochs.read_streams(connection):
            head = Mark(state.head, state.mark)
            beat = encode_batch(state.name, state.epoch, head, head, [], max_bytes=1024)
            self._publisher.offer(state.name, beat)
            metrics.relay_heartbeats.labels(state.name).inc()

    async def _prune(self, connection: AsyncConnection[Any]) -> None:
        """Drop old segments of each stream; what a long reader holds up is dropped the next time."""
        try:
            async with connection.transaction():
                await connection.execute(segments.PATIENCE)
                for state in (await epochs.lock_streams(connection)).values():
                    dropped = await segments.prune(connection, state, self._settings.log_retention_seconds)
                    metrics.relay_pruned_segments.labels(state.name).inc(dropped)
        except psycopg.errors.LockNotAvailable:
            logger.info("prune_postponed")

    async def _step(self, step: Step) -> None:
        if self._on_step is not None:
            await self._on_step(step)
