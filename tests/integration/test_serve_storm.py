"""Everyone comes back at once, with cursors, to several processes: what it costs PostgreSQL, and that all are right."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import StartProcess
from tests.integration.test_hub_resumes import READ, SNAPSHOT, StatementLog
from tests.support.databases import Database, administrate
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually

PROTOCOL: Any = "realtime.v1"
CROWD = 300
PROCESSES = 2
MATERIALS = 3
HEAD = "SELECT head FROM realtime_stream WHERE name = 'inventory'"


@pytest.fixture
def logged(database: Database) -> Iterator[StatementLog]:
    """The statements that the server runs on the test's database."""
    administrate(database.server, "ALTER DATABASE {name} SET log_statement = 'all'", name=database.name)
    yield StatementLog(database)
    administrate(database.server, "ALTER DATABASE {name} RESET log_statement", name=database.name)


@pytest.fixture
def serve(product: StartProcess) -> Callable[[int], Process]:
    """Factory of servers on a port; returns when all their processes take connections."""

    def start(port: int) -> Process:
        process = product("serve", "--port", str(port), "--processes", str(PROCESSES))
        process.wait_for("Tideline on http", 60.0)
        return process

    return start


class Page:
    """A browser's page: it keeps the rows of one topic over all its connections."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.rows: dict[str, Any] = {}
        self.cursor: dict[str, Any] | None = None
        self.frames: list[str] = []
        self.went_back = False

    async def come(self, port: int) -> ClientConnection:
        """Connect and subscribe; return once the answer and, after a cursor, the first changes are there."""
        client = await connect(
            f"ws://127.0.0.1:{port}/ws/", subprotocols=[PROTOCOL], ping_interval=None, open_timeout=60, compression=None
        )
        self.frames.clear()
        command = {"type": "subscribe", "id": 1, "topic": self.topic}
        await client.send(json.dumps(command | ({"cursor": self.cursor} if self.cursor else {})))
        async with asyncio.timeout(60):
            while self.frames not in (["snapshot"], ["resumed", "changes"]):
                self.take(json.loads(await client.recv()))
        return client

    def take(self, frame: dict[str, Any]) -> None:
        """Keep what a frame says."""
        if frame["type"] in ("welcome", "heartbeat"):
            return
        assert frame["topic"] == self.topic, frame
        self.frames.append(frame["type"])
        self.went_back |= self.cursor is not None and frame["position"] < self.cursor["position"]
        self.cursor = {"epoch": (self.cursor or frame).get("epoch"), "position": frame["position"]}
        for each in [*frame.get("rows", []), *frame.get("changes", [])]:
            self.rows[each["key"]] = each["row"]

    def names(self) -> set[str]:
        """Return what it shows."""
        return {row["name"] for row in self.rows.values()}


def rename(database: Database, word: str) -> None:
    """Change every material, and wait until the relay has given each change its position."""
    head = database.execute(HEAD)[0][0]
    for number in range(MATERIALS):
        database.execute("UPDATE catalogue_material SET name = %s WHERE slug = %s", f"{word} {number}", f"m{number}")
    eventually(lambda: database.execute(HEAD)[0][0] >= head + MATERIALS)


async def test_a_crowd_comes_back_to_several_processes(
    serve: Callable[[int], Process], relay_process: Callable[..., Process], database: Database, logged: StatementLog
) -> None:
    """P4, P8: all are resumed and shown what they missed, at one query a view and process, one read of the log.

    They were there at different times, so their cursors differ; the server was away while more was written.
    """
    for number in range(MATERIALS):
        database.execute(
            "INSERT INTO catalogue_material (slug, price_per_kg, density_kg_per_m3, name) VALUES (%s, 1, 1, 'new')",
            f"m{number}",
        )
    relay_process()
    port = free_port()
    server = await asyncio.to_thread(serve, port)
    topics = ["materials", *(f"materials/m{number}" for number in range(MATERIALS))]
    pages = [Page(topics[number % len(topics)]) for number in range(CROWD)]
    for word, batch in enumerate((pages[:100], pages[100:200], pages[200:])):
        clients = await asyncio.gather(*[page.come(port) for page in batch])
        await asyncio.gather(*[client.close() for client in clients])
        await asyncio.to_thread(rename, database, f"word{word}")
    assert await asyncio.to_thread(server.stop) == 0
    await asyncio.to_thread(rename, database, "missed")

    server = await asyncio.to_thread(serve, port)
    logged.mark()
    clients = await asyncio.gather(*[page.come(port) for page in pages])
    assert Counter(tuple(page.frames) for page in pages) == {("resumed", "changes"): CROWD}
    assert len({page.cursor["position"] for page in pages if page.cursor}) == 1
    for page in pages:
        expected = range(MATERIALS) if page.topic == "materials" else [int(page.topic[-1])]
        assert page.names() == {f"missed {number}" for number in expected}
        assert not page.went_back
    assert 0 < len(logged.statements(SNAPSHOT)) <= len(topics) * PROCESSES
    assert 0 < len(logged.statements(READ)) <= PROCESSES

    await asyncio.to_thread(rename, database, "later")
    await asyncio.gather(*[read_until(page, client, "later") for page, client in zip(pages, clients, strict=True)])
    await asyncio.gather(*[client.close() for client in clients])


async def read_until(page: Page, client: ClientConnection, word: str) -> None:
    """Read until everything that a page shows begins with the word."""
    async with asyncio.timeout(60):
        while not all(name.startswith(word) for name in page.names()):
            page.take(json.loads(await client.recv()))
