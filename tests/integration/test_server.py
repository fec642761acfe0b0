"""The server under the sessions: what it tells them about their sockets, and how it closes these."""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.demo.embedded.folders import free_port
from tests.support.processes import Process, environment
from tests.support.waiting import soon


class Application:
    """The test application, served by a process."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"ws://127.0.0.1:{port}/"

    def state(self) -> dict[str, Any]:
        """Return what the application sees of its last connection."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    async def shows(self, **expected: Any) -> None:
        """Wait until the state has these values."""
        await soon(lambda: asyncio.to_thread(lambda: expected.items() <= self.state().items()), what=f"{expected}")

    async def stands_still(self) -> None:
        """Wait until no more bytes drain: after the first congestion the kernel still takes some."""
        seen: list[int] = [-1]

        def still() -> bool:
            seen.append(self.state()["drained"])
            return seen[-1] == seen[-2]

        await soon(lambda: asyncio.to_thread(still), what="no more bytes drained")


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Application]]:
    """Start the test application on our server, or with "daphne" on plain Daphne."""
    started: list[Process] = []

    def start(*kind: str) -> Application:
        port = free_port()
        argv = [sys.executable, "-m", "tests.support.socket_application", str(port), *kind]
        process = Process(argv, env=environment(), log=tmp_path_factory.mktemp("application") / "log")
        started.append(process)
        process.wait_for("ready")
        return Application(process, port)

    yield start
    for process in started:
        process.clean_up()


@pytest.fixture(scope="module")
def application(serve: Callable[..., Application]) -> Application:
    """The test application on our server; one process for all tests that leave it alive."""
    return serve()


async def closed(client: ClientConnection) -> tuple[int, str]:
    """Return the code and reason with which the server closes, 1006 when it just drops the line."""
    async with asyncio.timeout(10):
        try:
            while True:
                await client.recv()
        except ConnectionClosed as error:
            return (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 300_000])
async def test_a_written_frame_arrives_whole(application: Application, size: int) -> None:
    """Frames of every length encoding arrive, also those longer than a client may send."""
    async with connect(application.url, max_size=None) as client:
        if size <= 60_000:
            await client.send("write " + "a" * size)
            assert await client.recv() == "a" * size
        else:
            await client.send("fill 5")
            assert [len(await client.recv()) for _ in range(5)] == [65536] * 5


async def test_what_is_sent_without_the_extension_arrives(application: Application) -> None:
    """ASGI's own `send` still works beside it, in order."""
    async with connect(application.url) as client:
        await client.send("echo one")
        await client.send("write two")
        await client.send("echo three")
        assert [await client.recv() for _ in range(3)] == ["one", "two", "three"]


async def test_a_client_that_does_not_read_congests_and_drains(application: Application) -> None:
    """Congestion shows when the kernel takes no more; drained bytes stand still; reading drains it, with one call."""
    async with connect(application.url, max_size=None, max_queue=1, ping_interval=None) as client:
        await client.send("write hello")
        await client.recv()
        assert not application.state()["congested"]
        client.transport.pause_reading()
        await client.send("fill 200")
        await application.shows(congested=True, congestions=1, drains=0)
        await application.stands_still()
        before = await asyncio.to_thread(application.state)
        client.transport.resume_reading()
        for _ in range(200):
            await client.recv()
        await application.shows(congested=False, congestions=1, drains=1)
        assert application.state()["drained"] > before["drained"]


async def test_a_congested_client_is_still_heard(application: Application) -> None:
    """What a client sends is read while it takes nothing: plain Daphne stops reading then."""
    async with connect(application.url, max_size=None, ping_interval=None) as client:
        client.transport.pause_reading()
        await client.send("fill 200")
        await application.shows(congested=True)
        await client.send("close 4001 slow")
        client.transport.resume_reading()
        assert await closed(client) == (4001, "slow")


