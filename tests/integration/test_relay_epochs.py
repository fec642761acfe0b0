"""Epochs: a log that is not the known one any more gets a new epoch, and no other does. And retention."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from realtime.conf import RealtimeSettings
from realtime.drivers.relay import Relay
from realtime.errors import EpochChanged, FloorPassed
from realtime.pure.changes import Head, Mark
from tests.support import shelf
from tests.support.databases import Database, administrate

OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.fixture
def shelved(database: Database) -> Database:
    """The shelf's tables with one item."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute("INSERT INTO shelf_item (id, name) VALUES (1, '0')")
    return database


def a_relay(**settings: Any) -> Relay:
    """Return a relay that remembers what it saw from one `drain` to the next, as a running one does."""
    return Relay(shelf.engine_conninfo(), shelf.NoWire(), RealtimeSettings(**settings))


async def head() -> Head:
    """Return the stream's row."""
    async with shelf.reading(shelf.CAPTURES) as reader:
        return (await reader.heads())[shelf.STREAM]


def update(database: Database, times: int) -> None:
    """Make so many changes, each in its own transaction."""
    with database.connect() as connection:
        for _ in range(times):
            connection.execute("UPDATE shelf_item SET name = (name::int + 1)::text")


def copy_of(database: Database) -> Callable[[], None]:
    """Copy the database as it is now; the returned function puts the copy in its place."""
    name = f"{database.name}_copy"
    with psycopg.connect(database.server.url(), autocommit=True) as connection:
        connection.execute(OTHERS, [database.name])
    administrate(database.server, "CREATE DATABASE {name} TEMPLATE {live}", name=name, live=database.name)

    def restore() -> None:
        administrate(database.server, "DROP DATABASE {live} WITH (FORCE)", live=database.name)
        administrate(database.server, "ALTER DATABASE {name} RENAME TO {live}", name=name, live=database.name)

    return restore


async def test_an_older_copy_of_the_database_begins_a_new_epoch(shelved: Database) -> None:
    """Positions that were published are not in the log any more: a new epoch, at position 1."""
    relay = a_relay()
    await relay.drain()
    restore = copy_of(shelved)
    update(shelved, 3)
    await relay.drain()
    before = await head()
    restore()
    update(shelved, 1)
    await relay.drain()
    after = await head()
    assert before.epoch != after.epoch
    assert (before.position, after.position) == (4, 1)


async def test_an_older_copy_that_has_overtaken_the_head_begins_a_new_epoch(shelved: Database) -> None:
    """The copy was written to and relayed past the known head before the relay came back: the mark tells."""
    relay = a_relay()
    await relay.drain()
    restore = copy_of(shelved)
    update(shelved, 3)
    await relay.drain()
    before = await head()
    restore()
    update(shelved, 9)
    await a_relay().drain()
    assert (await head()).epoch == before.epoch, "a relay without memory can't know"
    await relay.drain()
    assert (await head()).epoch != before.epoch


async def test_a_copy_from_before_the_last_epoch_begins_a_new_one(shelved: Database) -> None:
    """The copy still has an epoch that ended: it must not be continued."""
    relay = a_relay()
    await relay.drain()
    first = await head()
    restore = copy_of(shelved)
    call_reset()
    await relay.drain()
    second = await head()
    restore()
    await relay.drain()
    assert len({first.epoch, second.epoch, (await head()).epoch}) == 3


async def test_the_same_database_keeps_its_epoch(shelved: Database) -> None:
    """Neither new connections, nor other relays, nor changes that others relayed make a new epoch."""
    relay = a_relay()
    await relay.drain()
    before = await head()
    for _ in range(2):
        update(shelved, 2)
        await a_relay().drain()
        update(shelved, 2)
        await relay.drain()
    assert ((await head()).epoch, (await head()).position) == (before.epoch, 9)


@pytest.mark.parametrize("change", ["system_identifier = system_identifier + 1", "timeline = '000000FF'"])
async def test_another_server_or_timeline_begins_a_new_epoch(shelved: Database, change: str) -> None:
    """A dump restored elsewhere, or a promoted standby: nobody can tell which commits came along."""
    await shelf.drain()
    before = await head()
    shelved.execute(f"UPDATE realtime_stream SET {change}")
    await shelf.drain()
    after = await head()
    assert before.epoch != after.epoch
    await shelf.drain()
    assert (await head()).epoch == after.epoch, "it is recorded, so it happens once"


