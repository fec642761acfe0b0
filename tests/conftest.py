"""Fixtures that every kind of test shares.

The servers start when the first test asks for them: tests of the pure core need none. Tests never use the
servers of the environment's DATABASE_URL and REDIS_URL.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from xdist.scheduler import LoadScopeScheduling

from core.demo.embedded import PostgresServer, ValkeyServer
from tests.support.alone import machine
from tests.support.databases import Clones, Database, make_template
from tests.support.ports import free_port
from tests.support.processes import PRODUCTION, Process, environment, manage

FAST = {"fsync": "off", "full_page_writes": "off", "max_prepared_transactions": "20"}
"""Safe for processes that are killed: only a crash of the machine could lose something."""

MACHINE = machine()


BROWSER = "tests/browser/"

LONGEST = "test_session_property.py"
"""Begun last, it would keep one worker busy for minutes after the others are done."""


class OneBrowser(LoadScopeScheduling):
    """Workers take whole modules, and one of them all that have a browser: two browsers are slower than one."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of what a worker takes at once."""
        return BROWSER if nodeid.startswith(BROWSER) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser:
    """Share tests out so."""
    return OneBrowser(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and put those of a module that want to be alone beside each other."""
    modules = {path: index for index, path in enumerate(dict.fromkeys(item.path for item in items))}

    def place(item: pytest.Item) -> tuple[bool, int, bool]:
        return item.path.name != LONGEST, modules[item.path], item.get_closest_marker("alone") is None

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Run a test beside those of other workers, or alone."""
    if MACHINE is None:
        return (yield)
    alone, next_alone = (bool(each and each.get_closest_marker("alone")) for each in (item, nextitem))
    with MACHINE.held(alone=alone, stay=next_alone):
        return (yield)


@dataclass
class Servers:
    """Starts private servers; what it started is stopped at the end."""

    folder: Path
    started: list[PostgresServer | ValkeyServer] = field(default_factory=list)

    def postgres(self, **settings: str) -> PostgresServer:
        """Start a PostgreSQL of its own, with these settings added."""
        server = PostgresServer(self._folder("postgres"), port=free_port(), settings={**FAST, **settings})
        self.started.append(server)
        server.start()
        return server

    def valkey(self) -> ValkeyServer:
        """Start a Valkey of its own."""
        server = ValkeyServer(self._folder("valkey"), port=free_port())
        self.started.append(server)
        server.start()
        return server

    def close(self) -> None:
        """Stop everything that was started."""
        for server in self.started:
            server.kill()

    def _folder(self, name: str) -> Path:
        return self.folder / f"{name}-{len(self.started)}"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Factory of private PostgreSQL and Valkey servers that a test may stop, kill and freeze."""
    factory = Servers(tmp_path_factory.mktemp("servers"))
    yield factory
    factory.close()


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> PostgresServer:
    """The PostgreSQL that all tests share; use `servers.postgres()` for one to hurt."""
    return servers.postgres()


@pytest.fixture(scope="session")
def valkey(servers: Servers) -> ValkeyServer:
    """The Valkey that all tests share; use `servers.valkey()` for one to hurt."""
    return servers.valkey()


@pytest.fixture(scope="session")
def template(postgres: PostgresServer, django_db_blocker: Any) -> PostgresServer:
    """The shared PostgreSQL with the migrated template database in it."""
    with django_db_blocker.unblock():
        make_template(postgres)
    return postgres


@pytest.fixture(scope="session")
def clones(template: PostgresServer) -> Iterator[Clones]:
    """Databases that are made while the test before runs."""
    clones = Clones(template)
    yield clones
    clones.close()


@pytest.fixture
def database(clones: Clones, django_db_blocker: Any) -> Iterator[Database]:
    """A fresh database with the schema of all migrations, which Django uses in all threads."""
    with django_db_blocker.unblock(), clones.one() as database:
        yield database


@pytest.fixture
def redis_url(valkey: ValkeyServer, settings: Any) -> str:
    """URL of an empty Redis, which the channel layer uses too."""
    with redis_client.Redis.from_url(valkey.url()) as client:
        client.flushall()
    use_redis(settings, valkey.url())
    return valkey.url()


def use_redis(settings: Any, url: str) -> None:
    """Point the channel layers of this process at a Redis."""
    layers = {
        alias: {**layer, "CONFIG": {**layer.get("CONFIG", {}), "hosts": [url]}}
        for alias, layer in settings.CHANNEL_LAYERS.items()
    }
    settings.CHANNEL_LAYERS = layers


StartProcess = Callable[..., Process]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[StartProcess]:
    """Factory of real processes: `processes("name", argv, **environment)`; none outlives the test."""
    started: list[Process] = []

    def start(name: str, argv: list[str], **variables: str) -> Process:
        process = Process(argv, env=environment(**variables), log=tmp_path / f"{name}-{len(started)}.log")
        started.append(process)
        return process

    yield start
    for process in started:
        process.clean_up()


@pytest.fixture
def product(processes: StartProcess, database: Database, redis_url: str) -> StartProcess:
    """Factory of management commands on the test's database: `product("relay")`; keywords change the environment."""

    def start(*arguments: str, **variables: str) -> Process:
        surroundings = {
            "DATABASE_URL": database.url,
            "REDIS_URL": redis_url,
            **PRODUCTION,
        }
        return processes(arguments[0], manage(*arguments), **{**surroundings, **variables})

    return start


@pytest.fixture
def relay_process(product: StartProcess) -> Callable[..., Process]:
    """Factory of relays as processes of their own."""
    return lambda **variables: product("relay", **variables)


@dataclass(frozen=True)
class RunningServer:
    """A server process that takes connections."""

    process: Process
    port: int

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """Its WebSocket address."""
        return f"ws://127.0.0.1:{self.port}/ws/"


class Edge(Enum):
    """The servers that a session may run on: the product's own, and two that offer it ASGI's `send` alone."""

    SERVE = "serve"
    DAPHNE = "daphne"
    UVICORN = "uvicorn"


READY = {
    Edge.SERVE: "Tideline on http",
    Edge.DAPHNE: "Listening on TCP address",
    Edge.UVICORN: "Uvicorn running on",
}


@pytest.fixture
def edge(request: pytest.FixtureRequest) -> Edge:
    """The server that `server_process` starts: the product's own, but where the test is marked `on_every_edge`."""
    chosen: Edge = getattr(request, "param", Edge.SERVE)
    return chosen


on_every_edge = pytest.mark.parametrize("edge", list(Edge), indirect=True, ids=[each.value for each in Edge])
"""Runs a test on each: what it promises must hold with the extension to ASGI and without it."""


@pytest.fixture
def asgi_server(processes: StartProcess, database: Database, redis_url: str) -> Callable[..., Process]:
    """Factory of stock ASGI servers with the product on them: `asgi_server(Edge.DAPHNE, port)`."""
    surroundings = {"DATABASE_URL": database.url, "REDIS_URL": redis_url, **PRODUCTION}
    arguments = {
        Edge.DAPHNE: ["-b", "127.0.0.1", "-p", "{port}"],
        Edge.UVICORN: ["--host", "127.0.0.1", "--port", "{port}", "--no-access-log"],
    }

    def start(kind: Edge, port: int, **variables: str) -> Process:
        given = [each.format(port=port) for each in arguments[kind]]
        argv = [sys.executable, "-W", "error", "-m", kind.value, *given, "asgi:application"]
        return processes(kind.value, argv, **{**surroundings, **variables})

    return start


@pytest.fixture
def server_process(
    edge: Edge, product: StartProcess, asgi_server: Callable[..., Process]
) -> Callable[..., RunningServer]:
    """Factory of servers as processes of their own; returns when it takes connections."""

    def start(port: int | None = None, **variables: str) -> RunningServer:
        port = port or free_port()
        if edge is Edge.SERVE:
            process = product("serve", "--host", "127.0.0.1", "--port", str(port), **variables)
        else:
            process = asgi_server(edge, port, **variables)
        process.wait_for(READY[edge])
        return RunningServer(process, port)

    return start
