"""The relay: positions that never reverse, split or repeat, however transactions and relays interleave."""

import asyncio
import random
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from realtime.adapters.assignment import ASSIGN_BELOW, relay_conninfo
from realtime.conf import RealtimeSettings
from realtime.drivers.ending import end
from realtime.drivers.relay import Relay
from realtime.errors import BusUnavailable
from realtime.pure.changes import Batch, Change
from realtime.pure.wire import decode_batch
from tests.support import shelf
from tests.support.databases import Database
from tests.support.waiting import soon

ITEMS = 8


class Recorder:
    """A bus that keeps what was published."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.broken = False

    async def publish(self, batch_bytes: bytes, stream: str) -> None:
        """Keep the batch, or fail as Redis does."""
        if self.broken:
            raise BusUnavailable("switched off by the test")
        if stream == shelf.STREAM:
            self.batches.append(decode_batch(batch_bytes, shelf.CAPTURES))

    @property
    def moved(self) -> list[Batch]:
        """The batches that are no heartbeats."""
        return [batch for batch in self.batches if batch.after != batch.head]


@pytest.fixture
def shelved(database: Database) -> Database:
    """The shelf's tables with some items whose name counts their updates."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute("INSERT INTO shelf_item (id, name) SELECT n, '0' FROM generate_series(1, %s) n", [ITEMS])
    return database


def relay_to(wire: Any, **settings: Any) -> Relay:
    """Return a relay on the test's database that publishes to `wire`."""
    return Relay(shelf.engine_conninfo(), wire, RealtimeSettings(**settings))


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    """Run a relay meanwhile."""
    task = asyncio.create_task(relay.run())
    try:
        await asyncio.wait({task, started := asyncio.create_task(relay.started.wait())}, return_when="FIRST_COMPLETED")
        started.cancel()
        yield task
    finally:
        await end([task])


async def log() -> list[Change]:
    """Return the whole log of the shelf."""
    return await shelf.read_log(shelf.STREAM, shelf.CAPTURES)


def names(changes: list[Change]) -> list[str]:
    """Return the names of the items in the changes, by position."""
    return [str(change.new["name"]) for change in changes if change.new]


def rename(connection: "psycopg.Connection[Any]", item: int, name: str) -> None:
    """Update one item."""
    connection.execute("UPDATE shelf_item SET name = %s WHERE id = %s", [name, item])


async def test_a_transaction_that_commits_late_is_not_skipped(shelved: Database) -> None:
    """Ids become visible out of order: what commits late gets a later position, and none is lost."""
    await shelf.drain()
    with shelved.connect(autocommit=False) as slow, shelved.connect() as fast:
        rename(slow, 1, "slow")
        rename(fast, 2, "fast")
        await shelf.drain()
        assert names(await log())[ITEMS:] == ["fast"]
        slow.commit()
        rename(fast, 3, "last")
    await shelf.drain()
    assert names(await log())[ITEMS:] == ["fast", "slow", "last"]


async def test_updates_of_one_row_keep_their_order_when_transaction_ids_are_reversed(shelved: Database) -> None:
    """The older transaction writes the row last: its change comes last, though its xid and its first id are lower."""
    with shelved.connect(autocommit=False) as older, shelved.connect() as younger:
        rename(older, 2, "older, elsewhere")
        rename(younger, 1, "younger")
        rename(older, 1, "older")
        older.commit()
    await shelf.drain()
    assert names(await log())[ITEMS:] == ["younger", "older, elsewhere", "older"]


async def test_an_idle_transaction_holds_up_nobody(shelved: Database) -> None:
    """An open transaction, here with an xid of its own, delays its own changes and no others."""
    with shelved.connect(autocommit=False) as idle:
        rename(idle, 1, "idle")
        for number in range(3):
            shelved.execute("UPDATE shelf_item SET name = %s WHERE id = 2", f"done {number}")
            await shelf.drain()
        assert names(await log())[ITEMS:] == ["done 0", "done 1", "done 2"]
        idle.rollback()


