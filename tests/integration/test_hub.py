"""The hub on real PostgreSQL and Redis: snapshot and stream meet exactly, and what the wire loses is healed."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from realtime.errors import SnapshotTooLarge, Unavailable
from tests.support import shelf
from tests.support.databases import Database
from tests.support.hubs import Listener, Stage, Tamper, hub_on, items_of
from tests.support.waiting import soon

ITEMS = 5


@pytest.fixture
def shelved(database: Database, redis_url: str) -> Database:
    """The shelf's tables with two categories, and some items of the first."""
    with database.connect() as connection:
        shelf.stock_up(connection, ITEMS)
    return database


@pytest.fixture
async def still(shelved: Database) -> AsyncIterator[Stage]:
    """A hub without a relay: the test says when positions are given."""
    async with hub_on(shelved) as made:
        await made.assign()
        await made.arrived()
        yield made


def rename(database: Database, item: int, name: str) -> None:
    """Update one item."""
    database.execute("UPDATE shelf_item SET name = %s WHERE id = %s", name, item)


async def test_what_commits_before_the_snapshot_is_in_it_once(still: Stage) -> None:
    """A change that commits between attach and snapshot, without a position yet, is shown once it has passed."""
    still.log.before_snapshot.clear()
    listener = still.listen()
    await soon(lambda: still.log.snapshots_begun)
    rename(still.database, 1, "between")
    still.log.before_snapshot.set()
    await soon(lambda: still.log.snapshots_read)
    rename(still.database, 2, "after")
    await still.assign()
    await soon(lambda: listener.calls)
    assert listener.calls == ["snapshot"]
    assert listener.position == await still.head()
    assert listener.names() == still.table()


async def test_what_commits_and_passes_before_the_snapshot_is_not_told_again(still: Stage) -> None:
    """A change that got its position before the snapshot was read is in the rows; its batch is skipped."""
    still.log.before_snapshot.clear()
    listener = still.listen()
    await soon(lambda: still.log.snapshots_begun)
    rename(still.database, 1, "before")
    await still.assign()
    await still.arrived()
    still.log.before_snapshot.set()
    await soon(lambda: listener.calls)
    assert (listener.calls, listener.names()) == (["snapshot"], still.table())


async def test_what_passes_while_the_snapshot_is_on_its_way_is_applied_to_it(still: Stage) -> None:
    """A change that commits after the snapshot was read, and passes before it arrives, is in what is shown."""
    still.log.after_snapshot.clear()
    listener = still.listen()
    await soon(lambda: still.log.snapshots_read)
    rename(still.database, 1, "after")
    await still.assign()
    await still.arrived()
    still.log.after_snapshot.set()
    await soon(lambda: listener.calls)
    assert (listener.calls, listener.names()) == (["snapshot"], still.table())
    assert listener.position == await still.head()


async def test_a_view_is_not_shown_before_what_its_rows_hold_has_passed(shelved: Database) -> None:
    """While no relay gives positions to what the snapshot holds, nothing is shown; in the end: try again."""
    async with hub_on(shelved, snapshot_wait_seconds=0.3, head_check_seconds=0.1) as made:
        await made.assign()
        rename(shelved, 1, "pending")
        listener = made.listen()
        await soon(lambda: listener.calls)
        assert listener.calls == ["failed"]
        assert isinstance(listener.error, Unavailable)
        await made.assign()
        assert (await made.opened()).names() == made.table()


async def test_a_truncate_with_reload_while_a_snapshot_is_read(still: Stage) -> None:
    """The table is emptied and loaded anew after the snapshot was read: it is read again, and then exact."""
    still.log.after_snapshot.clear()
    listener = still.listen()
    await soon(lambda: still.log.snapshots_read)
    with still.database.connect(autocommit=False) as connection:
        connection.execute("TRUNCATE shelf_item CASCADE")
        connection.execute("INSERT INTO shelf_item (id, name) VALUES (1, 'new'), (9, 'other')")
        connection.commit()
    await still.assign()
    await still.arrived()
    still.log.after_snapshot.set()
    await soon(lambda: listener.calls)
    assert (listener.calls, listener.names()) == (["snapshot"], {"1": "new", "9": "other"})
    assert still.log.snapshots_read == 2