@pytest.mark.parametrize(
    ("position", "mark", "lost"),
    [(3, None, False), (3, "another", True), (9, "beyond the head", True), (0, "", False)],
    ids=["the mark is right", "the mark is another", "the position is beyond the head", "nothing was known"],
)
async def test_a_hub_that_doubts_is_answered(shelved: Database, position: int, mark: str | None, *, lost: bool) -> None:
    """The relay verifies what a hub saw, and makes a new epoch exactly when the log lost it."""
    relay = a_relay()
    update(shelved, 2)
    await relay.drain()
    before = await head()
    async with shelf.reading(shelf.CAPTURES) as reader:
        known = Mark(position, before.mark if mark is None else mark)
        assert await reader.verify(shelf.STREAM, before.epoch, known) is not lost
        await reader.doubt(shelf.STREAM, before.epoch, known)
    await relay.drain()
    assert ((await head()).epoch != before.epoch) is lost
    assert not shelved.execute("SELECT 1 FROM realtime_doubt")


async def test_changes_that_waited_get_positions_in_the_new_epoch(shelved: Database) -> None:
    """A new epoch loses nothing that was committed: the inbox goes into the new log."""
    await shelf.drain()
    update(shelved, 2)
    call_reset()
    await shelf.drain()
    assert (await head()).position == 2


def call_reset(*streams: str) -> None:
    """Run `manage.py log_reset` in a thread that may use a loop of its own."""
    failures: list[CommandError] = []

    def run() -> None:
        try:
            call_command("log_reset", *streams, verbosity=0)
        except CommandError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def test_log_reset_takes_names_and_refuses_others(shelved: Database) -> None:
    """Only the named stream begins anew; an unknown name changes nothing and says which there are."""
    await shelf.drain()
    before = await head()
    with pytest.raises(
        CommandError, match=r"no stream nothing; there are inventory, notifications, orders, quotes, shelf"
    ):
        call_reset("nothing", shelf.STREAM)
    assert (await head()).epoch == before.epoch
    others = dict(shelved.execute("SELECT name, epoch FROM realtime_stream"))
    call_reset(shelf.STREAM)
    now = dict(shelved.execute("SELECT name, epoch FROM realtime_stream"))
    assert {name for name in now if now[name] != others[name]} == {shelf.STREAM}


async def test_retention_drops_old_segments_and_raises_the_floor(shelved: Database) -> None:
    """Segments whose changes are all older than the retention go, the head's own stays; reading below is refused."""
    relay = a_relay(log_segment_positions=10, log_retention_seconds=0.0)
    update(shelved, 34)
    await relay.drain()
    await a_relay(log_segment_positions=10, log_retention_seconds=0.0).drain()
    state = await head()
    assert (state.position, state.floor) == (35, 30)
    async with shelf.reading(shelf.CAPTURES) as reader:
        with pytest.raises(FloorPassed):
            await reader.read(shelf.STREAM, state.epoch, 29, 35, known=None, limit=100)
        found = await reader.read(shelf.STREAM, state.epoch, 30, 35, known=None, limit=100)
        assert [change.position for change in found.changes] == [31, 32, 33, 34, 35]
        with pytest.raises(EpochChanged):
            await reader.read(shelf.STREAM, "another", 30, 35, known=None, limit=100)
    tables = shelved.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'realtime_log'::regclass")
    segments = shelved.execute("SELECT count(*) FROM realtime_segment")
    assert tables == segments


async def test_dead_epochs_are_dropped(shelved: Database) -> None:
    """The segments of an ended epoch go with the next pruning, whatever their age."""
    relay = a_relay()
    await relay.drain()
    call_reset(shelf.STREAM)
    await a_relay().drain()
    query = "SELECT DISTINCT epoch_number FROM realtime_segment WHERE stream = 'shelf'"
    assert shelved.execute(query) == [(2,)]
    assert (await head()).floor == 0


async def test_a_reader_holds_up_pruning_and_pruning_holds_up_no_writer(shelved: Database) -> None:
    """A long read of the log postpones the pruning to the next time; writers and relay go on meanwhile."""
    update(shelved, 34)
    keep = {"log_segment_positions": 10, "log_retention_seconds": 86_400.0}
    await a_relay(**keep).drain()
    with shelved.connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM realtime_log")
        update(shelved, 1)
        await a_relay(log_segment_positions=10, log_retention_seconds=0.0).drain()
        assert ((await head()).floor, (await head()).position) == (0, 36)
    await a_relay(log_segment_positions=10, log_retention_seconds=0.0).drain()
    assert (await head()).floor == 30
