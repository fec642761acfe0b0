"""The probes of a real relay process: they fail when they should, and recover."""

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Servers, StartProcess
from tests.support.databases import Database, clone, make_template
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Probed:
    """A relay process and its port."""

    process: Process
    port: int

    def ask(self, path: str, seconds: float = 1.0) -> tuple[int, str]:
        """Return status and body; (0, reason) when nothing answers in time."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def becomes(self, path: str, status: int, seconds: float = 30.0) -> str:
        """Wait until the path is answered with the status; return the body."""
        return eventually(lambda: [body for found, body in [self.ask(path)] if found == status], seconds)[0]


@pytest.fixture
def probed(product: StartProcess) -> Callable[..., Probed]:
    """Factory of relays with a port."""

    def start(**variables: str) -> Probed:
        port = free_port()
        relay = Probed(product("relay", "--port", str(port), **variables), port)
        relay.becomes("/readyz", 200)
        return relay

    return start


def test_a_frozen_relay_is_not_healthy(probed: Callable[..., Probed]) -> None:
    """It answers nothing, which a health check takes for no; once thawed it is well again."""
    relay = probed()
    assert relay.ask("/healthz")[0] == 200
    relay.process.freeze()
    assert relay.ask("/healthz")[0] == 0
    relay.process.thaw()
    relay.becomes("/healthz", 200)
    relay.becomes("/readyz", 200)
    assert relay.process.stop() == 0


def test_a_relay_has_metrics(probed: Callable[..., Probed], database: Database) -> None:
    """What it has done can be scraped."""
    relay = probed()
    database.execute("INSERT INTO stock_warehouse (code) VALUES ('A')")
    eventually(lambda: 'realtime_relay_head{stream="inventory"} 1.0' in relay.ask("/metrics")[1])


def test_without_postgresql_it_lives_and_is_not_ready(
    servers: Servers, product: StartProcess, django_db_blocker: Any
) -> None:
    """P7: whoever restarted it for that would help nobody; with PostgreSQL back it is ready by itself."""
    postgres, port = servers.postgres(), free_port()
    with django_db_blocker.unblock():
        make_template(postgres)
        with clone(postgres) as database:
            relay = Probed(product("relay", "--port", str(port), DATABASE_URL=database.url), port)
            relay.becomes("/readyz", 200)
            postgres.stop()
            assert "no look for changes has been answered" in relay.becomes("/readyz", 503)
            assert relay.ask("/healthz")[0] == 200
            postgres.start()
            relay.becomes("/readyz", 200)


def test_a_taken_port_is_one_line(probed: Callable[..., Probed], product: StartProcess) -> None:
    """No traceback, and nothing is relayed by a relay that nobody could ask."""
    relay = probed()
    second = product("relay", "--port", str(relay.port))
    assert second.wait() == 1
    assert f"port {relay.port} of 127.0.0.1 is taken" in second.output
    assert "Traceback" not in second.output
