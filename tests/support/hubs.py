"""A hub in the test's own process, on a real database and a real Redis, and who listens to it."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from channels.layers import get_channel_layer

from realtime.adapters.bus import Bus
from realtime.adapters.log import LogReader
from realtime.conf import RealtimeSettings
from realtime.drivers.ending import end
from realtime.drivers.hub import Hub
from realtime.drivers.relay import Relay
from realtime.errors import PeerError
from realtime.pure.changes import LogRange, Mark, Row, RowKey, Snapshot
from realtime.pure.selection import Part, Projection, Selection
from realtime.pure.view import Update, View
from tests.support import shelf
from tests.support.databases import Database
from tests.support.waiting import soon


def shown(row: Row) -> dict[str, Any]:
    """Project an item: its price is not shown."""
    return {"name": row["name"], "main": row["main_id"]}


ITEM = Projection("item", "1", shown)
ITEMS = Selection(shelf.STREAM, (Part("item", ((),), ITEM),))


def items_of(category: int) -> Selection:
    """Select the items of a category."""
    return Selection(shelf.STREAM, (Part("item", ((("main_id", category),),), ITEM),))


def same_epoch(epoch: str) -> str:
    """Give clients the log's epoch as it is."""
    return epoch


@dataclass(eq=False)
class Listener:
    """One subscription, applied as a client does. `calls` holds what it was told, by name."""

    rows: dict[RowKey, Any] = field(default_factory=dict)
    epoch: str = ""
    position: int = -1
    calls: list[str] = field(default_factory=list)
    error: PeerError | None = None
    updates: list[Update] = field(default_factory=list)
    view: View | None = None
    went_back: list[tuple[int, int]] = field(default_factory=list)

    def opened(self, view: View, touched: Collection[RowKey] | None) -> None:
        """Take a snapshot, or the state of the touched rows."""
        self.calls.append("snapshot" if touched is None else "resumed")
        if touched is None:
            self._replace(view)
        else:
            for key in touched:
                fragment = view.fragment(key)
                self._apply(json.loads(fragment) if fragment else {"kind": key.kind, "key": key.key, "row": None})
        self._arrive(view, view.position)

    def changed(self, view: View, update: Update) -> None:
        """Take one batch's changes."""
        self.calls.append("changed")
        self.updates.append(update)
        for item in json.loads(b"[" + b",".join(update.bodies) + b"]"):
            self._apply(item)
        self._arrive(view, update.position)

    def reset(self, view: View) -> None:
        """Take a pushed snapshot."""
        self.calls.append("reset")
        self._replace(view)
        self._arrive(view, view.position)

    def revoked(self, view: View) -> None:
        """Lose the topic."""
        self.calls.append("revoked")
        self.view = None

    def failed(self, error: PeerError) -> None:
        """Be refused."""
        self.calls.append("failed")
        self.error, self.view = error, None

    @property
    def cursor(self) -> tuple[str, int]:
        """What the client would come back with."""
        return self.epoch, self.position

    def names(self) -> dict[str, str]:
        """Return the names of the items, by key."""
        return {key.key: row["name"] for key, row in self.rows.items()}

    def _replace(self, view: View) -> None:
        items = json.loads(b"[" + b",".join(view.snapshot_bodies()) + b"]")
        self.rows = {RowKey(item["kind"], item["key"]): item["row"] for item in items}

    def _apply(self, item: dict[str, Any]) -> None:
        key = RowKey(item["kind"], item["key"])
        if item["row"] is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = item["row"]

    def _arrive(self, view: View, position: int) -> None:
        if view.epoch == self.epoch and position < self.position:
            self.went_back.append((self.position, position))
        self.view, self.epoch, self.position = view, view.epoch, position


class GatedLog(LogReader):
    """A log reader that a test can hold up before a snapshot is read, and before its answer is given."""

    def __init__(self) -> None:
        super().__init__(shelf.engine_conninfo(), shelf.CAPTURES)
        self.before_snapshot = asyncio.Event()
        self.after_snapshot = asyncio.Event()
        self.before_snapshot.set()
        self.after_snapshot.set()
        self.snapshots_begun = 0
        self.snapshots_read = 0
        self.reads: list[tuple[int, int]] = []

    async def snapshots(
        self, selections: Sequence[Selection], *, max_rows: int, statement_milliseconds: int | None = None
    ) -> list[Snapshot | Exception]:
        """Read snapshots between the two gates."""
        self.snapshots_begun += len(selections)
        await self.before_snapshot.wait()
        found = await super().snapshots(selections, max_rows=max_rows, statement_milliseconds=statement_milliseconds)
        self.snapshots_read += len(selections)
        await self.after_snapshot.wait()
        return found

    async def read(self, stream: str, epoch: str, after: int, upto: int, *, known: Mark | None, limit: int) -> LogRange:
        """Read a range, and note it."""
        self.reads.append((after, upto))
        return await super().read(stream, epoch, after, upto, known=known, limit=limit)