async def test_a_congested_connection_ends_when_closed(application: Application) -> None:
    """A close behind a full buffer still ends: the peer that takes nothing is dropped."""
    async with connect(application.url, max_size=None, ping_interval=None) as client:
        client.transport.pause_reading()
        await client.send("fill 200")
        await application.shows(congested=True)
        await client.send("close 4001 slow")
        await application.shows(disconnected=1006)


async def test_pongs_and_closes_go_behind_what_waits(application: Application) -> None:
    """What autobahn answers by itself overtakes no frame, and breaks none apart."""
    async with connect(application.url, max_size=None, max_queue=1, ping_interval=None) as client:
        client.transport.pause_reading()
        await client.send("fill 100")
        await application.shows(congested=True)
        answered = await client.ping(b"are you there")
        await client.send("write last")
        await client.send("echo the very last")
        client.transport.resume_reading()
        assert [len(await client.recv()) for _ in range(100)] == [65536] * 100
        assert [await client.recv() for _ in range(2)] == ["last", "the very last"]
        await asyncio.wait_for(answered, 5)


async def test_who_closes_and_reads_nothing_is_gone_soon(application: Application) -> None:
    """A client that says goodbye, yet takes nothing of what is queued for it, is dropped."""
    with upgraded(application.port) as raw:
        raw.sendall(masked(0x81, b"fill 100"))
        await application.shows(congested=True)
        raw.sendall(masked(0x88, struct.pack("!H", 1000)))
        await application.shows(disconnected=1000)


async def test_what_the_kernel_takes_for_one_that_reads_nothing_is_bounded(application: Application) -> None:
    """Of megabytes that were written it takes some hundred kilobytes, where Linux would take four megabytes."""
    with upgraded(application.port) as raw:
        raw.sendall(masked(0x81, b"fill 200"))
        await application.shows(congested=True)
        await application.stands_still()
        assert (await asyncio.to_thread(application.state))["drained"] < 1_000_000


async def test_clients_that_vanish_leave_nothing_behind(serve: Callable[..., Application]) -> None:
    """A reset, a hang-up, and a reset in the middle of the handshake end their connections, and raise nothing."""
    application = serve()
    for hang_up in (b"", masked(0x88, b"\x03\xe8"), masked(0x81, b"fill 100"), masked(0x01, b"a")):
        for linger in (0, 1):
            with upgraded(application.port) as raw:
                raw.sendall(hang_up)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1 - linger, 0))
    with socket.create_connection(("127.0.0.1", application.port)) as young:
        young.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
    await application.shows(connections=1)
    assert await asyncio.to_thread(application.process.stop) == 0
    assert "Error" not in application.process.output


async def test_an_ended_application_is_forgotten(application: Application) -> None:
    """Nothing is kept of connections that are gone, whichever ends first."""
    async with connect(application.url) as client:
        await client.send("echo x")
        await client.recv()
        with contextlib.suppress(ConnectionClosed):
            async with connect(application.url) as failing:
                await failing.send("fail")
                await failing.recv()
        await application.shows(connections=2)  # the first client's, and the request that asks
    await application.shows(connections=1)


async def test_pongs_are_counted(application: Application) -> None:
    """Each ping of the session is answered by one pong, and nothing else counts as one."""
    async with connect(application.url, ping_interval=None) as client:
        await client.send("echo x")
        await client.recv()
        assert application.state()["pongs"] == 0
        await client.send("ping")
        await application.shows(pongs=1)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (3000, ""), (4501, "sign in again"), (4999, "é" * 60)])
async def test_a_close_carries_its_code_and_reason(application: Application, code: int, reason: str) -> None:
    """The client learns why; plain Daphne ignores the reason."""
    async with connect(application.url) as client:
        await client.send(f"close {code} {reason}")
        assert await closed(client) == (code, reason)


async def test_abort_drops_the_line(application: Application) -> None:
    """No close frame is sent."""
    async with connect(application.url) as client:
        await client.send("abort")
        assert await closed(client) == (1006, "")


