"""The hub through outages: of Redis, of PostgreSQL, and when the database is replaced by an older copy of itself."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import redis

from core.demo.embedded import ValkeyServer
from realtime.errors import Unavailable
from tests.conftest import Servers, use_redis
from tests.support import shelf
from tests.support.databases import Database, administrate
from tests.support.hubs import hub_on, relay_on, stage
from tests.support.waiting import soon

ITEMS = 5


@pytest.fixture
def shelved(database: Database, redis_url: str) -> Database:
    """The shelf's tables with some items whose name counts their updates."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute("INSERT INTO shelf_item (id, name) SELECT n, '0' FROM generate_series(1, %s) n", [ITEMS])
    return database


@pytest.fixture
def own_valkey(servers: Servers, settings: Any) -> Iterator[ValkeyServer]:
    """A Redis of the test's own, which it may stop."""
    server = servers.valkey()
    use_redis(settings, server.url())
    yield server
    server.kill()


@contextmanager
def counting(database: Database) -> Iterator[Callable[[], int]]:
    """Count items up without pause in a thread; yields how many updates were made."""
    stop, made = threading.Event(), [0]

    def count() -> None:
        with database.connect() as connection:
            while not stop.wait(0.005):
                item = 1 + made[0] % ITEMS
                connection.execute("UPDATE shelf_item SET name = (name::int + 1)::text WHERE id = %s", [item])
                made[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield lambda: made[0]
    finally:
        stop.set()
        thread.join()


async def test_redis_stops_under_writes_and_starts_again(shelved: Database, own_valkey: ValkeyServer) -> None:
    """P7: with Redis away for five seconds the log carries the stream; nothing is lost, repeated or read anew."""
    async with stage(shelved) as made:
        listener = await made.opened()
        with counting(shelved) as count:
            await soon(lambda: len(listener.updates) > 10)
            await asyncio.to_thread(own_valkey.stop)
            await soon(lambda: made.hub.health().degraded)
            assert made.hub.health().ready
            seen, written, clock = len(listener.updates), count(), asyncio.get_running_loop().time
            over = clock() + 5.0
            await soon(lambda: clock() > over, 10, what="five seconds without Redis")
            assert count() > written + 100
            assert len(listener.updates) > seen + 10, "updates come by the log alone"
            await asyncio.to_thread(own_valkey.start)
            await soon(lambda: not made.hub.health().degraded)
            seen = len(listener.updates)
            await soon(lambda: len(listener.updates) > seen + 10, what="updates come by the wire again")
        await made.equal(listener)
        assert set(listener.calls) == {"snapshot", "changed"}
        positions = [update.position for update in listener.updates]
        assert positions == sorted(set(positions))


async def test_flushing_redis_loses_nothing(shelved: Database, own_valkey: ValkeyServer) -> None:
    """P7: FLUSHALL in the middle of writes."""
    async with stage(shelved) as made:
        listener = await made.opened()
        with counting(shelved), redis.Redis.from_url(own_valkey.url()) as client:
            await soon(lambda: len(listener.updates) > 10)
            await asyncio.to_thread(client.flushall)
            seen = len(listener.updates)
            await soon(lambda: len(listener.updates) > seen + 10)
        await made.equal(listener)
        assert set(listener.calls) == {"snapshot", "changed"}


async def test_the_hub_starts_without_redis(shelved: Database, own_valkey: ValkeyServer) -> None:
    """P7: with Redis away from the beginning a hub is ready, degraded, and follows the log; then the wire."""
    await asyncio.to_thread(own_valkey.stop)
    async with stage(shelved) as made:
        listener = await made.opened()
        shelved.execute("UPDATE shelf_item SET name = '1'")
        await made.equal(listener)
        assert made.hub.health().ready
        assert made.hub.health().degraded
        await asyncio.to_thread(own_valkey.start)
        await soon(lambda: not made.hub.health().degraded)
        heard = made.log.log_reads
        with counting(shelved):
            await soon(lambda: len(listener.updates) > 20)
        await made.equal(listener)
        assert made.log.log_reads <= heard + 3, "the wire brings the changes again"


OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


def cut_connections(database: Database) -> None:
    """End all connections to the database, as a restart does."""
    with psycopg.connect(database.server.url(), autocommit=True) as connection:
        connection.execute(OTHERS, [database.name])


async def test_connections_that_are_cut_are_made_again(shelved: Database) -> None:
    """P7: ending the hub's and the relay's connections under writes loses nothing and resets no view."""
    async with stage(shelved) as made:
        listener = await made.opened()
        with counting_until_cut(shelved):
            for _ in range(3):
                seen = len(listener.updates)
                await soon(lambda seen=seen: len(listener.updates) > seen + 10, 10)
                await asyncio.to_thread(cut_connections, shelved)
        await made.equal(listener)
        assert set(listener.calls) == {"snapshot", "changed"}


@contextmanager
def counting_until_cut(database: Database) -> Iterator[None]:
    """Count items up in a thread; begin anew when the connection is cut."""
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            try:
                with database.connect() as connection:
                    while not stop.wait(0.005):
                        connection.execute("UPDATE shelf_item SET name = (name::int + 1)::text WHERE id = 1")
            except psycopg.OperationalError:
                continue

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_without_the_log_the_hub_is_not_ready_and_refuses(shelved: Database) -> None:
    """While PostgreSQL is out of reach: not ready, `unavailable` for who comes, and open views stay as they are."""
    async with hub_on(shelved, head_check_seconds=0.1) as made:
        await made.assign()
        listener = await made.opened()
        await asyncio.to_thread(hide, shelved)
        await soon(lambda: not made.hub.health().ready)
        late = await made.opened()
        assert isinstance(late.error, Unavailable)
        assert listener.calls == ["snapshot"]
        await asyncio.to_thread(unhide, shelved)
        await soon(lambda: made.hub.health().ready)
        shelved.execute("UPDATE shelf_item SET name = '1'")
        await made.assign()
        await made.equal(listener)
        assert listener.calls == ["snapshot", "changed"]


def hide(database: Database) -> None:
    """Refuse all connections to the database, and end those that there are."""
    administrate(database.server, "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false", name=database.name)
    cut_connections(database)


def unhide(database: Database) -> None:
    """Take connections again."""
    administrate(database.server, "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true", name=database.name)


def copy_of(database: Database) -> Callable[[], None]:
    """Copy the database as it is now; the returned function puts the copy in its place."""
    name = f"{database.name}_copy"
    cut_connections(database)
    administrate(database.server, "CREATE DATABASE {name} TEMPLATE {live}", name=name, live=database.name)

    def restore() -> None:
        administrate(database.server, "DROP DATABASE {live} WITH (FORCE)", live=database.name)
        administrate(database.server, "ALTER DATABASE {name} RENAME TO {live}", name=name, live=database.name)

    return restore


def update(database: Database, times: int) -> None:
    """Make so many changes, each in its own transaction."""
    with database.connect() as connection:
        for _ in range(times):
            connection.execute("UPDATE shelf_item SET name = (name::int + 1)::text WHERE id = 1")


@pytest.mark.parametrize("writes", [1, 12], ids=["behind the old head", "past the old head"])
async def test_an_older_copy_of_the_database(shelved: Database, writes: int) -> None:
    """The relay that comes with the copy knows nothing of what was lost; the hub doubts, and all views are reset."""
    async with hub_on(shelved, head_check_seconds=0.1) as made:
        await made.assign()
        restore = await asyncio.to_thread(copy_of, shelved)
        update(shelved, 5)
        await made.assign()
        await soon(lambda: made.hub.health().ready)
        listener = await made.opened()
        before = listener.epoch
        assert listener.names() == made.table()
        await asyncio.to_thread(restore)
        await soon(lambda: made.hub.feeds[shelf.STREAM].line.trust.name != "SURE")
        update(shelved, writes)
        async with relay_on():
            await soon(lambda: listener.epoch != before, 15)
            await made.equal(listener)
            update(shelved, 1)
            await made.equal(listener)
        assert listener.calls[:2] == ["snapshot", "reset"]


async def test_a_hub_without_a_relay_is_degraded(shelved: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat for a while: changes will not get positions, and health says so."""
    monkeypatch.setattr("realtime.drivers.hub.RELAY_SILENT_SECONDS", 1.5)
    async with hub_on(shelved) as made:
        async with relay_on():
            await soon(lambda: made.hub.feeds[shelf.STREAM].line.trust.name, what="the hub runs")
            listener = await made.opened()
            update(shelved, 1)
            await made.equal(listener)
            assert not made.hub.health().degraded
        await soon(lambda: made.hub.health().degraded)
        assert "no relay" in made.hub.health().reasons[0]


async def test_a_dead_task_shows(shelved: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that a bug has ended makes the hub not ready, with its name."""
    async with hub_on(shelved) as made:

        async def broken() -> bytes:
            raise RuntimeError("a bug")

        monkeypatch.setattr(made.bus, "receive", broken)
        await made.assign()
        await soon(lambda: not made.hub.health().ready)
        assert "hub reader" in made.hub.health().reasons[0]
