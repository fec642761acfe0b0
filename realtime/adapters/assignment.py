"""What the relay does in PostgreSQL: find changes without a position, number them, read them back.

One assignment is one transaction, READ COMMITTED, sent in one round trip:

    BEGIN → LAST_ID → LOCK → ASSIGN → COMMIT

The lock on the streams' rows is the fence: any number of relays may run. ASSIGN is a statement of its own, so
that its snapshot is taken after the lock was got; in one statement two relays would number the same rows.
It returns counts alone. Rows are read back from the log after the commit: a relay that is frozen while it
receives them holds no lock.

The order is that of `realtime.pure.order`; a contract test holds the two together.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from realtime.pure.wire import LoggedRow

SESSION = {
    "synchronous_commit": "on",  # a position that was published is never given out again
    "idle_in_transaction_session_timeout": "1s",  # a frozen relay lets go of its lock
    "lock_timeout": "3s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "work_mem": "64MB",
    # Statistics of a table that is filled and emptied all the time mislead: a scan of its dead rows, or a loop
    # over a backlog for each of its rows, costs minutes.
    "enable_seqscan": "off",
    "enable_nestloop": "off",
}
"""Settings of the relay's connection."""

BACKLOG_PARTS = 8
"""A backlog is taken in at most about so many slices: each one looks at all that is behind it."""

POLL = """
SELECT min(id), max(id), pg_snapshot_xmin(pg_current_snapshot())::text FROM realtime_inbox WHERE id > %s
"""

WAIT_SECONDS = 0.25
"""The longest wait in one statement: it holds a snapshot, and a relay has a house to keep."""

OVERDUE_SECONDS = 2.0
"""So much longer than it should, and a wait is given up: PostgreSQL sleeps until a time of the wall clock, so that one
which is set back by days would let it sleep for days."""

WAIT = """
DO $wait$ BEGIN
    FOR turn IN 1 .. {turns} LOOP
        PERFORM pg_sleep({seconds});
        EXIT WHEN EXISTS (SELECT FROM realtime_inbox WHERE id > {low});
    END LOOP;
END $wait$
"""
"""A look from inside costs PostgreSQL some 20 µs; one from here costs both sides twenty times as much."""

CUT = "SELECT id FROM realtime_inbox WHERE id > %s ORDER BY id OFFSET %s LIMIT 1"

LAST_ID = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM realtime_inbox_id_seq"

LOCK = "SELECT pg_current_xact_id()::text FROM realtime_stream ORDER BY name FOR UPDATE"

BELOW_CUT = """
    AND id < %(cut)s AND xid IN (
        SELECT xid FROM realtime_inbox WHERE id > %(low)s AND id < %(cut)s
        EXCEPT SELECT xid FROM realtime_inbox WHERE id >= %(cut)s
    )
"""
"""Whole transactions only: none that has a row at or beyond the cut. Each transaction is looked up once: an anti-join
over the rows compares all rows of a large one below the cut with all those beyond it, which takes minutes."""

ASSIGN = """
WITH taken AS (
    DELETE FROM realtime_inbox WHERE id > %(low)s {bound} RETURNING *
), placed AS (
    SELECT *, row_number() OVER ordered AS number, lead(xid) OVER ordered IS DISTINCT FROM xid AS ends
    FROM (SELECT *, max(id) OVER (PARTITION BY xid) AS last FROM taken) spans
    WINDOW ordered AS (PARTITION BY stream ORDER BY last, id)
), totals AS (
    SELECT stream, count(*) AS changes,
        sum(coalesce(octet_length(new), 0) + coalesce(octet_length(old), 0)) AS bytes
    FROM placed GROUP BY stream
), raised AS (
    UPDATE realtime_stream s SET head = s.head + t.changes, mark = %(mark)s
    FROM totals t JOIN realtime_stream was ON was.name = t.stream WHERE s.name = t.stream
    RETURNING s.name, s.epoch, s.epoch_number, was.head AS before, was.mark AS since, s.head, t.bytes
), logged AS (
    INSERT INTO realtime_log
        (stream, epoch_number, position, inbox_id, reset, ends, kind, key, version, new, old, mark)
    SELECT p.stream, r.epoch_number, r.before + p.number, p.id, p.reset, p.ends,
        p.kind, p.key, p.version, p.new, p.old, CASE WHEN r.before + p.number = r.head THEN %(mark)s END
    FROM placed p LEFT JOIN raised r ON r.name = p.stream
)
SELECT name, epoch, epoch_number, before, since, head, %(mark)s, bytes FROM raised ORDER BY name
"""
"""The LEFT JOIN makes a row of an unknown stream an error (its epoch is NOT NULL), and not a silent loss."""

