"""Reading the rows of views, several in one transaction, as docs/decisions/snapshots-look-into-the-inbox.md has it.

    begin, lock their tables, head, inbox ids, the rows of each view …, commit

All of it is one pipeline: n views cost n statements and a few, and one round trip. That a view has too many rows
is said of this view alone; a statement that fails ends the transaction, and with it what was read for the others.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from psycopg import AsyncConnection, AsyncCursor

from realtime import metrics
from realtime.adapters.capture import image_of, key_of
from realtime.adapters.connections import answering, connect
from realtime.adapters.database import name_of
from realtime.errors import LogUnavailable, SnapshotTooLarge
from realtime.pure.changes import Capture, Head, Row, RowKey, Snapshot
from realtime.pure.selection import Part, Selection

CONNECTIONS = 4
PENDING_MAX = 200_000
"""With more changes waiting for a position the relay is far behind: no snapshot could become exact in time."""

DECODED_AT_ONCE = 1_000
"""So many rows are decoded before other tasks of the loop get their turn."""

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

HEAD = "SELECT name, epoch, head, floor, mark FROM realtime_stream WHERE name = %s"

PENDING = "SELECT id FROM realtime_inbox WHERE stream = %s LIMIT %s"


class SnapshotReader:
    """The watched tables, as one hub reads them: a few connections, and on each one transaction at a time."""

    def __init__(self, conninfo: str, captures: Mapping[str, Capture]) -> None:
        self._conninfo = conninfo
        self._captures = captures
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[AsyncConnection[Any]] = []

    async def read(
        self, selections: Sequence[Selection], *, max_rows: int, statement_milliseconds: int | None
    ) -> list[Snapshot | Exception]:
        """Return the rows of each selection, all of one stream, as of one database snapshot; or why there are none.

        Raises StatementFailed when one statement failed, for all of them, and LogUnavailable for an outage.
        """
        stream, kinds = selections[0].stream, {part.kind for each in selections for part in each.parts}
        tables = sorted(name_of(self._captures[kind].table) for kind in kinds)
        async with self._connection() as connection, connection.pipeline():
            await connection.execute(BEGIN)
            # TRUNCATE is not MVCC-safe: the locks come before the transaction's snapshot is taken.
            if tables:
                await connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS SHARE MODE")
            if statement_milliseconds is not None:
                await connection.execute(f"SET LOCAL statement_timeout = {statement_milliseconds}")
            headed = await connection.execute(HEAD, (stream,))
            waiting = await connection.execute(PENDING, (stream, PENDING_MAX + 1))
            selected = [
                [await self._select(connection, part, max_rows) for part in selection.parts] for selection in selections
            ]
            await connection.execute("COMMIT")
            found, pending = await headed.fetchone(), await waiting.fetchall()
            rows = [[await cursor.fetchall() for cursor in cursors] for cursors in selected]
        if found is None:
            raise LogUnavailable(f"the database has no stream {stream!r}: apply its migrations")
        if len(pending) > PENDING_MAX:
            raise LogUnavailable(f"{stream}: more than {PENDING_MAX} changes wait for a position")
        head, ids = Head(*found), frozenset(row[0] for row in pending)
        return [
            await self._snapshot(head, ids, selection, parts, max_rows)
            for selection, parts in zip(selections, rows, strict=True)
        ]

    async def close(self) -> None:
        """End all connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _select(self, connection: AsyncConnection[Any], part: Part, max_rows: int) -> AsyncCursor[Any]:
        statement, values = select_rows(self._captures[part.kind], part)
        return await connection.execute(f"{statement} LIMIT {max_rows + 1}", values)

    async def _snapshot(
        self, head: Head, pending: frozenset[int], selection: Selection, parts: Sequence[Sequence[Any]], max_rows: int
    ) -> Snapshot | Exception:
        metrics.log_snapshots.labels(selection.stream).inc()
        if (count := sum(len(rows) for rows in parts)) > max_rows:
            return SnapshotTooLarge(f"more than {max_rows} rows (at least {count}): page them over HTTP")
        decoded: list[tuple[RowKey, Row]] = []
        try:
            for part, rows in zip(selection.parts, parts, strict=True):
                await self._decode(part.kind, rows, decoded)
        except msgspec.ValidationError as error:
            return error
        return Snapshot(head, pending, tuple(decoded))

    async def _decode(self, kind: str, rows: Sequence[tuple[str, str]], decoded: list[tuple[RowKey, Row]]) -> None:
        decode = self._captures[kind].decode
        for number, (key, image) in enumerate(rows, 1):
            decoded.append((RowKey(kind, key), decode(image)))
            if number % DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Give one of a few connections to each caller."""
        try:
            async with self._free, answering():
                connection = self._idle.pop() if self._idle else await connect(self._conninfo)
                try:
                    yield connection
                except BaseException:
                    await connection.close()
                    raise
                self._idle.append(connection)
        except LogUnavailable:
            await self.close()  # They are dead too, most likely.
            raise


def select_rows(capture: Capture, part: Part) -> tuple[str, list[Any]]:
    """Return the query of a part's keys and images, and its values. A value None never matches, as in SQL."""
    clauses, values = [], []
    for alternative in part.alternatives:
        clauses.append(" AND ".join(f"t.{name_of(column)} = %s" for column, _ in alternative) or "true")
        values += [value for _, value in alternative]
    # A literal % in a column's name would be taken for a placeholder.
    chosen = f"{key_of(capture, 't')}, {image_of(capture, 't')} FROM {name_of(capture.table)} t".replace("%", "%%")
    return f"SELECT {chosen} WHERE {' OR '.join(f'({clause})' for clause in clauses) or 'false'}", values
