"""A client that records: it does what docs/PROTOCOL.md asks of one, and keeps what it saw.

It pings often. What comes after the answer was written after the ping: however long a link holds back what it carries,
so much is known about when the server wrote.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from realtime.drivers.ending import end
from tests.faults.history import Connection, Cursor, History, Reads
from tests.faults.shelf import Frame, Shelf, owners_in
from tests.faults.wire import Wire
from tests.faults.writing import Mark

PING_SECONDS = 0.25
ASKING_SECONDS = 1.0
"""How often one that reads nothing asks all the same."""

BACK_SECONDS = (0.05, 0.5)
RETRY_SECONDS = (0.1, 0.4)
SLOWLY = {"at_once": 128, "pause_seconds": 0.125}
"""1 KB/s."""

HOP_SECONDS = (0.02, 0.2)
LEAVING = "leaving"

STAYS = 1000
STAYS_AWAY = 4500

decode = msgspec.json.Decoder(Frame).decode


class Waiting:
    """What a recorder has still to be told until it is complete to a mark."""

    def __init__(self, mark: Mark, topics: set[str], at: float) -> None:
        self.mark = mark
        self.topics = topics
        self.at = at
        self.done = asyncio.get_running_loop().create_future()

    def look(self, shelf: Shelf, now: float) -> None:
        """See whether a topic is there, or not to be had any more."""
        if shelf.topic in self.topics and (not shelf.wanted or self.mark.reached(shelf.topic, shelf.rows)):
            self.topics.discard(shelf.topic)
            self.at = max(self.at, now)
        if not self.topics and not self.done.done():
            self.done.set_result(self.at)


class Recorder:
    """One client. `port` may be a function: where to go this time.

    One that `hops` leaves a topic and comes back without a cursor, again and again: so snapshots meet the stream while
    everything is under way, above all in topics that nobody else watches.
    """

    def __init__(
        self,
        name: str,
        person: str,
        cookie: str,
        topics: list[str],
        port: int | Callable[[], int],
        *,
        max_rate: float | None = None,
        reads: Reads = Reads.ALL,
        hops: bool = False,
    ) -> None:
        self.name = name
        self.person = person
        self.reads = reads
        self.history = History(name, person, reads)
        self.shelves = {topic: Shelf(topic) for topic in topics}
        self.closed = False
        self._cookie = cookie
        self._port = port
        self._max_rate = max_rate
        self._hops = hops
        self._wire: Wire | None = None
        self._connection: Connection | None = None
        self._heard_at = 0.0
        self._heartbeat_seconds = 15.0
        self._held = False
        self._free = asyncio.Event()
        self._free.set()
        self._asked: dict[int, Shelf] = {}
        self._number = 0
        self._waiting: list[Waiting] = []
        self._random = random.Random(name)
        self._leaving: set[str] = set()
        self._task = asyncio.create_task(self._run(), name=f"recorder {name}")

    @property
    def connected(self) -> bool:
        """Tell whether there is a connection."""
        return self._wire is not None

    def complete_to(self, topic: str) -> Cursor | None:
        """Return the opaque epoch and the position to which a topic is complete."""
        return self.shelves[topic].cursor

    async def ready(self, within: float) -> bool:
        """Wait until every topic has its rows, or was refused; tell whether that came about in time."""
        deadline = time.monotonic() + within
        while any(shelf.wanted and shelf.cursor is None for shelf in self.shelves.values()):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True

    async def caught_up(self, mark: Mark, within: float) -> float | None:
        """Return when all topics that are to be had were complete to the mark; None if they were not in time."""
        wanted = [shelf for shelf in self.shelves.values() if shelf.wanted]
        if not wanted:
            return mark.at
        waiting = Waiting(mark, {shelf.topic for shelf in wanted}, mark.at)
        self._waiting.append(waiting)
        for shelf in wanted:
            waiting.look(shelf, shelf.told_at)
        try:
            return await asyncio.wait_for(waiting.done, within)
        except TimeoutError:
            return None
        finally:
            self._waiting.remove(waiting)

    def sign_in(self, cookie: str) -> None:
        """Come with this session from now on, back if it stayed away, and ask once more for what was refused."""
        self._cookie = cookie
        if not self._held:
            self._free.set()
        for shelf in self.shelves.values():
            if not shelf.wanted:
                shelf.wanted = True
                if self._wire is not None:
                    self._subscribe(shelf)

    def forget(self) -> None:
        """Cut the connection and drop all rows and cursors: the next subscribes are for snapshots."""
        self.cut()
        for shelf in self.shelves.values():
            shelf.drop()

    def cut(self) -> None:
        """Cut the connection, with a reset; it comes back by itself."""
        if self._wire is not None:
            self._wire.drop()

    def hold(self) -> None:
        """Cut the connection, and stay away."""
        self._held = True
        self._free.clear()
        self.cut()

    def release(self) -> None:
        """Come back."""
        self._held = False
        self._free.set()

    async def close(self) -> None:
        """Go for good; what was seen stays."""
        self.closed = True
        await end([self._task])

    async def _run(self) -> None:
        while True:
            await self._free.wait()
            cookie = self._cookie
            code = await self._connect(cookie)
            # Who has signed in again meanwhile comes with the new session.
            if code == STAYS or (code is not None and code >= STAYS_AWAY and cookie == self._cookie):
                self._free.clear()
            await asyncio.sleep(self._random.uniform(*BACK_SECONDS))

    async def _connect(self, cookie: str) -> int | None:
        """Be connected once, and return the code with which that ended."""
        port = self._port() if callable(self._port) else self._port
        try:
            wire = await Wire.open(port, cookie, small=self.reads is not Reads.ALL)
        except (OSError, TimeoutError):
            return None
        connection = Connection(cookie, now := time.monotonic(), after=now)
        self.history.connections.append(connection)
        self._wire, self._connection, self._heard_at = wire, connection, now
        self._asked.clear()
        watching = [asyncio.create_task(self._watch(wire), name=f"watch {self.name}")]
        if self._hops:
            watching.append(asyncio.create_task(self._hop(wire), name=f"hop {self.name}"))
        try:
            with suppress(OSError):
                await self._listen(wire)
        finally:
            self._wire = None
            await end(watching)
            wire.close()
            connection.closed_at, connection.code = time.monotonic(), wire.code
        return wire.code

    async def _listen(self, wire: Wire) -> None:
        how = SLOWLY if self.reads is Reads.SLOWLY else {}
        async for payload in wire.frames(**how):  # type: ignore[arg-type]  # one is whole, one is not
            self._take(payload)
            if self.reads in (Reads.NOTHING, Reads.HALF_OPEN):
                await wire.dropped.wait()

    async def _watch(self, wire: Wire) -> None:
        """Ask often, and find out when nothing comes."""
        if self.reads is Reads.HALF_OPEN:
            return
        every = ASKING_SECONDS if self.reads is Reads.NOTHING else PING_SECONDS
        with suppress(OSError):
            while self.reads is Reads.NOTHING or time.monotonic() < self._heard_at + 2 * self._heartbeat_seconds:
                await asyncio.sleep(every)
                wire.send(json.dumps({"type": "ping", "id": f"{time.monotonic()!r}"}))
        wire.drop()

    async def _hop(self, wire: Wire) -> None:
        """Leave one topic after another; who has left is asked in again by the reply.

        No topic is left again before that: a server that stands still would find hundreds of commands when it goes
        on, and take its time for them, as its limits say.
        """
        self._leaving.clear()
        with suppress(OSError):
            while True:
                await asyncio.sleep(self._random.uniform(*HOP_SECONDS))
                there = [shelf for shelf in self.shelves.values() if shelf.wanted and shelf.cursor is not None]
                if there := [shelf for shelf in there if shelf.topic not in self._leaving]:
                    shelf = self._random.choice(there)
                    self._leaving.add(shelf.topic)
                    wire.send(json.dumps({"type": "unsubscribe", "id": LEAVING, "topic": shelf.topic}))

    def _take(self, payload: bytes) -> None:
        now, frame, connection = time.monotonic(), decode(payload), self._connection
        assert connection is not None
        self._heard_at = now
        match frame.type:
            case "welcome":
                self._heartbeat_seconds = frame.heartbeat_seconds
                for shelf in self.shelves.values():
                    if shelf.wanted:
                        self._subscribe(shelf)
            case "pong":
                connection.after = float(str(frame.id))
            case "snapshot" | "resumed" | "changes" if frame.topic in self.shelves:
                shelf = self.shelves[frame.topic]
                if shelf.take(frame, payload, connection, now):
                    self._look(shelf, now)
                return
            case "error" if isinstance(frame.id, int) and frame.id in self._asked:
                self._refused(self._asked.pop(frame.id), frame, now)
            case "error" if frame.id == LEAVING:
                self._leaving.clear()
            case "unsubscribed" if frame.topic in self.shelves and frame.id == LEAVING:
                self._leaving.discard(frame.topic)
                self.shelves[frame.topic].leave(now)
                self._subscribe(self.shelves[frame.topic])
            case "unsubscribed" if frame.topic in self.shelves:
                self._leaving.discard(frame.topic)
                self._refused(self.shelves[frame.topic], frame, now)
        connection.strays += [(now, owner) for owner in owners_in(payload)]

    def _refused(self, shelf: Shelf, frame: Frame, now: float) -> None:
        shelf.refuse(frame.code or "unsubscribed", now, retry=frame.retry)
        if frame.retry:
            delay = self._random.uniform(*RETRY_SECONDS)
            asyncio.get_running_loop().call_later(delay, self._subscribe_again, shelf, self._wire)
        self._look(shelf, now)

    def _subscribe_again(self, shelf: Shelf, wire: Wire | None) -> None:
        if wire is not None and wire is self._wire:
            self._subscribe(shelf)

    def _subscribe(self, shelf: Shelf) -> None:
        assert self._wire is not None and self._connection is not None
        self._number += 1
        command: dict[str, object] = {"type": "subscribe", "id": self._number, "topic": shelf.topic}
        if shelf.cursor is not None:
            command["cursor"] = {"epoch": shelf.cursor[0], "position": shelf.cursor[1]}
        if self._max_rate is not None:
            command["max_rate"] = self._max_rate
        self._asked[self._number] = shelf
        self._connection.subscribed.append(shelf.ask(time.monotonic()))
        with suppress(OSError):  # the reader finds out
            self._wire.send(json.dumps(command))

    def _look(self, shelf: Shelf, now: float) -> None:
        for waiting in self._waiting:
            waiting.look(shelf, now)
