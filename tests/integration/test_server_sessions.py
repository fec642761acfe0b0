"""Sessions on the real server: what `manage.py serve` promises beyond a stock server, which `send` alone can't keep."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conftest import RunningServer, StartProcess
from tests.support.databases import Database

StartServer = Callable[..., RunningServer]
QUICK = {"DJANGO_SETTINGS_MODULE": "tests.support.quick_settings"}
SUBPROTOCOL: Any = "realtime.v1"


async def opened(url: str, **options: Any) -> ClientConnection:
    """Return a connection that has been welcomed."""
    client = await connect(url, subprotocols=[SUBPROTOCOL], **options)
    assert json.loads(await client.recv())["type"] == "welcome"
    return client


async def subscribed(client: ClientConnection, topic: str) -> dict[str, Any]:
    """Subscribe to a topic and return the answer."""
    await client.send(json.dumps({"type": "subscribe", "id": 1, "topic": topic}))
    async with asyncio.timeout(30):
        while (frame := json.loads(await client.recv())).get("id") != 1:
            pass
    answer: dict[str, Any] = frame
    return answer


async def close_of(client: ClientConnection) -> tuple[int, str]:
    """Return code and reason of the server's close."""
    with pytest.raises(ConnectionClosed) as raised:  # noqa: PT012 (any of the frames before it may raise)
        async with asyncio.timeout(30):
            while True:
                await client.recv()
    assert raised.value.rcvd is not None, raised.value
    return raised.value.rcvd.code, raised.value.rcvd.reason


async def test_sigterm_closes_sessions_with_4000(server_process: StartServer) -> None:
    """A session in the middle of its work is told to come back, and the process ends cleanly."""
    server = server_process()
    clients = [await opened(server.ws_url) for _ in range(3)]
    assert (await subscribed(clients[0], "materials"))["type"] == "snapshot"
    closes = [asyncio.create_task(close_of(client)) for client in clients]
    assert await asyncio.to_thread(server.process.stop) == 0
    assert [(await close)[0] for close in closes] == [4000] * 3
    assert "Traceback" not in server.process.output
    assert "never retrieved" not in server.process.output


async def test_a_half_open_client_is_closed_with_4002(server_process: StartServer) -> None:
    """Who answers no ping is gone; who answers stays, however quiet."""
    server = server_process(**QUICK)
    quiet = await opened(server.ws_url, ping_interval=None)
    with handshaken(server.port) as silent:
        code = await asyncio.wait_for(asyncio.to_thread(next_close_code, silent), 15)
    assert code == 4002
    await quiet.send(json.dumps({"type": "ping", "id": 7}))
    async with asyncio.timeout(30):
        while json.loads(await quiet.recv()).get("id") != 7:
            pass
    await quiet.close()


async def test_oversize_and_broken_text_on_the_real_server(server_process: StartServer) -> None:
    """A command over the limit closes with 1009, invalid UTF-8 with 1007, and nobody else notices."""
    server = server_process()
    other = await opened(server.ws_url)
    large = await opened(server.ws_url)
    await large.send("x" * (64 * 1024 + 1))
    assert (await close_of(large))[0] == 1009
    with handshaken(server.port) as raw:
        raw.sendall(struct.pack("!BBI", 0x81, 0x82, 0) + b"\xff\xfe")
        assert await asyncio.to_thread(next_close_code, raw) == 1007
    assert (await subscribed(other, "materials"))["type"] == "snapshot"
    await other.close()


FOREIGN = [
    "http://evil.example",
    "null",
    "file://",
    "file:///home/anna/page.html",
    "chrome-extension://x",
    "http://",
    "http://[::1",
    "http://127.0.0.1:port",
    "garbage",
    "é",
    "",
]


async def test_every_foreign_origin_is_told_so(server_process: StartServer, subtests: pytest.Subtests) -> None:
    """Whatever stands as the Origin: the connection is accepted and closed with 4503, or a browser would see 1006.

    A stock Daphne refuses by itself what it can't read as an origin.
    """
    server = server_process()
    for origin in FOREIGN:
        with subtests.test(origin):
            client = await connect(server.ws_url, subprotocols=[SUBPROTOCOL], additional_headers=[("Origin", origin)])
            assert (await close_of(client))[0] == 4503
    twice = [("Origin", server.url), ("Origin", "http://evil.example")]
    client = await connect(server.ws_url, subprotocols=[SUBPROTOCOL], additional_headers=twice)
    assert (await close_of(client))[0] == 4503
    await (await opened(server.ws_url, additional_headers=[("Origin", server.url)])).close()


def test_serve_says_in_one_line_what_is_wrong(product: StartProcess) -> None:
    """A taken port and a server out of reach: one line, and an exit code that a supervisor understands."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = product("serve", "--port", str(port))
        assert process.wait(20) == 1
    assert process.output == (
        f"CommandError: port {port} of 127.0.0.1 is taken: stop what listens there, or choose another\n"
    )
    process = product("serve", DATABASE_URL="postgresql://nobody:none@127.0.0.1:1/none")
    assert process.wait(20) == 1
    assert "PostgreSQL is out of reach" in process.output
    assert process.output.count("\n") == 1


def test_serve_refuses_a_database_whose_triggers_are_gone(product: StartProcess, database: Database) -> None:
    """System checks run at start-up: a watched table without its trigger is an error, not a silence."""
    found = database.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'catalogue_material'::regclass AND NOT tgisinternal LIMIT 1"
    )
    database.execute(f"DROP TRIGGER {found[0][0]} ON catalogue_material")
    process = product("serve", "--port", "0")
    assert process.wait(20) == 1
    assert "SystemCheckError" in process.output
    assert "catalogue_material" in process.output


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer(server_process: StartServer, path: str) -> None:
    """Probes are there as soon as the server says that it is."""
    server = server_process()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert raw.recv(100).split()[1] in (b"200", b"503")


def handshaken(port: int) -> socket.socket:
    """Return a raw socket with a WebSocket on it that answers nothing by itself."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=30)
    raw.sendall(
        b"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: realtime.v1\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    received = b""
    while b"\r\n\r\n" not in received:
        received += raw.recv(1)
    assert received.startswith(b"HTTP/1.1 101"), received
    return raw


def next_close_code(raw: socket.socket) -> int:
    """Read frames up to a close frame and return its code."""
    while True:
        first_byte, size = exactly(raw, 2)
        if size == 126:
            (size,) = struct.unpack("!H", exactly(raw, 2))
        payload = exactly(raw, size)
        if first_byte == 0x88:
            return int.from_bytes(payload[:2], "big")


def exactly(raw: socket.socket, size: int) -> bytes:
    """Return so many bytes; fail when the line is cut before."""
    received = b""
    while len(received) < size:
        more = raw.recv(size - len(received))
        assert more, f"cut after {received!r}"
        received += more
    return received
