"""Segments: the log's partitions, made ahead of the head and dropped by retention.

A partition is made as a table and then attached: readers and the other relay go on. Dropping one waits a moment
for readers, or is left to the next time; writers never touch the log.
"""

from typing import Any

from psycopg import AsyncConnection, sql

from realtime.adapters.epochs import StreamState

COVERED = "SELECT max(upto) FROM realtime_segment WHERE stream = %s AND epoch_number = %s"

ADD = "INSERT INTO realtime_segment (stream, epoch_number, after, upto) VALUES (%s, %s, %s, %s) RETURNING id"

CREATE = """
CREATE TABLE {name} (LIKE realtime_log INCLUDING DEFAULTS, PRIMARY KEY (position));
ALTER TABLE realtime_log ATTACH PARTITION {name}
    FOR VALUES FROM ({stream}, {epoch_number}, {first}) TO ({stream}, {epoch_number}, {beyond});
"""

PENDING = "SELECT count(*) FROM realtime_inbox WHERE stream = %s"

OUTDATED = """
SELECT g.id, g.upto FROM realtime_segment g
WHERE g.stream = %(stream)s AND (
    g.epoch_number < %(epoch_number)s
    OR g.upto < %(head)s AND (
        SELECT l.assigned_at FROM realtime_log l
        WHERE l.stream = g.stream AND l.epoch_number = g.epoch_number AND l.position = g.upto
    ) < now() - make_interval(secs => %(seconds)s)
) ORDER BY g.epoch_number, g.upto
"""
"""Segments of dead epochs, and those whose last change is older than the retention; never the one of the head."""

PATIENCE = "SET LOCAL lock_timeout = '100ms'"
"""How long pruning waits for readers: assignments and other readers wait behind it."""

REMOVE = "DELETE FROM realtime_segment WHERE id = %s"

RAISE_FLOOR = "UPDATE realtime_stream SET floor = greatest(floor, %s) WHERE name = %s AND epoch_number = %s"

COVERS = """
SELECT count(*) FROM realtime_stream s WHERE s.head + %s > coalesce(
    (SELECT max(upto) FROM realtime_segment g WHERE g.stream = s.name AND g.epoch_number = s.epoch_number), 0)
"""


def table_of(segment: int) -> str:
    """Return the name of a segment's table."""
    return f"realtime_log_{segment}"


async def short_of_segments(connection: AsyncConnection[Any], segment_positions: int) -> bool:
    """Tell whether a stream has less than half a segment of room above its head."""
    row = await (await connection.execute(COVERS, (segment_positions // 2,))).fetchone()
    return bool(row and row[0])


async def extend(connection: AsyncConnection[Any], state: StreamState, segment_positions: int) -> None:
    """Make room in the log for what is in the inbox and half a segment more. Runs under the streams' lock."""
    row = await (await connection.execute(COVERED, (state.name, state.epoch_number))).fetchone()
    covered = (row and row[0]) or 0
    waiting = await (await connection.execute(PENDING, (state.name,))).fetchone()
    needed = state.head + segment_positions // 2 + (waiting[0] if waiting else 0)
    while covered < needed:
        bounds = (state.name, state.epoch_number, covered, covered + segment_positions)
        added = await (await connection.execute(ADD, bounds)).fetchone()
        assert added is not None
        statement = sql.SQL(CREATE).format(
            name=sql.Identifier(table_of(added[0])),
            stream=sql.Literal(state.name),
            epoch_number=sql.Literal(state.epoch_number),
            first=sql.Literal(covered + 1),
            beyond=sql.Literal(covered + segment_positions + 1),
        )
        await connection.execute(statement)
        covered += segment_positions


async def prune(connection: AsyncConnection[Any], state: StreamState, retention_seconds: float) -> int:
    """Drop the segments that nobody needs and raise the floor; return their number. Runs under the streams' lock."""
    named = {
        "stream": state.name, "epoch_number": state.epoch_number, "head": state.head, "seconds": retention_seconds,
    }  # fmt: skip
    found = await (await connection.execute(OUTDATED, named)).fetchall()
    for segment, upto in found:
        await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table_of(segment))))
        deleted = await connection.execute(REMOVE + " RETURNING epoch_number", (segment,))
        row = await deleted.fetchone()
        assert row is not None
        await connection.execute(RAISE_FLOOR, (upto, state.name, row[0]))
    return len(found)
