"""The deployment's nginx before two real servers: what gets through, what ends there, what the servers are told."""

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import connect

from tests.conftest import RunningServer
from tests.support.databases import Database
from tests.support.nginx import Door, door, nginx_path
from tests.support.processes import Process
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(nginx_path() is None, reason="no nginx here")

SUBPROTOCOL: Any = "realtime.v1"
CLIENT = "127.0.0.9"
"""Where requests come from, so that it is not the proxy's own address."""


class Answer(NamedTuple):
    """What was answered to a request."""

    status: int
    headers: http.client.HTTPMessage
    body: str


def ask(connection: http.client.HTTPConnection, path: str, method: str = "GET", **options: Any) -> Answer:
    """Make one request, and close the connection."""
    with contextlib.closing(connection):
        connection.request(method, path, **options)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())


@dataclass(frozen=True)
class Site:
    """Two servers behind one door."""

    door: Door
    servers: list[RunningServer]

    def ask(self, path: str, port: int | None = None, **request: Any) -> Answer:
        """Ask the door, or a server by its port, from CLIENT."""
        asked = http.client.HTTPConnection("127.0.0.1", port or self.door.http, timeout=30, source_address=(CLIENT, 0))
        return ask(asked, path, **request)


StartServer = Callable[..., RunningServer]


@pytest.fixture
def site(server_process: StartServer, tmp_path: Path) -> Iterator[Site]:
    """A site without TLS; slow headers are cut after 1 second instead of 10."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    servers = [server_process(BEHIND_PROXY="1") for _ in range(2)]
    with door(folder, "http", [each.port for each in servers], client_header_timeout="1s") as opened:
        eventually(lambda: answers(opened.health), 10)
        yield Site(opened, servers)


def answers(port: int) -> bool:
    """Tell whether a server is reached through the door."""
    try:
        return ask(http.client.HTTPConnection("127.0.0.1", port, timeout=30), "/healthz").status == 200
    except OSError:
        return False


async def test_live_pages_come_through_to_both_servers(
    site: Site, database: Database, relay_process: Callable[..., Process]
) -> None:
    """P1: what is committed arrives through the door, and sockets are spread over the servers."""
    relay_process().wait_for("Relay ready")
    address = f"ws://127.0.0.1:{site.door.http}/ws/"
    clients = [await connect(address, subprotocols=[SUBPROTOCOL]) for _ in range(4)]
    for client in clients:
        await client.send(json.dumps({"type": "subscribe", "id": 1, "topic": "materials"}))
        await hear(client, "snapshot")
    database.execute(
        "INSERT INTO catalogue_material (slug, name, category, price_per_kg, density_kg_per_m3)"
        " VALUES ('brass', 'Brass', 'metal', 5, 8500)"
    )
    for client in clients:
        assert [change["row"]["slug"] for change in (await hear(client, "changes"))["changes"]] == ["brass"]
    for server in site.servers:
        metrics = await asyncio.to_thread(site.ask, "/metrics", server.port)
        assert "realtime_sessions 2.0" in metrics.body
    for client in clients:
        await client.close()


async def hear(client: Any, kind: str) -> dict[str, Any]:
    """Return the next frame of a type that says something."""
    async with asyncio.timeout(30):
        while True:
            frame: dict[str, Any] = json.loads(await client.recv())
            if frame["type"] == kind and frame.get("changes") != []:
                return frame


def test_what_ends_at_the_door(site: Site) -> None:
    """A header that comes slowly, a body over a megabyte, a header over 8 KB, and whoever asks for the probes.

    The servers behind would wait and take it all; and of an installation's state nothing is told outside. Inside
    a server answers probes by whatever name it is called.
    """
    assert seconds_to_the_end_of_a_slow_header(site.door.http) < 5
    assert site.ask("/sign-in/", method="POST", body=b"x" * 2_000_000).status == 413
    assert site.ask("/", headers={"X-Long": "x" * 9_000}).status == 400
    for path in ("/healthz", "/readyz", "/metrics"):
        assert site.ask(path).status == 404
        assert site.ask(path, site.servers[0].port, headers={"Host": "10.1.2.3:8000"}).status in (200, 503)


def seconds_to_the_end_of_a_slow_header(port: int) -> float:
    """Send a header a byte at a time; return after how many seconds the line was cut, 8 at most."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=0.2) as slow, contextlib.suppress(ConnectionError):
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        while time.monotonic() - started < 8:
            slow.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                if slow.recv(1) == b"":
                    break
    return time.monotonic() - started


def test_a_client_can_not_say_who_or_where_it_is(site: Site, database: Database) -> None:
    """A wrong password is counted for the address that it came from, and links lead where the site is.

    Whatever the headers say; Daphne would believe the first address, and a root path.
    """
    assert "/elsewhere/" not in site.ask("/sign-in/", headers={"Daphne-Root-Path": "/elsewhere"}).body
    for headers in (
        {"X-Forwarded-For": "1.2.3.4"},
        {"X-Forwarded-For": "1.2.3.4, 5.6.7.8", "Forwarded": "for=1.1.1.1"},
    ):
        guess(site, headers)
    assert database.execute("SELECT DISTINCT host(ip_address) FROM axes_accessattempt") == [(CLIENT,)]


def guess(site: Site, headers: dict[str, str]) -> None:
    """Sign in with a wrong password."""
    page = site.ask("/sign-in/")
    cookie = str(page.headers["Set-Cookie"]).split(";")[0]
    token = page.body.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    sent = {**headers, "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    body = f"csrfmiddlewaretoken={token}&username=somebody&password=wrong"
    assert site.ask("/sign-in/", method="POST", body=body, headers=sent).status < 500


def test_a_server_may_go_away(site: Site) -> None:
    """Requests go to the other one at once."""
    assert site.servers[0].process.stop() == 0
    assert [site.ask("/sign-in/").status for _ in range(6)] == [200] * 6


async def test_with_tls_everything_is_encrypted(server_process: StartServer, tmp_path: Path) -> None:
    """http is sent to https; cookies are secure, browsers are told to stay, and pages may open their sockets."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    origin = "https://localhost"
    variables = {"ALLOW_HTTP": "", "ALLOWED_HOSTS": "", "BEHIND_PROXY": "1"}
    first = server_process(ORIGINS=origin, **variables)
    with door(folder, "https", [first.port, first.port]) as opened:
        eventually(lambda: answers(opened.health), 10)
        trust = ssl.create_default_context(cafile=str(folder / "tls" / "fullchain.pem"))

        plain = http.client.HTTPConnection("localhost", opened.http, timeout=30)
        assert ask(plain, "/sign-in/").headers["Location"] == f"https://localhost:{opened.https}/sign-in/"
        encrypted = http.client.HTTPSConnection("localhost", opened.https, timeout=30, context=trust)
        page = await asyncio.to_thread(ask, encrypted, "/sign-in/", headers={"Host": "localhost"})
        assert page.status == 200
        assert "Secure" in str(page.headers["Set-Cookie"])
        assert page.headers["Strict-Transport-Security"].startswith("max-age=3")
        address = f"wss://localhost:{opened.https}/ws/"
        async with connect(address, subprotocols=[SUBPROTOCOL], ssl=trust, origin=origin) as client:  # type: ignore[arg-type]
            assert (await hear(client, "welcome"))["protocol"] == 1