Tamper = Callable[[bytes], list[bytes]]


class TamperedBus(Bus):
    """The real bus, whose batches a test can lose, double, reorder and add to before the hub sees them."""

    tamper: Tamper = staticmethod(lambda payload: [payload])

    @property
    def listens(self) -> bool:
        """Tell whether it has joined its groups."""
        return bool(self._groups)

    async def receive(self) -> bytes:
        """Return what the test makes of the next batches."""
        if not hasattr(self, "_ready"):
            self._ready: deque[bytes] = deque()
        while not self._ready:
            self._ready.extend(self.tamper(await super().receive()))
        return self._ready.popleft()


@dataclass
class Stage:
    """A hub on the test's database and Redis; `relay` gives positions to what is committed and publishes it."""

    hub: Hub
    log: GatedLog
    bus: TamperedBus
    database: Database

    async def assign(self) -> None:
        """Let a relay give positions to all that is committed, publish it on the real bus, and end."""
        settings = chosen()
        await Relay(shelf.engine_conninfo(), Bus.of(settings), settings).drain()

    async def arrived(self) -> None:
        """Wait until the hub has come to the head."""
        head = await self.head()
        await soon(lambda: self.hub.feeds[shelf.STREAM].line.position >= head)

    def listen(self, selection: Selection = ITEMS, cursor: tuple[str, int] | None = None, **had: Any) -> Listener:
        """Subscribe; `had` is what the client has from before (rows, epoch, position)."""
        listener = Listener(**had)
        self.hub.subscribe(listener, selection, cursor, same_epoch)
        return listener

    async def opened(self, selection: Selection = ITEMS, cursor: tuple[str, int] | None = None, **had: Any) -> Listener:
        """Subscribe, and wait until that is answered."""
        listener = self.listen(selection, cursor, **had)
        await soon(lambda: listener.calls)
        return listener

    def table(self, where: str = "true") -> dict[str, str]:
        """Return the names of the items in the table, by key."""
        rows = self.database.execute(f"SELECT id::text, name FROM shelf_item WHERE {where}")
        return dict(rows)

    async def equal(self, listener: Listener, where: str = "true", seconds: float = 10.0) -> None:
        """Wait until the listener has the table's rows, having never gone back."""
        await soon(lambda: listener.names() == self.table(where), seconds, what="the view equals the table")
        assert listener.went_back == []

    async def head(self) -> int:
        """Return the head of the stream."""
        return (await self.log.heads())[shelf.STREAM].position


def chosen(**changes: Any) -> RealtimeSettings:
    """Return settings for a test."""
    return RealtimeSettings(deployment="test", **changes)


@asynccontextmanager
async def hub_on(database: Database, **changes: Any) -> AsyncIterator[Stage]:
    """Run a hub on the shelf."""
    settings = chosen(**changes)
    log = GatedLog()
    bus = TamperedBus(get_channel_layer(settings.channel_layer), settings.deployment)
    hub = Hub(settings=settings, streams={shelf.STREAM: shelf.CAPTURES}, log=log, bus=bus)
    await hub.start()
    try:
        await soon(lambda: hub.health().ready and (bus.listens or hub.health().degraded))
        await soon(lambda: hub.feeds[shelf.STREAM].line.epoch, what="the hub knows the stream")
        yield Stage(hub, log, bus, database)
    finally:
        log.before_snapshot.set()
        log.after_snapshot.set()
        await hub.close()
        await get_channel_layer(settings.channel_layer).flush()


@asynccontextmanager
async def relay_on(**changes: Any) -> AsyncIterator[None]:
    """Run a relay that publishes on the real bus."""
    settings = chosen(**changes)
    relay = Relay(shelf.engine_conninfo(), Bus.of(settings), settings)
    task = asyncio.create_task(relay.run(), name="relay")
    try:
        await soon(relay.started.is_set)
        yield
    finally:
        await end([task])


@asynccontextmanager
async def stage(database: Database, **changes: Any) -> AsyncIterator[Stage]:
    """Run a hub and a relay on the shelf."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(relay_on(**changes))
        yield await stack.enter_async_context(hub_on(database, **changes))
