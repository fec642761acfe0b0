"""P6: a client that does not read is conflated, disturbs nobody, and has the view when it reads again."""

import socket as sockets
import threading
from collections.abc import Callable
from urllib.request import urlopen

from core.stock.models import Warehouse
from tests.conftest import RunningServer
from tests.support.caller import Caller
from tests.support.databases import Database
from tests.support.people import sign_in, staff
from tests.support.processes import Process
from tests.support.waiting import eventually

WIDE = 400
"""Rows, each of some 100 characters, that are changed again and again."""

UPDATES = 400


def test_a_client_that_stops_reading_is_conflated(
    server_process: Callable[..., RunningServer], relay_process: Callable[..., Process], database: Database
) -> None:
    """Hundreds of updates of everything later, it gets the latest state of each row, once; the others got them all."""
    relay_process()
    server = server_process(DJANGO_SETTINGS_MODULE="tests.support.patient_settings")
    session = sign_in(staff())
    Warehouse.objects.bulk_create(Warehouse(code=f"W{n}", name="n" * 60) for n in range(WIDE))
    with Caller(server.ws_url, session=session) as reads, Caller(server.ws_url, session=session) as stalls:
        reads.subscribe("stock")
        stalls.subscribe("stock")
        stalls.socket.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 65_536)
        writing = threading.Thread(target=update_everything, args=(database, UPDATES))
        writing.start()
        last = {str(UPDATES - 1)}
        done = lambda: {row["city"] for row in reads.rows("stock").values()} == last  # noqa: E731
        reads.until(done, 60)
        writing.join()
        eventually(lambda: metric(server, 'realtime_session_held_total{reason="congested"}') > 0)
        stalls.until(lambda: stalls.known.position["stock"] == reads.known.position["stock"], 30)
        assert stalls.rows("stock") == reads.rows("stock")
        assert len(stalls.frames) < len(reads.frames)


def test_a_client_that_takes_nothing_is_closed_as_slow(
    server_process: Callable[..., RunningServer], relay_process: Callable[..., Process], database: Database
) -> None:
    """After `slow_close_seconds` (here three) without a byte taken, it is gone; the server tells why, and goes on."""
    relay_process()
    server = server_process(DJANGO_SETTINGS_MODULE="tests.support.stern_settings")
    session = sign_in(staff())
    Warehouse.objects.bulk_create(Warehouse(code=f"W{n}", name="n" * 60) for n in range(WIDE))
    with stalled(server, session):
        update_everything(database, UPDATES)
        eventually(lambda: metric(server, 'realtime_session_closes_total{code="4001"}') == 1, 30)
    with Caller(server.ws_url, session=session) as reads:
        assert reads.ask(type="ping")["type"] == "pong"


def update_everything(database: Database, times: int) -> None:
    """Change every row so many times, each time in a transaction of its own."""
    with database.connect() as writer:
        for n in range(times):
            writer.execute("UPDATE stock_warehouse SET city = %s", (str(n),))


def stalled(server: RunningServer, session: str) -> sockets.socket:
    """Return a socket that has subscribed to the stock, with a small buffer, and reads nothing."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        b"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: realtime.v1\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: sessionid=%b\r\n\r\n" % session.encode()
    )
    received = b""
    while b"\r\n\r\n" not in received:
        received += raw.recv(1)
    command = b'{"type":"subscribe","id":1,"topic":"stock"}'
    raw.sendall(bytes([0x81, 0x80 | len(command), 0, 0, 0, 0]) + command)
    return raw


def metric(server: RunningServer, name: str) -> float:
    """Return a metric of the server; 0 for one that was never counted."""
    with urlopen(f"{server.url}/metrics", timeout=5) as response:
        for line in response.read().decode().splitlines():
            if line.startswith(name):
                return float(line.split()[-1])
    return 0.0
