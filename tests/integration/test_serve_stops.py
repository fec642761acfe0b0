"""What a server leaves behind when it stops: nothing, whatever it was asked before."""

import asyncio
import http.client
import json
import signal
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.conftest import RunningServer, StartProcess
from tests.support.databases import Database
from tests.support.people import sign_in, staff
from tests.support.ports import free_port
from tests.support.waiting import eventually

PROTOCOL: Any = "realtime.v1"


@pytest.fixture(params=[1, 2])
def server(request: pytest.FixtureRequest, product: StartProcess) -> RunningServer:
    """A server of one process, and of two."""
    port = free_port()
    process = product("serve", "--port", str(port), "--processes", str(request.param))
    process.wait_for("Tideline on http", 60.0)
    return RunningServer(process, port)


async def test_it_ends_whatever_its_threads_wait_for(server: RunningServer, database: Database) -> None:
    """Pages, the HTTP API and sessions have used the database, and requests wait in it: it ends without a complaint.

    They wait for a lock that nobody gives back before the end.
    """
    key = await asyncio.to_thread(lambda: sign_in(staff()))
    cookie = {"Cookie": f"sessionid={key}"}
    async with connect(server.ws_url, subprotocols=[PROTOCOL], additional_headers=cookie) as client:
        await client.send(json.dumps({"type": "subscribe", "id": 1, "topic": "stock"}))
        while json.loads(await client.recv()).get("id") != 1:
            pass
        await asyncio.gather(*[asyncio.to_thread(ask, server.port, "/api/v1/stock/changes", cookie) for _ in range(8)])
        with database.connect(autocommit=False) as writer:
            writer.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
            asked = [under_way(server.port, "/stock/", cookie) for _ in range(4)]
            await asyncio.to_thread(eventually, lambda: waiting(database) >= 4, 20)
            server.process.send(signal.SIGTERM)
            await client.wait_closed()
            assert client.close_code == 4000
            try:
                assert await asyncio.to_thread(server.process.wait) == 0
            finally:
                for each in asked:
                    each.close()
    assert "still open" not in server.process.output
    assert "Traceback" not in server.process.output


def waiting(database: Database) -> int:
    """Return how many of the server's queries wait for a lock."""
    found: int = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )[0][0]
    return found


def ask(port: int, path: str, headers: dict[str, str]) -> int:
    """Return the status of an answer, read to its end."""
    connection = under_way(port, path, headers)
    try:
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def under_way(port: int, path: str, headers: dict[str, str]) -> http.client.HTTPConnection:
    """Send a request, and leave its answer to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    return connection
