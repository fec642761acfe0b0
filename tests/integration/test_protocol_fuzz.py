"""Whatever comes in at the edge is answered or closed, and never disturbs another session."""

import contextlib
import json
import random
import socket as sockets
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosed

from core.stock.models import Warehouse
from tests.conftest import RunningServer, on_every_edge
from tests.support.caller import Caller
from tests.support.databases import Database
from tests.support.people import sign_in, staff
from tests.support.processes import Process

CONVERSATIONS = 60
MESSAGES = 25


def noise(dice: random.Random) -> str | bytes:
    """Return something that a client might send, or should not."""
    whole: dict[str, Any] = {
        "type": dice.choice(["subscribe", "unsubscribe", "ping", "dance", 7, None]),
        "id": dice.choice([1, "x", -1, 10**40, True, 1.5, None, [], "é" * 300]),
        "topic": dice.choice(
            ["stock", "materials", "orders/mine", "stock/'; DROP", "materials/" + "a" * 300, "", 3, "\x00"]
        ),
        "cursor": dice.choice([None, 3, {}, {"epoch": "x", "position": 10**30}, {"epoch": "x", "position": -1}]),
        "max_rate": dice.choice([None, 0, 2, 61, "2", True]),
    }
    chosen = {name: value for name, value in whole.items() if dice.random() < 0.8}
    text = json.dumps(chosen)
    damage = dice.randrange(8)
    if damage == 0:
        at = dice.randrange(len(text) + 1)
        return text[:at] + dice.choice(['"', "}", "\\ud800", "[" * 5_000, ""]) + text[at + 1 :]
    if damage == 1:
        return "".join(chr(dice.choice([0, 34, 92, 123, 233, 0x1F600])) for _ in range(dice.randrange(20)))
    if damage == 2 and dice.random() < 0.2:
        return bytes(dice.randrange(256) for _ in range(10))
    return text


def converse(server: RunningServer, session: str | None, dice: random.Random) -> int | None:
    """Send noise until the server closes or everything is said; return the close code, if any."""
    with Caller(server.ws_url, session=session) as caller:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(MESSAGES):
                caller.send_text(noise(dice))
            pong = caller.send(type="ping", id="the end")
            caller.wait(lambda frame: frame.get("id") == pong)
            return None
        return caller.socket.close_code


@on_every_edge
def test_noise_is_answered_or_closed_and_disturbs_nobody(
    server_process: Callable[..., RunningServer], relay_process: Callable[..., Process], database: Database
) -> None:
    """Sixty noisy clients get the protocol's codes alone; a quiet one receives each change meanwhile."""
    relay_process()
    server = server_process()
    session = sign_in(staff())
    dice = random.Random(2026)
    with Caller(server.ws_url, session=session) as quiet:
        quiet.subscribe("stock")
        for number in range(CONVERSATIONS):
            assert converse(server, dice.choice([session, None]), dice) in (None, 4500)
            Warehouse.objects.create(code=f"W{number}")
        quiet.until(lambda: len(quiet.rows("stock")) == CONVERSATIONS)
        assert {frame["type"] for frame in quiet.frames} <= {"welcome", "snapshot", "changes", "heartbeat"}
    assert "Traceback" not in server.process.output


@on_every_edge
def test_bytes_that_are_no_websocket_disturb_nobody(
    server_process: Callable[..., RunningServer], database: Database
) -> None:
    """Garbage on the line, half a handshake, a cut in the middle of a frame: the others go on."""
    server = server_process()
    with Caller(server.ws_url) as quiet:
        quiet.subscribe("materials")
        for start in [
            b"\x00\xff" * 50,
            b"GET /ws/ HTTP/1.1\r\nUpgrade: websocket\r\n",
            b"GET /ws/elsewhere HTTP/1.1\r\n\r\n",
        ]:
            with sockets.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
                raw.sendall(start)
        with Caller(server.ws_url) as cut:
            cut.wait(lambda frame: frame["type"] == "welcome")
            cut.socket.socket.sendall(b"\x81\xfe\x40\x00abc")
            cut.socket.socket.shutdown(sockets.SHUT_RDWR)
        assert quiet.ask(type="ping")["type"] == "pong"