def write_much(database: Database, seed: int, transactions: int) -> None:
    """Count up random items, several in one transaction, some in savepoints of which a third are undone."""
    chance = random.Random(seed)
    with database.connect() as connection:
        for number in range(transactions):
            with connection.transaction():
                for item in sorted(chance.sample(range(1, ITEMS + 1), 3)):
                    undone = chance.random() < 0.3
                    with connection.transaction(force_rollback=undone):
                        connection.execute(
                            "UPDATE shelf_item SET name = (name::int + 1)::text, price = %s WHERE id = %s",
                            [seed * 10_000 + number, item],
                        )


async def write_by_many(database: Database, *, writers: int, transactions: int) -> None:
    """Run writers in threads and wait for them."""
    threads = [
        threading.Thread(target=write_much, args=(database, seed, transactions)) for seed in range(1, writers + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)


def faults(changes: list[Change]) -> dict[str, int]:
    """Count what must not be: a counter that goes back or jumps, a transaction in two runs, a gap in the positions."""
    found: dict[str, int] = defaultdict(int)
    last: dict[str, int] = {}
    closed: set[int] = set()
    for position, change in enumerate(changes, 1):
        found["gaps"] += change.position != position
        if change.new is None or change.old is None:
            continue
        found["inversions"] += int(str(change.new["name"])) != last.get(change.key, 0) + 1
        last[change.key] = int(str(change.new["name"]))
        tag = int(change.new["price"])
        found["split"] += tag in closed
        if change.ends:
            closed.add(tag)
    return {fault: count for fault, count in found.items() if count}


async def test_two_relays_neither_reverse_nor_split_nor_repeat(shelved: Database) -> None:
    """Four writers with savepoints and two relays at once: no inversion, no split transaction, no gap."""
    first, second = Recorder(), Recorder()
    async with running(relay_to(first, relay_poll_seconds=0.001)), running(relay_to(second, relay_poll_seconds=0.001)):
        await write_by_many(shelved, writers=4, transactions=150)
        await soon(lambda: not shelved.execute("SELECT 1 FROM realtime_inbox"))
    changes = await log()
    assert faults(changes) == {}
    assert shelf.replay({}, changes) == await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)
    assert first.moved and second.moved, "both relays had work, or the test shows nothing"


async def test_the_check_for_faults_finds_them() -> None:
    """The checker of the test above is red for a reversed pair, a split transaction and a gap."""

    def change(position: int, count: int, tag: int, *, ends: bool = True) -> Change:
        row = {"name": str(count), "price": tag}
        return Change(position, position, "item", "1", row, {"name": str(count - 1)}, False, ends)

    assert faults([change(1, 1, 5), change(2, 2, 6)]) == {}
    assert "inversions" in faults([change(1, 2, 5), change(2, 1, 6)])
    assert "split" in faults([change(1, 1, 5), change(2, 2, 6), change(3, 3, 5)])
    assert "gaps" in faults([change(1, 1, 5), change(3, 2, 6)])


async def test_a_backlog_is_taken_in_slices_of_whole_transactions(shelved: Database) -> None:
    """Above the slice size a backlog takes several assignments; order, wholeness and completeness stay."""
    with shelved.connect(autocommit=False) as late:
        late.execute("INSERT INTO shelf_label (item_id, text) VALUES (1, 'first id of all')")
        await write_by_many(shelved, writers=3, transactions=60)
        late.execute("INSERT INTO shelf_label (item_id, text) SELECT 2, 'last ids' FROM generate_series(1, 100)")
        late.commit()
    wire = Recorder()
    await relay_to(wire, relay_slice_changes=20).drain()
    changes = await log()
    assert len(wire.moved) > 4
    assert faults(changes) == {}
    assert [c.ends for c in changes if c.kind == "label"] == [False] * 100 + [True]
    assert shelf.replay({}, changes) == await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)


