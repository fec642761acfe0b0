"""Reading the change log and snapshots, for the hub. Everything is read on the primary.

    LogReader
    ├── heads, read, verify, doubt    one connection, autocommit
    └── snapshot                      four at most, one REPEATABLE READ transaction each

An outage is LogUnavailable, whatever it was; the next call connects anew.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from realtime import metrics
from realtime.adapters.capture import image_of, key_of
from realtime.adapters.database import name_of
from realtime.errors import EpochChanged, FloorPassed, LogUnavailable, SnapshotTooLarge
from realtime.pure.changes import Capture, Change, Head, LogRange, Mark, Row, RowKey, Snapshot
from realtime.pure.selection import Part, Selection
from realtime.pure.wire import LoggedRow, change_of

ANSWER_SECONDS = 15.0
"""No call waits longer. Statements and locks are bounded below it at the server, this is for a vanished host."""

STATEMENT_MILLISECONDS = 10_000
LOCK_MILLISECONDS = 3_000
SNAPSHOT_CONNECTIONS = 4
PENDING_MAX = 200_000
"""With more changes waiting for a position the relay is far behind: no snapshot could become exact in time."""

DECODED_AT_ONCE = 1_000
"""So many rows are decoded before other tasks of the loop get their turn."""

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

SNAPSHOT_HEAD = "SELECT name, epoch, head, floor, mark FROM realtime_stream WHERE name = %s"

SNAPSHOT_PENDING = "SELECT id FROM realtime_inbox WHERE stream = %s LIMIT %s"


class LogReader:
    """The change log and the watched tables, as one hub reads them. Belongs to one event loop."""

    def __init__(self, conninfo: str, captures: Mapping[str, Capture]) -> None:
        self._captures = captures
        self._conninfo = make_conninfo(conninfo)
        self._connection: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()
        self._snapshots = asyncio.Semaphore(SNAPSHOT_CONNECTIONS)
        self._idle: list[AsyncConnection[Any]] = []
        self.log_reads = 0
        self.snapshot_queries = 0

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

    async def snapshot(self, selection: Selection, *, max_rows: int) -> Snapshot:
        """Return the selected rows of one database snapshot, with the head and the pending changes it includes.

        Raises SnapshotTooLarge above `max_rows` rows, LogUnavailable also when the relay is too far behind.
        """
        self.snapshot_queries += 1
        metrics.log_snapshots.labels(selection.stream).inc()
        async with self._snapshot_connection() as connection, connection.pipeline():
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # TRUNCATE is not MVCC-safe: the locks come before the transaction's snapshot is taken.
            for part in selection.parts:
                await connection.execute(f"LOCK TABLE {name_of(self._captures[part.kind].table)} IN ACCESS SHARE MODE")
            headed = await connection.execute(SNAPSHOT_HEAD, (selection.stream,))
            waiting = await connection.execute(SNAPSHOT_PENDING, (selection.stream, PENDING_MAX + 1))
            selected = [await self._select(connection, part, max_rows) for part in selection.parts]
            await connection.execute("COMMIT")
            head, pending = await headed.fetchone(), await waiting.fetchall()
            found = [await cursor.fetchall() for cursor in selected]
        if head is None:
            raise LogUnavailable(f"the database has no stream {selection.stream!r}: apply its migrations")
        if len(pending) > PENDING_MAX:
            raise LogUnavailable(f"{selection.stream}: more than {PENDING_MAX} changes wait for a position")
        if (count := sum(len(rows) for rows in found)) > max_rows:
            raise SnapshotTooLarge(f"more than {max_rows} rows (at least {count}): page them over HTTP")
        decoded: list[tuple[RowKey, Row]] = []
        for part, rows in zip(selection.parts, found, strict=True):
            decoded += await self._decode_rows(part.kind, rows)
        return Snapshot(Head(*head), frozenset(row[0] for row in pending), tuple(decoded))

    async def close(self) -> None:
        """End all connections."""
        await self._close_idle()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _select(self, connection: AsyncConnection[Any], part: Part, max_rows: int) -> psycopg.AsyncCursor[Any]:
        statement, values = select_rows(self._captures[part.kind], part)
        return await connection.execute(f"{statement} LIMIT {max_rows + 1}", values)

    async def _decode_changes(self, rows: Sequence[Any]) -> list[Change]:
        changes: list[Change] = []
        for start in range(0, len(rows), DECODED_AT_ONCE):
            some = rows[start : start + DECODED_AT_ONCE]
            changes += [change_of(LoggedRow._make(row[:9]), self._captures) for row in some]
            await asyncio.sleep(0)
        return changes

    async def _decode_rows(self, kind: str, rows: Sequence[tuple[str, str]]) -> list[tuple[RowKey, Row]]:
        decode = self._captures[kind].decode
        decoded: list[tuple[RowKey, Row]] = []
        for start in range(0, len(rows), DECODED_AT_ONCE):
            some = rows[start : start + DECODED_AT_ONCE]
            decoded += [(RowKey(kind, key), decode(image)) for key, image in some]
            await asyncio.sleep(0)
        return decoded

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Give the one connection to one caller at a time."""
        async with self._turn, self._answering():
            if self._connection is None or self._connection.closed:
                self._connection = await self._connect()
            connection = self._connection
            try:
                yield connection
            except BaseException:
                await connection.close()  # What is still under way on it must not meet the next caller.
                raise

    @asynccontextmanager
    async def _snapshot_connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Give one of a few connections to each caller."""
        async with self._snapshots, self._answering():
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            except BaseException:
                await connection.close()
                raise
            self._idle.append(connection)

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Bound the time of a call, and turn every kind of outage into LogUnavailable."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                yield
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._close_idle()  # They are dead too, most likely.
            metrics.log_failures.inc()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise LogUnavailable(f"PostgreSQL did not answer: {reason}") from error

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(self._bounded(), autocommit=True)

    def _bounded(self) -> str:
        options = psycopg.conninfo.conninfo_to_dict(self._conninfo).get("options") or ""
        bounds = f"-c statement_timeout={STATEMENT_MILLISECONDS} -c lock_timeout={LOCK_MILLISECONDS}"
        return make_conninfo(self._conninfo, options=f"{options} {bounds}".strip())


def select_rows(capture: Capture, part: Part) -> tuple[str, list[Any]]:
    """Return the query of a part's keys and images, and its values. A value None never matches, as in SQL."""
    clauses, values = [], []
    for alternative in part.alternatives:
        clauses.append(" AND ".join(f"t.{name_of(column)} = %s" for column, _ in alternative) or "true")
        values += [value for _, value in alternative]
    # A literal % in a column's name would be taken for a placeholder.
    chosen = f"{key_of(capture, 't')}, {image_of(capture, 't')} FROM {name_of(capture.table)} t".replace("%", "%%")
    return f"SELECT {chosen} WHERE {' OR '.join(f'({clause})' for clause in clauses) or 'false'}", values


def _verify(stream: str, epoch: str, after: int, known: Mark | None, state: Any) -> None:
    """Raise EpochChanged or FloorPassed unless the stream's state agrees with what is known of it."""
    if state is None or state[0] != epoch:
        raise EpochChanged(f"{stream}: the epoch is {state[0] if state else 'gone'}, not {epoch}")
    floor, mark = state[1], state[3]
    if after < floor or (known is not None and 0 < known.position <= floor):
        raise FloorPassed(f"{stream}: the log begins after position {floor}")
    if known is not None and known.position > 0 and mark != known.mark:
        raise EpochChanged(f"{stream}: position {known.position} has the mark {mark}, not {known.mark}")
