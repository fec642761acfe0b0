"""Changes per second from end to end: written by SQL, numbered, published, applied by a hub, read by a client.

Sustained: writers run for some seconds, and the client's position is followed until it has caught up; the
writers share the machine's cores with everything else. Backlog: a million changes wait in the inbox when the
relay starts.
"""

import asyncio
import json
import time
from contextlib import closing

from bench.client import FrameClient
from bench.report import Record
from bench.stage import Stage
from tests.support.processes import Process

BACKLOG = 1_000_000
STATEMENT_ROWS = 500
WRITERS = 2


class PositionClient:
    """A subscriber of `materials` that follows its position."""

    def __init__(self, client: FrameClient) -> None:
        self.position = -1
        client.on_frame = self._frame
        client.send('{"type":"subscribe","id":1,"topic":"materials"}')
        self._client = client

    def _frame(self, payload: bytes) -> None:
        self._client.frames.clear()
        # The position stands before the rows: a large frame need not be parsed for it.
        start = payload.find(b'"position":', 0, 300)
        if start >= 0:
            self.position = int(json.loads(payload[start + 11 : payload.find(b",", start)]))


def head(stage: Stage) -> int:
    """Return the stream's head."""
    with closing(stage.connect()) as connection:
        row = connection.execute("SELECT head FROM realtime_stream WHERE name = 'inventory'").fetchone()
    return int(str(row[0])) if row else 0


def waiting(stage: Stage) -> int:
    """Return how many changes wait in the inbox."""
    with closing(stage.connect()) as connection:
        row = connection.execute("SELECT count(*) FROM realtime_inbox").fetchone()
    return int(str(row[0])) if row else 0


async def write_side_by_side(stage: Stage, count: int) -> None:
    """Write so many changes by WRITERS writers at once."""
    each = count // WRITERS
    await asyncio.gather(*(asyncio.to_thread(write_changes, stage, each, number) for number in range(WRITERS)))


def write_changes(stage: Stage, count: int, writer: int) -> None:
    """Write so many changes to a writer's own materials, in transactions of one statement of STATEMENT_ROWS rows."""
    with closing(stage.connect()) as connection:
        for _ in range(count // STATEMENT_ROWS):
            connection.execute(
                "UPDATE catalogue_material SET price_per_kg = price_per_kg + 0.0001 "
                "WHERE id %% %s = %s AND slug LIKE 'bench-%%'",
                [WRITERS, writer],
            )


def fill(stage: Stage) -> None:
    """Add the materials that are written: STATEMENT_ROWS for each writer."""
    with closing(stage.connect()) as connection:
        connection.execute(
            "INSERT INTO catalogue_material (slug, name, category, form, grade, price_per_kg, currency, "
            "density_kg_per_m3, archived) SELECT 'bench-' || n, 'Bench ' || n, 'Bench', '', '', 1, 'EUR', 1000, false "
            "FROM generate_series(1, %s) n",
            [STATEMENT_ROWS * WRITERS],
        )


async def follow(client: PositionClient, position: int, seconds: float) -> float:
    """Return the monotonic time at which the client's position reached the given one."""
    deadline = time.monotonic() + seconds
    while client.position < position:
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: the client is at {client.position} of {position} after {seconds:.0f} s")
        await asyncio.sleep(0.005)
    return time.monotonic()


async def sustained(stage: Stage, port: int, changes: int) -> Record:
    """Write as fast as two writers can and return what came out at the other end, per second."""
    client = PositionClient(await FrameClient.connect(port, "/ws/", "realtime.v1"))
    await follow(client, 0, 10)
    before, start = head(stage), time.monotonic()
    await write_side_by_side(stage, changes)
    written = time.monotonic()
    caught_up = await follow(client, before + changes, 120)
    return {
        "load": f"{WRITERS} writers, {STATEMENT_ROWS} rows a statement",
        "changes": changes,
        "written_per_second": changes / (written - start),
        "end_to_end_per_second": changes / (caught_up - start),
        "behind_seconds": caught_up - written,
    }


async def backlog(stage: Stage, port: int, relay: Process) -> Record:
    """Let a million changes wait, start the relay, and return the rate at which the client gets there."""
    client = PositionClient(await FrameClient.connect(port, "/ws/", "realtime.v1"))
    await follow(client, 0, 10)
    relay.stop()
    before = head(stage)
    await write_side_by_side(stage, BACKLOG)
    count = waiting(stage)
    start = time.monotonic()
    stage.relay()
    caught_up = await follow(client, before + count, 300)
    return {
        "load": "backlog, with the relay's start",
        "changes": count,
        "end_to_end_per_second": count / (caught_up - start),
        "behind_seconds": caught_up - start,
    }


def run(stage: Stage, changes: int) -> list[Record]:
    """Return the record of sustained writes, and the one of the backlog."""
    fill(stage)
    relay, port = stage.relay(), stage.server()
    first = asyncio.run(sustained(stage, port, changes))
    return [first, asyncio.run(backlog(stage, port, relay))]
