"""Epochs: whether the log is still the one that was known, and a new one when it is not.

Everything here runs inside a transaction of the relay (or of `log_reset`) that holds the lock on the streams'
rows: only then does an epoch change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from psycopg import AsyncConnection

from realtime.pure.changes import Mark

STREAMS = """
SELECT name, epoch, epoch_number, head, floor, mark, system_identifier, timeline FROM realtime_stream ORDER BY name
"""

SERVER = """
SELECT (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8)
"""
"""The timeline comes from the WAL's position: pg_control_checkpoint() lags behind a promotion."""

MARK_AT = "SELECT mark FROM realtime_log WHERE stream = %s AND epoch_number = %s AND position = %s"

ANY_DOUBT = "SELECT EXISTS (SELECT FROM realtime_doubt)"

DOUBTS = "DELETE FROM realtime_doubt RETURNING stream, epoch, position, mark"

NEW_EPOCH = """
UPDATE realtime_stream
SET epoch = %s, epoch_number = epoch_number + 1, head = 0, floor = 0, mark = '', system_identifier = %s, timeline = %s
WHERE name = %s RETURNING epoch_number
"""


class Server(NamedTuple):
    """Which PostgreSQL this is, and on which timeline."""

    system_identifier: int
    timeline: str


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream's row."""

    name: str
    epoch: str
    epoch_number: int
    head: int
    floor: int
    mark: str
    server: Server


@dataclass(frozen=True, slots=True)
class Known:
    """The last that a relay or a hub saw of a stream. `epoch_number` is None where it is not known."""

    stream: str
    epoch: str
    mark: Mark
    epoch_number: int | None = None


async def lock_streams(connection: AsyncConnection[Any]) -> dict[str, StreamState]:
    """Take the lock on all streams' rows and return them by name."""
    rows = await (await connection.execute(f"{STREAMS} FOR UPDATE")).fetchall()
    return {row[0]: _state(row) for row in rows}


async def read_streams(connection: AsyncConnection[Any]) -> list[StreamState]:
    """Return all streams' rows without their lock."""
    rows = await (await connection.execute(STREAMS)).fetchall()
    return [_state(row) for row in rows]


def _state(row: Any) -> StreamState:
    name, epoch, epoch_number, head, floor, mark, system_identifier, timeline = row
    return StreamState(name, epoch, epoch_number, head, floor, mark, Server(system_identifier, timeline))


async def current_server(connection: AsyncConnection[Any]) -> Server:
    """Return which server answers here."""
    row = await (await connection.execute(SERVER)).fetchone()
    assert row is not None
    return Server(*row)


async def find_lost(
    connection: AsyncConnection[Any], streams: dict[str, StreamState], known: Iterable[Known]
) -> dict[str, str]:
    """Return the streams whose log is not the known one any more, each with the reason.

    Below the floor nothing can be told, and nothing need be: whoever has a cursor there reads a snapshot.
    """
    lost = {}
    server = await current_server(connection)
    for state in streams.values():
        if state.server != server:
            lost[state.name] = f"it was made on {state.server}, this is {server}"
    for each in known:
        state_of = streams.get(each.stream)
        if state_of is not None and each.stream not in lost and (reason := await _compare(connection, state_of, each)):
            lost[each.stream] = reason
    return lost


async def _compare(connection: AsyncConnection[Any], state: StreamState, known: Known) -> str | None:
    if state.epoch != known.epoch:
        # A later epoch was made by another relay. An earlier one comes from a copy.
        older = known.epoch_number is not None and state.epoch_number <= known.epoch_number
        return f"epoch {known.epoch} was known, an older copy has {state.epoch}" if older else None
    position = known.mark.position
    if position > state.head:
        return f"position {position} was known, the head is {state.head}"
    if position <= state.floor:
        return None
    row = await (await connection.execute(MARK_AT, (state.name, state.epoch_number, position))).fetchone()
    found = None if row is None else row[0]
    return None if found == known.mark.mark else f"position {position} had mark {known.mark.mark}, now {found}"


async def any_doubt(connection: AsyncConnection[Any]) -> bool:
    """Tell whether a hub doubts the log."""
    row = await (await connection.execute(ANY_DOUBT)).fetchone()
    return bool(row and row[0])


async def take_doubts(connection: AsyncConnection[Any]) -> list[Known]:
    """Return what the hubs doubt, and forget it."""
    rows = await (await connection.execute(DOUBTS)).fetchall()
    return [Known(stream, epoch, Mark(position, mark)) for stream, epoch, position, mark in rows]


async def make_epoch(connection: AsyncConnection[Any], state: StreamState) -> StreamState:
    """Begin a new log of the stream at position 1, and return its row."""
    server = await current_server(connection)
    epoch = uuid4().hex
    row = await (await connection.execute(NEW_EPOCH, (epoch, *server, state.name))).fetchone()
    assert row is not None
    return StreamState(state.name, epoch, row[0], 0, 0, "", server)