async def test_a_truncate_is_a_pushed_snapshot(still: Stage) -> None:
    """P1: an open view is emptied by one reset, and nothing of it is told before."""
    listener = await still.opened()
    still.database.execute("TRUNCATE shelf_item CASCADE")
    await still.assign()
    await soon(lambda: len(listener.calls) > 1)
    assert (listener.calls, listener.rows) == (["snapshot", "reset"], {})


async def test_each_writer_s_changes_arrive_as_one_update(still: Stage) -> None:
    """P3: what one transaction changed in a topic arrives together, each row once with its last state."""
    listener = await still.opened()
    with still.database.connect() as connection, connection.transaction():
        connection.execute("UPDATE shelf_item SET name = 'first' WHERE id <= 3")
        connection.execute("UPDATE shelf_item SET name = 'second' WHERE id <= 2")
        connection.execute("DELETE FROM shelf_item WHERE id = 5")
    await still.assign()
    await still.equal(listener)
    assert [len(update.keys) for update in listener.updates] == [4]


async def test_rows_come_and_go_with_the_filter(still: Stage) -> None:
    """P5: a row that leaves a selection is removed from it by its key alone, and comes into the other."""
    bolts, nuts = await still.opened(items_of(1)), await still.opened(items_of(2))
    still.database.execute("UPDATE shelf_item SET main_id = 2 WHERE id = 1")
    await still.assign()
    await still.equal(bolts, "main_id = 1")
    await still.equal(nuts, "main_id = 2")
    assert bolts.updates[-1].bodies == [b'{"kind":"item","key":"1","row":null}']


async def test_a_row_that_looks_the_same_is_not_told(still: Stage) -> None:
    """A change of columns that are not shown moves the position and tells nothing."""
    listener = await still.opened()
    still.database.execute("UPDATE shelf_item SET price = 7")
    await still.assign()
    await still.arrived()
    assert listener.calls == ["snapshot"]
    assert listener.view is not None
    assert listener.view.position == await still.head() == listener.position + ITEMS


async def test_a_topic_with_too_many_rows_is_refused(shelved: Database) -> None:
    """A selection above the bound is refused, and disturbs nobody."""
    async with hub_on(shelved, snapshot_max_rows=ITEMS - 1) as made:
        await made.assign()
        assert isinstance((await made.opened()).error, SnapshotTooLarge)
        assert (await made.opened(items_of(2))).rows == {}


async def lossless(made: Stage, tamper: Tamper) -> Listener:
    """Change a row several times over a wire with a fault, and wait until the view equals the table."""
    listener = await made.opened()
    made.bus.tamper = tamper
    for number in range(6):
        rename(made.database, 1 + number % 2, str(number))
        await made.assign()
    await made.equal(listener)
    assert listener.calls == ["snapshot", *["changed"] * len(listener.updates)]
    positions = [update.position for update in listener.updates]
    assert positions == sorted(set(positions))
    return listener


async def test_a_lost_batch_is_read_from_the_log(still: Stage) -> None:
    """Every second batch with changes is lost: the next one, or the check of the head, makes up for it."""
    seen: list[bytes] = []

    def lose(payload: bytes) -> list[bytes]:
        if msgspec.json.decode(payload)["changes"]:
            seen.append(payload)
            return [payload] if len(seen) % 2 else []
        return [payload]

    await lossless(still, lose)
    assert still.log.reads


async def test_a_doubled_batch_is_told_once(still: Stage) -> None:
    """What comes twice is told once, and costs no query."""
    await lossless(still, lambda payload: [payload, payload])
    assert still.log.reads == []


async def test_reordered_batches_are_told_in_order(still: Stage) -> None:
    """A batch that comes after the next one is told before it."""
    held: list[bytes] = []

    def reorder(payload: bytes) -> list[bytes]:
        held.append(payload)
        return [held.pop(), held.pop()] if len(held) == 2 else []

    await lossless(still, reorder)


async def test_a_foreign_epoch_on_the_wire_makes_the_hub_look_and_no_more(still: Stage) -> None:
    """Batches of another epoch, as from a relay of another database, change nothing for anyone."""

    def mix(payload: bytes) -> list[bytes]:
        foreign = msgspec.json.decode(payload) | {"epoch": "00000000-0000-0000-0000-000000000000", "head": 10**6}
        return [msgspec.json.encode(foreign), payload, b"nonsense"]

    await lossless(still, mix)
