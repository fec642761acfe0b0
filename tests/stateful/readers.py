"""Readers: the product's `LogReader`, which stops before each statement of a snapshot and of a read."""

from realtime.adapters.log import LogReader
from realtime.errors import EpochChanged, FloorPassed, LogUnavailable
from realtime.pure.changes import Mark, Snapshot
from realtime.pure.selection import Part, Projection, Selection
from tests.simulation.violations import Violation
from tests.stateful.actors import Actor, Crew
from tests.stateful.history import Cut, History, require
from tests.stateful.tables import CAPTURES, KINDS, STREAM

EVERYTHING = Selection(STREAM, tuple(Part(kind, ((),), Projection("dict", "1", dict)) for kind in KINDS))

HEAD = "FROM realtime_stream WHERE name"
"""In the statement with which a snapshot looks at data first: that is its cut."""


class Reader:
    """A hub's way to the log and to the tables. An outage is the play's doing, or in the actor's failures."""

    def __init__(self, name: str, crew: Crew, conninfo: str, history: History) -> None:
        self.actor: Actor = crew.hire(name)
        self._reader = LogReader(conninfo, CAPTURES)
        self._history = history
        self._cuts: list[Cut] = []

    def go(self) -> None:
        """Send the next statement."""
        if not self._cuts and self.actor.next is not None and HEAD in self.actor.next:
            self._cuts.append(self._history.cut())
        self.actor.go()

    async def snapshot(self) -> None:
        """Read all rows, and hold them against the tables at the cut."""
        self._cuts.clear()
        try:
            (found,) = await self._reader.snapshots([EVERYTHING], max_rows=100)
        except LogUnavailable:
            return
        assert isinstance(found, Snapshot), found
        self._history.snapshot(found, self._cuts[0])

    async def read(self, after: int, limit: int) -> None:
        """Read on from a cursor, and hold that against what the log had."""
        history, upto = self._history, self._history.head
        known = Mark(after, history.mark_at(after)) if history.mark_at(after) else None
        try:
            found = await self._reader.read(STREAM, history.epoch, after, upto, known=known, limit=limit)
        except LogUnavailable:
            return
        except FloorPassed:
            require(after <= history.floor, "I2", f"({after}, {upto}] was refused, the floor is {history.floor}")
            return
        except EpochChanged as error:
            raise Violation("I2", f"({after}, {upto}] can't be read: {error}") from error
        read = [(c.position, c.inbox_id, c.kind, c.key, c.ends) for c in found.changes]
        due = [(r.position, r.inbox_id, r.kind, r.key, r.ends) for r in history.archive[after : found.upto]]
        require(read == due, "I2", f"({after}, {upto}] was read as {read}, the log has {due}")
        whole = found.upto == upto or (found.upto >= after + limit and read[-1][-1])
        require(whole, "I4", f"({after}, {upto}] was read up to {found.upto}, {limit} at once")

    async def close(self) -> None:
        """End its connections."""
        await self._reader.close()