async def test_an_application_that_fails_closes_its_socket_alone(application: Application) -> None:
    """An exception ends its own connection with 1011; another one goes on."""
    async with connect(application.url) as other, connect(application.url) as client:
        await client.send("fail")
        assert (await closed(client))[0] == 1011
        await other.send("echo still here")
        assert await other.recv() == "still here"


@pytest.mark.parametrize("message", ["a" * (64 * 1024 + 1), ["a" * 40_000, "b" * 40_000]])
async def test_an_oversize_message_closes_with_1009(application: Application, message: Any) -> None:
    """A message over the limit is refused with its code, in one frame or in several."""
    async with connect(application.url) as client:
        await client.send(message)
        assert (await closed(client))[0] == 1009


async def test_invalid_utf8_closes_with_1007(application: Application) -> None:
    """A text frame that is no text is refused with its code."""
    with upgraded(application.port) as raw:
        raw.sendall(masked(0x81, b"\xff\xfe"))
        assert close_code(raw) == 1007


async def test_a_broken_frame_closes_with_1002(application: Application) -> None:
    """An unmasked frame from a client is a protocol error."""
    with upgraded(application.port) as raw:
        raw.sendall(b"\x81\x02hi")
        assert close_code(raw) == 1002


async def test_sigterm_says_goodbye(serve: Callable[..., Application]) -> None:
    """Every socket is closed with 4000, and the process ends at once and with success."""
    application = serve()
    clients = [await connect(application.url) for _ in range(5)]
    codes = [asyncio.create_task(closed(client)) for client in clients]
    started = time.monotonic()
    exit_code = await asyncio.to_thread(application.process.stop)
    assert [await code for code in codes] == [(4000, "the server is going away")] * 5
    assert exit_code == 0
    assert time.monotonic() - started < 2


async def test_sigterm_ends_many_soon(serve: Callable[..., Application]) -> None:
    """Hundreds of clients, a part of which never answers, all hear the code, and the process ends in a bounded time."""
    application = serve()
    silent = [upgraded(application.port) for _ in range(200)]
    clients = [await connect(application.url) for _ in range(200)]
    codes = [asyncio.create_task(closed(client)) for client in clients]
    assert await asyncio.to_thread(application.process.stop, 8.0) == 0
    assert {await code for code in codes} == {(4000, "the server is going away")}
    for raw in silent:
        with raw:
            assert close_code(raw) == 4000


async def test_sigterm_does_not_wait_for_the_dead(serve: Callable[..., Application]) -> None:
    """Clients that answer nothing, requests that never end and half-made upgrades don't hold the process up."""
    application = serve()
    silent = upgraded(application.port)
    hanging = socket.create_connection(("127.0.0.1", application.port))
    hanging.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    young = socket.create_connection(("127.0.0.1", application.port))
    young.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
    await application.shows(extension=True)
    with silent, hanging, young:
        assert await asyncio.to_thread(application.process.stop, 8.0) == 0
        assert "Traceback" not in application.process.output


async def test_plain_daphne_offers_no_transport(serve: Callable[..., Application]) -> None:
    """On another server the extension is absent, and the application falls back to `send`."""
    application = serve("daphne")
    async with connect(application.url) as client:
        await client.send("echo plain")
        assert await client.recv() == "plain"
    assert application.state()["extension"] is False


def upgraded(port: int) -> socket.socket:
    """Return a raw socket on which the WebSocket handshake has been made."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    raw.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    received = b""
    while b"\r\n\r\n" not in received:
        received += raw.recv(1)
    assert received.startswith(b"HTTP/1.1 101"), received
    return raw


def masked(first_byte: int, payload: bytes) -> bytes:
    """Return a short frame as a client sends it, with a mask of zeros."""
    return struct.pack("!BBI", first_byte, 0x80 | len(payload), 0) + payload


def close_code(raw: socket.socket) -> int:
    """Return the code of the close frame that comes next."""
    first_byte, size = struct.unpack("!BB", raw.recv(2))
    assert first_byte == 0x88, hex(first_byte)
    code: int = struct.unpack("!H", raw.recv(size)[:2])[0]
    return code
