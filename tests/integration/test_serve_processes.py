"""`manage.py serve --processes`: several on one port, replaced when they end, and gone when they should be."""

import asyncio
import json
import os
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.demo.embedded.children import alive
from realtime.server.loads import AT_ONCE
from tests.conftest import StartProcess
from tests.support.databases import Database
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually, soon

PROTOCOL: Any = "realtime.v1"
Frame = dict[str, Any]


@dataclass(frozen=True)
class Several:
    """Processes that share a port; each has one of its own too, so that a test may choose."""

    process: Process
    port: int
    own: int

    def ws(self, number: int | None = None) -> str:
        """Return the address of a process, or the one that they share."""
        return f"ws://127.0.0.1:{self.port if number is None else self.own + number - 1}/ws/"

    def events(self, event: str) -> list[Frame]:
        """Return what was logged of this name."""
        lines = (json.loads(line) for line in self.process.output.splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def pids(self, number: int) -> list[int]:
        """Return the ids of all processes that were this one, the present one last."""
        return [line["pid"] for line in self.events("process_started") if line["process"] == number]

    def ask(self, number: int, path: str) -> str:
        """Return what a process answers, "" while it doesn't."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.own + number - 1}{path}", timeout=5) as answer:
                found: str = answer.read().decode()
                return found
        except OSError:
            return ""

    def sessions(self, number: int) -> int:
        """Return how many sessions a process has."""
        found = [line for line in self.ask(number, "/metrics").splitlines() if line.startswith("realtime_sessions ")]
        return int(float(found[0].split()[1])) if found else 0


@pytest.fixture
def several(product: StartProcess) -> Callable[..., Several]:
    """Factory of two processes on one port; returns when both take connections."""

    def start(*arguments: str, **variables: str) -> Several:
        port, own = free_port(), free_ports(2)
        process = product(
            "serve", "--port", str(port), "--processes", "2", "--own-ports", str(own), *arguments, **variables
        )
        process.wait_for("Tideline on http", 60.0)
        return Several(process, port, own)

    return start


def free_ports(count: int) -> int:
    """Return the first of so many free ports in a row."""
    while True:
        found = [free_port() for _ in range(count)]
        if found == list(range(found[0], found[0] + count)):
            return found[0]


class Page:
    """A client with one topic, which it keeps up to date."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.rows: dict[str, Any] = {}
        self.cursor: Frame = {}
        self.answer = ""

    @classmethod
    async def opened(cls, url: str, cursor: Frame | None = None, rows: dict[str, Any] | None = None) -> "Page":
        """Connect, subscribe, and return once the answer is there."""
        page = cls(await connect(url, subprotocols=[PROTOCOL], ping_interval=None, open_timeout=60))
        page.rows = dict(rows or {})
        command = {"type": "subscribe", "id": 1, "topic": "materials"}
        await page.client.send(json.dumps(command | ({"cursor": cursor} if cursor else {})))
        async with asyncio.timeout(60):
            while not page.answer:
                page.take(json.loads(await page.client.recv()))
        return page

    def take(self, frame: Frame) -> None:
        """Keep what a frame says."""
        assert frame["type"] != "error", frame
        if frame["type"] in ("snapshot", "resumed"):
            self.answer = frame["type"]
            self.cursor = {"epoch": frame["epoch"], "position": frame["position"]}
        for each in [*frame.get("rows", []), *frame.get("changes", [])]:
            self.rows[each["key"]] = each["row"]
        if frame["type"] == "changes":
            self.cursor["position"] = frame["position"]

    async def sees(self, name: str) -> None:
        """Read until a material has this name."""
        async with asyncio.timeout(60):
            while not any(row and row["name"] == name for row in self.rows.values()):
                self.take(json.loads(await self.client.recv()))

    async def closed(self) -> int:
        """Read until the end and return the code; 1006 for a line that was just cut."""
        async with asyncio.timeout(60):
            try:
                while True:
                    self.take(json.loads(await self.client.recv()))
            except ConnectionClosed as error:
                return error.rcvd.code if error.rcvd else 1006


OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture
async def opened() -> AsyncIterator[OpenPage]:
    """Open pages as `Page.opened` does; they are closed at the end."""
    pages: list[Page] = []

    async def opened(*arguments: Any) -> Page:
        pages.append(await Page.opened(*arguments))
        return pages[-1]

    yield opened
    await asyncio.gather(*[page.client.close() for page in pages])


def rename(database: Database, name: str) -> None:
    """Give the one material another name; make it first if need be."""
    database.execute(
        "INSERT INTO catalogue_material (slug, price_per_kg, density_kg_per_m3, name) VALUES ('rebar', 1, 1, %s) "
        "ON CONFLICT (slug) DO UPDATE SET name = EXCLUDED.name",
        name,
    )


async def test_both_take_connections_and_deliver(
    several: Callable[..., Several], opened: OpenPage, relay_process: Callable[..., Process], database: Database
) -> None:
    """Connections to the one port spread over both, and a change reaches the clients of each."""
    relay_process()
    rename(database, "first")
    server = several()
    pages = [await opened(server.ws()) for _ in range(4 * AT_ONCE)]
    while not (await asyncio.to_thread(server.sessions, 1) and await asyncio.to_thread(server.sessions, 2)):
        assert len(pages) < 500, "all of them went to one process"
        pages.append(await opened(server.ws()))
    found = [await asyncio.to_thread(server.sessions, number) for number in (1, 2)]
    assert sum(found) == len(pages)
    await asyncio.to_thread(rename, database, "second")
    await asyncio.gather(*[page.sees("second") for page in pages])


async def test_a_killed_process_is_replaced_and_its_clients_resume(
    several: Callable[..., Several], opened: OpenPage, relay_process: Callable[..., Process], database: Database
) -> None:
    """They come back with their cursors and get what they missed; the clients of the other notice nothing."""
    relay_process()
    rename(database, "first")
    server = several()
    lost, kept = await opened(server.ws(1)), await opened(server.ws(2))
    os.kill(server.pids(1)[0], signal.SIGKILL)
    assert await lost.closed() == 1006
    await asyncio.to_thread(rename, database, "missed")
    back = await opened(server.ws(), lost.cursor, lost.rows)
    assert back.answer == "resumed"
    await asyncio.gather(back.sees("missed"), kept.sees("missed"))
    await soon(lambda: asyncio.to_thread(lambda: len(server.pids(1)) == 2 and server.ask(1, "/healthz")), 60)
    anew = await opened(server.ws(1), lost.cursor, lost.rows)
    assert anew.answer == "resumed"
    await anew.sees("missed")
    (ended,) = server.events("process_ended")
    assert (ended["process"], ended["how"], ended["again_in_seconds"]) == (1, "killed by SIGKILL", 0.1)
    assert len(server.pids(2)) == 1
    await asyncio.to_thread(rename, database, "later")
    await asyncio.gather(*[page.sees("later") for page in (back, kept, anew)])


async def test_a_queued_connection_outlives_the_processes(several: Callable[..., Several]) -> None:
    """Connected while both hang and before both die, it is served by those that replace them."""
    server = several()
    pids = [server.pids(number)[0] for number in (1, 2)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    with raw:
        assert (await asyncio.to_thread(raw.recv, 100)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("reach", ["the parent", "everyone"])
async def test_a_stop_closes_all_sockets_with_4000(
    several: Callable[..., Several], opened: OpenPage, reach: str
) -> None:
    """Nothing is left, the exit code is 0, and nobody complains; also when a terminal's signal reaches them all."""
    server = several()
    pages = [await opened(server.ws(number)) for number in (1, 2, 1, 2)]
    pids = server.pids(1) + server.pids(2)
    if reach == "everyone":
        os.killpg(server.process.pid, signal.SIGINT)
    else:
        server.process.send(signal.SIGTERM)
    assert [await page.closed() for page in pages] == [4000] * 4
    assert await asyncio.to_thread(server.process.wait) == 0
    assert [pid for pid in pids if alive(pid)] == []
    assert "Traceback" not in server.process.output
    assert server.events("process_ended") == server.events("process_killed") == []
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port))


async def test_nobody_outlives_a_killed_parent(several: Callable[..., Several], opened: OpenPage) -> None:
    """The kernel tells the children, which say goodbye to their clients."""
    server = several()
    pages = [await opened(server.ws(number)) for number in (1, 2)]
    pids = server.pids(1) + server.pids(2)
    await asyncio.to_thread(server.process.kill)
    assert [await page.closed() for page in pages] == [4000] * 2
    await soon(lambda: not any(alive(pid) for pid in pids), 20)


async def test_a_crash_loop_backs_off(several: Callable[..., Several], opened: OpenPage) -> None:
    """Whoever ends as soon as it starts is started later each time, and the other one serves on."""
    server = several()
    kept = await opened(server.ws(2))
    for turn in range(1, 5):
        pid = (await soon(lambda turn=turn: server.pids(1)[turn - 1 :], 60))[0]
        os.kill(pid, signal.SIGKILL)
    ended = await soon(lambda: server.events("process_ended")[3:] and server.events("process_ended"), 60)
    assert [line["again_in_seconds"] for line in ended] == [0.1, 0.2, 0.4, 0.8]
    assert {line["process"] for line in ended} == {1}
    await soon(lambda: asyncio.to_thread(server.ask, 1, "/healthz"), 60)
    await kept.client.send(json.dumps({"type": "ping", "id": 7}))
    async with asyncio.timeout(60):
        while json.loads(await kept.client.recv()).get("id") != 7:
            pass


def test_one_that_cannot_start_says_why(product: StartProcess) -> None:
    """The command fails with the error of the process that failed, and leaves nothing behind."""
    process = product("serve", "--port", "0", "--processes", "2", ASGI_THREADS="many")  # Daphne's own variable
    assert process.wait(60) == 1
    last = process.output.splitlines()[-1]
    assert last.startswith("CommandError: process ")
    assert last.endswith(" of 2 can't start: ValueError: invalid literal for int() with base 10: 'many'")
    assert "Tideline on" not in process.output
    eventually(lambda: not any(alive(int(pid)) for pid in pids_in(process.output)))


def test_a_number_that_is_none_is_refused(product: StartProcess) -> None:
    """The error names it and what would be right."""
    process = product("serve", "--processes", "0")
    assert process.wait() == 2
    assert "argument --processes: '0' is not a number from 1 to 256" in process.output


def test_each_process_has_probes_of_its_own(several: Callable[..., Several]) -> None:
    """Each one's metrics can be scraped, and its readiness asked for, whoever serves the shared port."""
    server = several()
    for number in (1, 2):
        assert "process_start_time_seconds" in server.ask(number, "/metrics")
        assert "ok" in server.ask(number, "/healthz")
        assert Path(f"/proc/{server.pids(number)[0]}/comm").read_text() == f"tideline-{number}\n"


def pids_in(output: str) -> list[str]:
    """Return the process ids that were logged."""
    return [str(json.loads(line)["pid"]) for line in output.splitlines() if '"process_started"' in line]