ASSIGN_ALL = ASSIGN.format(bound="")
ASSIGN_BELOW = ASSIGN.format(bound=BELOW_CUT)

READ = """
SELECT position, inbox_id, kind, key, version, reset, ends, new, old FROM realtime_log
WHERE stream = %s AND epoch_number = %s AND position > %s AND position <= %s ORDER BY position
"""


class Waiting(NamedTuple):
    """What a look at the inbox found: the least and greatest visible id (None: empty) and the snapshot's xmin."""

    first: int | None
    last: int | None
    xmin: int


class Assigned(NamedTuple):
    """What one assignment gave to one stream: the positions (before, head] and the size of their images.

    `since` is the mark at `before`, `mark` the new one at `head`.
    """

    stream: str
    epoch: str
    epoch_number: int
    before: int
    since: str
    head: int
    mark: str
    bytes: int


@dataclass(slots=True)
class LowWater:
    """The id up to which every inbox row has been seen: below it lie only dead rows, which no look need pass.

    An id at or below the sequence's last value belongs to a transaction that had its xid before one that
    began later. Once a snapshot's xmin is at or above that later xid, and the same snapshot shows no row up to
    that id, none will ever appear there.
    """

    id: int = 0
    _candidate: tuple[int, int] | None = None

    def propose(self, last_id: int, later_xid: int) -> None:
        """Remember an id, read before the transaction `later_xid` got its xid."""
        if self._candidate is None:
            self._candidate = (last_id, later_xid)

    def confirm(self, waiting: Waiting) -> None:
        """Rise to the remembered id if a look at the inbox has shown that nothing can be left below it."""
        if self._candidate is None or waiting.xmin < self._candidate[1]:
            return
        last_id, _ = self._candidate
        if waiting.first is None or waiting.first > last_id:
            self.id, self._candidate = max(self.id, last_id), None

    def check(self, last_id: int) -> None:
        """Begin anew when the sequence has been set back."""
        if last_id < self.id:
            self.id, self._candidate = 0, None


def relay_conninfo(conninfo: str) -> str:
    """Return a connection string with the relay's session settings added."""
    options = conninfo_to_dict(conninfo).get("options") or ""
    chosen = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    return make_conninfo(conninfo, options=f"{options} {chosen}".strip())


async def wait(connection: AsyncConnection[Any], low: LowWater, poll_seconds: float) -> None:
    """Return at the first look at which there is something in the inbox, or after WAIT_SECONDS.

    It looks every `poll_seconds`, the first time after as long: so changes that come close together are taken together.
    Raises TimeoutError when PostgreSQL has not answered long after that.
    """
    turns = max(1, round(WAIT_SECONDS / poll_seconds))
    async with asyncio.timeout(WAIT_SECONDS + OVERDUE_SECONDS):
        await connection.execute(WAIT.format(turns=turns, seconds=float(poll_seconds), low=low.id), prepare=False)


async def look(connection: AsyncConnection[Any], low: LowWater) -> Waiting:
    """Look for changes without a position, and let the low water rise."""
    row = await (await connection.execute(POLL, (low.id,), prepare=True)).fetchone()
    assert row is not None
    waiting = Waiting(row[0], row[1], int(row[2]))
    low.confirm(waiting)
    return waiting


async def find_cut(connection: AsyncConnection[Any], low: LowWater, waiting: Waiting, slice_changes: int) -> int | None:
    """Return the id below which one slice of a backlog lies; None when all of it can be taken at once."""
    if waiting.first is None or waiting.last is None or waiting.last - waiting.first < slice_changes:
        return None
    size = max(slice_changes, (waiting.last - waiting.first) // BACKLOG_PARTS)
    row = await (await connection.execute(CUT, (low.id, size))).fetchone()
    return None if row is None else int(row[0])


async def assign_statement(
    connection: AsyncConnection[Any], low: LowWater, cut: int | None, mark: str
) -> AsyncCursor[Any]:
    """Send the numbering of what is visible (below the cut); its rows are `Assigned`."""
    statement = ASSIGN_ALL if cut is None else ASSIGN_BELOW
    return await connection.execute(statement, {"low": low.id, "cut": cut, "mark": mark}, prepare=cut is None)


async def last_id(connection: AsyncConnection[Any]) -> int:
    """Return the last id that the inbox has given out."""
    row = await (await connection.execute(LAST_ID)).fetchone()
    return int(row[0]) if row else 0


async def read_back(connection: AsyncConnection[Any], assigned: Assigned) -> list[LoggedRow]:
    """Return the rows of an assignment from the log."""
    bounds = (assigned.stream, assigned.epoch_number, assigned.before, assigned.head)
    rows = await (await connection.execute(READ, bounds, prepare=True)).fetchall()
    return [LoggedRow._make(row) for row in rows]
