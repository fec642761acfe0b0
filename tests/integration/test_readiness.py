"""`/readyz` of a real server process, while what it depends on comes and goes."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from core.demo.embedded import PostgresServer, ValkeyServer
from tests.conftest import RunningServer, Servers, StartProcess
from tests.support.databases import Database, clone, make_template
from tests.support.ports import free_port
from tests.support.processes import PRODUCTION, Process, manage
from tests.support.waiting import eventually

SUBPROTOCOL: Any = "realtime.v1"

OUTAGE_SECONDS = 20.0
"""An outage, or its end, shows within this time; a silent relay is given ten seconds."""


@dataclass
class Deployment:
    """A server and a relay on servers of their own."""

    postgres: PostgresServer
    valkey: ValkeyServer
    database: Database
    relay: Process
    url: str

    def becomes(self, code: int, status: str) -> str:
        """Wait until readiness says this, and return its reasons."""
        return readiness(self.url, code, status)


def readiness(url: str, code: int, status: str) -> str:
    """Wait until a server answers with this HTTP status and status, and return its reasons."""

    def reached() -> tuple[int, dict[str, Any]] | None:
        found = probe(url)
        return found if (found[0], found[1]["status"]) == (code, status) else None

    found = eventually(reached, OUTAGE_SECONDS, what=f"{code} {status}")
    assert found is not None
    return "; ".join(found[1]["reasons"])


def probe(url: str) -> tuple[int, dict[str, Any]]:
    """Ask once; return the HTTP status and the body."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture
def deployment(servers: Servers, processes: StartProcess, django_db_blocker: Any) -> Iterator[Deployment]:
    """A deployment that has become ready."""
    postgres, valkey = servers.postgres(), servers.valkey()
    with django_db_blocker.unblock():
        make_template(postgres)
        with clone(postgres) as database:
            port = free_port()
            named = {**PRODUCTION, "DATABASE_URL": database.url, "REDIS_URL": valkey.url()}
            relay = processes("relay", manage("relay"), **named)
            server = processes("serve", manage("serve", "--host", "127.0.0.1", "--port", str(port)), **named)
            server.wait_for("Tideline on http")
            made = Deployment(postgres, valkey, database, relay, f"http://127.0.0.1:{port}")
            assert made.becomes(200, "ok") == ""
            yield made
            server.kill()
            relay.kill()
    postgres.kill()
    valkey.kill()


def test_readiness_follows_what_it_depends_on(deployment: Deployment) -> None:
    """P7: without Redis or a relay ready but degraded, without PostgreSQL not ready; each with a reason, and back."""
    deployment.valkey.stop()
    assert "Redis" in deployment.becomes(200, "degraded")
    deployment.valkey.start()
    assert deployment.becomes(200, "ok") == ""

    deployment.postgres.stop()
    assert "PostgreSQL" in deployment.becomes(503, "unready")
    deployment.postgres.start()
    assert deployment.becomes(200, "ok") == ""

    deployment.relay.kill()
    assert "no relay has been heard" in deployment.becomes(200, "degraded")


def test_rows_that_cant_be_read_show(server_process: Callable[..., RunningServer], database: Database) -> None:
    """A table that is locked for long: heads can be read and snapshots can't, so no new client would be served."""
    server = server_process()
    assert readiness(server.url, 200, "ok") == ""
    with connect(server.ws_url, subprotocols=[SUBPROTOCOL]) as client:
        with database.connect(autocommit=False) as connection:
            connection.execute("LOCK TABLE catalogue_material IN ACCESS EXCLUSIVE MODE")
            assert answer(client)["code"] == "unavailable"
            assert "reading rows of 'inventory' fails" in readiness(server.url, 503, "unready")
        assert answer(client)["type"] == "snapshot"
        assert readiness(server.url, 200, "ok") == ""


def answer(client: ClientConnection) -> dict[str, Any]:
    """Subscribe to the materials and return the answer."""
    client.send(json.dumps({"type": "subscribe", "id": 1, "topic": "materials"}))
    while (frame := json.loads(client.recv(timeout=OUTAGE_SECONDS))).get("id") != 1:
        pass
    found: dict[str, Any] = frame
    return found
