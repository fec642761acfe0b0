"""Snapshot + changes = table: random writers, a random wire, clients that come, go and come back."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import shelf
from tests.support.databases import Database
from tests.support.hubs import ITEMS, Listener, Stage, hub_on, items_of

WRITERS, CLIENTS, KEYS = 3, 3, 5


@pytest.fixture
def shelved(database: Database, redis_url: str) -> Database:
    """The shelf's tables with two categories."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute("INSERT INTO shelf_category (id, name) VALUES (1, 'bolts'), (2, 'nuts')")
    return database


writers, clients, keys = st.integers(0, WRITERS - 1), st.integers(0, CLIENTS - 1), st.integers(1, KEYS)
STEP = st.one_of(
    st.tuples(st.just("put"), writers, keys, st.integers(0, 3), st.sampled_from([None, 1, 2])),
    st.tuples(st.just("delete"), writers, keys),
    st.tuples(st.just("end"), writers, st.sampled_from(["COMMIT", "COMMIT", "ROLLBACK"])),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("assign"), st.sampled_from(["deliver", "deliver", "lose", "double"])),
    st.tuples(st.just("come"), clients),
    st.tuples(st.just("go"), clients),
)

PUT = """
INSERT INTO shelf_item (id, name, main_id) VALUES (%(id)s, %(name)s, %(main)s)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, main_id = excluded.main_id
"""
WHERE = ["true", "main_id = 1", "main_id = 2"]
SELECTIONS = [ITEMS, items_of(1), items_of(2)]
WIRES: dict[str, Callable[[bytes], list[bytes]]] = {
    "deliver": lambda payload: [payload],
    "lose": lambda payload: [],
    "double": lambda payload: [payload, payload],
}


class Play:
    """One run of steps on a stage."""

    def __init__(self, made: Stage, connections: list[psycopg.Connection[Any]]) -> None:
        self.made = made
        self.connections = connections
        self.listeners: list[Listener | None] = [None] * CLIENTS
        self.kept: list[Listener | None] = [None] * CLIENTS

    async def step(self, name: str, *arguments: Any) -> None:
        """Take one step."""
        await getattr(self, name)(*arguments)

    async def put(self, writer: int, key: int, name: int, main: int | None) -> None:
        """Insert or update a row, unless another writer holds it."""
        self._write(writer, PUT, {"id": key, "name": str(name), "main": main})

    async def delete(self, writer: int, key: int) -> None:
        """Delete a row, unless another writer holds it."""
        self._write(writer, "DELETE FROM shelf_item WHERE id = %(id)s", {"id": key})

    async def end(self, writer: int, how: str) -> None:
        """End a writer's transaction."""
        self.connections[writer].execute(how.encode())

    async def truncate(self) -> None:
        """Empty the table, unless a writer holds rows of it."""
        with suppress(psycopg.errors.LockNotAvailable), self.made.database.connect() as connection:
            connection.execute("SET lock_timeout = '20ms'")
            connection.execute("TRUNCATE shelf_item CASCADE")

    async def assign(self, wire: str) -> None:
        """Let the relay work; its batches are delivered, lost or doubled."""
        self.made.bus.tamper = WIRES[wire]
        await self.made.assign()

    async def come(self, client: int) -> None:
        """Come, or come back with what was had."""
        if self.listeners[client] is None:
            kept = self.kept[client]
            had = {"rows": dict(kept.rows), "epoch": kept.epoch, "position": kept.position} if kept else {}
            cursor = kept.cursor if kept else None
            self.listeners[client] = self.made.listen(SELECTIONS[client], cursor, **had)
            await asyncio.sleep(0.002 * client)

    async def go(self, client: int) -> None:
        """Go, and keep what was had, if there was anything."""
        listener, self.listeners[client] = self.listeners[client], None
        if listener is not None:
            self.made.hub.unsubscribe(listener)
            self.kept[client] = listener if listener.position >= 0 else self.kept[client]

    async def finish(self) -> None:
        """End all transactions; every client comes back, and has the table."""
        for connection in self.connections:
            connection.execute(b"COMMIT")
        await self.assign("deliver")
        for client in range(CLIENTS):
            await self.come(client)
        await self.assign("deliver")
        for listener, where in zip(self.listeners, WHERE, strict=True):
            assert listener is not None
            await self.made.equal(listener, where)

    def _write(self, writer: int, statement: str, values: dict[str, Any]) -> None:
        connection = self.connections[writer]
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            connection.execute("BEGIN")
            connection.execute("SET LOCAL lock_timeout = '20ms'")
        with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
            connection.execute(statement.encode(), values)


async def play(database: Database, steps: list[Any]) -> None:
    """Run the steps on a hub of their own."""
    database.execute("TRUNCATE shelf_item CASCADE")
    with ExitStack() as stack:
        connections = [stack.enter_context(database.connect()) for _ in range(WRITERS)]
        async with hub_on(database, head_check_seconds=0.1) as made:
            await made.assign()
            run = Play(made, connections)
            for step in steps:
                await run.step(*step)
            await run.finish()


def test_every_client_ends_with_the_table(shelved: Database) -> None:
    """P1 to P4 on real PostgreSQL and Redis, whatever the order of things."""

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEP, min_size=5, max_size=40))
    def holds(steps: list[Any]) -> None:
        asyncio.run(play(shelved, steps))

    holds()
