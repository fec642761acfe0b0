"""Reading the change log and snapshots, for the hub. Everything is read on the primary.

    LogReader
    ├── heads, read, verify, doubt    one connection, autocommit
    └── snapshots                     four at most, one REPEATABLE READ transaction at a time (see `snapshots`)

An outage is LogUnavailable, whatever it was; the next call connects anew.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection

from realtime import metrics
from realtime.adapters.connections import answering, connect
from realtime.adapters.snapshots import SnapshotReader
from realtime.errors import EpochChanged, FloorPassed, LogUnavailable
from realtime.pure.changes import Capture, Change, Head, LogRange, Mark, Snapshot
from realtime.pure.selection import Selection
from realtime.pure.wire import LoggedRow, change_of

DECODED_AT_ONCE = 1_000
"""So many changes are decoded before other tasks of the loop get their turn."""

HEADS = "SELECT name, epoch, head, floor, mark FROM realtime_stream"

RANGE = """
SELECT position, inbox_id, kind, key, version, reset, ends, new, old, mark
FROM realtime_log
WHERE stream = %(stream)s AND position > %(after)s AND position <= %(upto)s
    AND epoch_number = (SELECT epoch_number FROM realtime_stream WHERE name = %(stream)s AND epoch = %(epoch)s)
    AND position <= coalesce((
        SELECT position FROM realtime_log
        WHERE stream = %(stream)s AND position >= %(after)s::bigint + %(limit)s AND ends
            AND epoch_number = (SELECT epoch_number FROM realtime_stream WHERE name = %(stream)s AND epoch = %(epoch)s)
        ORDER BY position LIMIT 1), %(upto)s)
ORDER BY position
"""
"""The bound of a limited range is the first end of a transaction at or beyond the limit."""

STATE = """
SELECT s.epoch, s.floor, s.head, l.mark
FROM realtime_stream s LEFT JOIN realtime_log l
    ON l.stream = s.name AND l.epoch_number = s.epoch_number AND l.position = %(known)s
WHERE s.name = %(stream)s
"""

DOUBT = "INSERT INTO realtime_doubt (stream, epoch, position, mark) VALUES (%s, %s, %s, %s)"


class LogReader:
    """The change log and the watched tables, as one hub reads them. Belongs to one event loop."""

    def __init__(self, conninfo: str, captures: Mapping[str, Capture]) -> None:
        self._captures = captures
        self._conninfo = conninfo
        self._connection: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()
        self._snapshots = SnapshotReader(self._conninfo, captures)
        self.log_reads = 0

    async def heads(self) -> dict[str, Head]:
        """Return the heads of all streams by name; also the way to ask whether the log is within reach."""
        async with self._connected() as connection:
            rows = await (await connection.execute(HEADS)).fetchall()
        return {row[0]: Head(*row) for row in rows}

    async def read(self, stream: str, epoch: str, after: int, upto: int, *, known: Mark | None, limit: int) -> LogRange:
        """Return the changes (after, upto], or the first `limit` of them and the rest of the transaction there.

        Raises EpochChanged when the log is not the one of `epoch`, lacks positions up to `upto`, or holds
        another mark than `known`; FloorPassed when the range or `known` begins below the floor.
        """
        self.log_reads += 1
        metrics.log_reads.labels(stream).inc()
        named = {"stream": stream, "epoch": epoch, "after": after, "upto": upto, "limit": limit}
        async with self._connected() as connection, connection.pipeline():
            # The rows first: what holds of the stream after they were read did hold while they were.
            ranged = await connection.execute(RANGE, named)
            stated = await connection.execute(STATE, {"stream": stream, "known": known.position if known else None})
            rows, state = await ranged.fetchall(), await stated.fetchone()
        _verify(stream, epoch, after, known, state)
        if upto > after and (not rows or [rows[0][0], rows[-1][0]] != [after + 1, after + len(rows)]):
            raise EpochChanged(f"{stream}: positions {after + 1} to {upto} are not in the log of epoch {epoch}")
        marks = [Mark(row[0], row[9]) for row in rows if row[9] is not None]
        changes = await self._decode_changes(rows)
        reached = rows[-1][0] if rows else after
        return LogRange(stream, epoch, after, reached, marks[-1] if marks else None, tuple(changes))

    async def verify(self, stream: str, epoch: str, known: Mark) -> bool:
        """Tell whether the log is still the one in which `known` was seen; false too when that can't be told."""
        async with self._connected() as connection:
            named = {"stream": stream, "known": known.position}
            state = await (await connection.execute(STATE, named)).fetchone()
        try:
            _verify(stream, epoch, known.position, known, state)
        except (EpochChanged, FloorPassed):
            return False
        return True

    async def doubt(self, stream: str, epoch: str, known: Mark) -> None:
        """Ask the relay to verify what was known of the stream; it makes a new epoch if the log lost it."""
        async with self._connected() as connection:
            await connection.execute(DOUBT, (stream, epoch, known.position, known.mark))

    async def snapshots(
        self, selections: Sequence[Selection], *, max_rows: int, statement_milliseconds: int | None = None
    ) -> list[Snapshot | Exception]:
        """Return the rows of selections of one stream as of one database snapshot, with head and pending changes in it.

        Each is answered for itself: SnapshotTooLarge stands for more than `max_rows` rows, ValidationError for rows of
        another shape than declared. Raises StatementFailed when a statement failed, which may be about one of them
        only, and LogUnavailable, also when the relay is too far behind.
        """
        return await self._snapshots.read(selections, max_rows=max_rows, statement_milliseconds=statement_milliseconds)

    async def close(self) -> None:
        """End all connections."""
        await self._snapshots.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _decode_changes(self, rows: Sequence[Any]) -> list[Change]:
        changes: list[Change] = []
        for start in range(0, len(rows), DECODED_AT_ONCE):
            some = rows[start : start + DECODED_AT_ONCE]
            changes += [change_of(LoggedRow._make(row[:9]), self._captures) for row in some]
            await asyncio.sleep(0)
        return changes

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Give the one connection to one caller at a time."""
        try:
            async with self._turn, answering():
                if self._connection is None or self._connection.closed:
                    self._connection = await connect(self._conninfo)
                connection = self._connection
                try:
                    yield connection
                except BaseException:
                    await connection.close()  # What is still under way on it must not meet the next caller.
                    raise
        except LogUnavailable:
            await self._snapshots.close()  # They are dead too, most likely.
            raise


def _verify(stream: str, epoch: str, after: int, known: Mark | None, state: Any) -> None:
    """Raise EpochChanged or FloorPassed unless the stream's state agrees with what is known of it."""
    if state is None or state[0] != epoch:
        raise EpochChanged(f"{stream}: the epoch is {state[0] if state else 'gone'}, not {epoch}")
    floor, mark = state[1], state[3]
    if after < floor or (known is not None and 0 < known.position <= floor):
        raise FloorPassed(f"{stream}: the log begins after position {floor}")
    if known is not None and known.position > 0 and mark != known.mark:
        raise EpochChanged(f"{stream}: position {known.position} has the mark {mark}, not {known.mark}")