async def test_a_transaction_over_the_cut_is_looked_up_once(shelved: Database) -> None:
    """P7: an anti-join over its rows compares all with all, and the relay stood still for minutes."""
    await relay_to(Recorder()).drain()
    shelved.execute("INSERT INTO shelf_item (id, name) SELECT n, 'many' FROM generate_series(101, 5100) n")
    with psycopg.connect(relay_conninfo(shelved.url)) as connection:
        bounds = {"low": 0, "cut": 1000, "mark": "?"}
        plan = connection.execute(f"EXPLAIN {ASSIGN_BELOW}", bounds).fetchall()
        assert not [line for (line,) in plan if "Anti Join" in line]
        assert connection.execute(ASSIGN_BELOW, bounds).fetchall() == []


async def test_a_transaction_larger_than_a_segment_finds_room(shelved: Database) -> None:
    """The log grows by as many segments as one assignment needs."""
    wire = Recorder()
    relay = relay_to(wire, log_segment_positions=50)
    await relay.drain()
    shelved.execute("INSERT INTO shelf_item (id, name) SELECT n, 'many' FROM generate_series(101, 1100) n")
    await relay.drain()
    assert len(await log()) == ITEMS + 1000
    assert [batch.head for batch in wire.moved] == [ITEMS, ITEMS + 1000]


async def test_what_is_published_is_what_is_in_the_log(shelved: Database) -> None:
    """Batches are contiguous, carry the mark of their head, and their changes equal those in the log."""
    wire = Recorder()
    relay = relay_to(wire)
    for number in range(4):
        shelved.execute("UPDATE shelf_item SET name = %s", str(number))
        await relay.drain()
    published = [change for batch in wire.moved for change in batch.changes or ()]
    assert await log() == published
    assert [batch.after for batch in wire.moved] == [0, *(batch.head for batch in wire.moved[:-1])]
    marks = dict(shelved.execute("SELECT position, mark FROM realtime_log WHERE mark IS NOT NULL"))
    assert {batch.head: batch.mark for batch in wire.moved} == marks


async def test_a_batch_too_large_for_the_wire_travels_as_positions(shelved: Database) -> None:
    """Above batch_max_bytes the batch has no changes, and the hub is left to read them from the log."""
    wire = Recorder()
    await relay_to(wire, batch_max_bytes=100).drain()
    (batch,) = wire.moved
    assert (batch.after, batch.head, batch.changes) == (0, ITEMS, None)


async def test_redis_down_stops_no_assignment(shelved: Database) -> None:
    """While the bus takes nothing, positions are given; afterwards heartbeats say how far the log is."""
    wire = Recorder()
    wire.broken = True
    async with running(relay_to(wire)):
        shelved.execute("UPDATE shelf_item SET name = 'unheard'")
        await soon(lambda: not shelved.execute("SELECT 1 FROM realtime_inbox"))
        wire.broken = False
        await soon(lambda: wire.batches)
    assert wire.batches[0].head == 2 * ITEMS


async def test_the_connection_lost_is_made_anew(shelved: Database) -> None:
    """A relay whose backend is ended goes on by itself, with the same epoch."""
    wire = Recorder()
    async with running(relay_to(wire)):
        await soon(lambda: wire.moved)
        shelved.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tideline-test'"
        )
        shelved.execute("UPDATE shelf_item SET name = 'afterwards'")
        await soon(lambda: len(wire.moved) == 2)
    assert len({batch.epoch for batch in wire.batches}) == 1


async def test_without_a_database_the_first_start_fails(database: Database) -> None:
    """A relay that can't start says so instead of retrying for ever."""
    relay = Relay("host=127.0.0.1 port=1 connect_timeout=2", Recorder(), RealtimeSettings())
    with pytest.raises(psycopg.OperationalError):
        await relay.run()
