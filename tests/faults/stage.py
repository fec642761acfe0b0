"""The stage: private servers, two server processes, two relays, and a link of the harness between any two of them.

    clients ─ client-server ─▶ servers ─┬─ server-postgres ─▶ PostgreSQL ◀─ relay-postgres ─┬─ relays
                                        └─ server-redis ───▶   Redis     ◀─ relay-redis ────┘

Writers and the checker reach PostgreSQL directly. Everything that runs is private to the stage and ends with it.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
from psycopg import sql

from core.demo.embedded import PostgresServer, ValkeyServer
from tests.faults.deception import Deception
from tests.faults.supervised import Supervisor, Unit
from tests.faults.switchboard import Switchboard
from tests.support.ports import free_port
from tests.support.processes import PRODUCTION, Process, environment, manage
from tests.support.waiting import eventually

SETTINGS = "tests.faults.app.settings"
DATABASE = "proof"
COUNT = 2
"""So many servers, and so many relays."""

ENGINE = {"log_segment_positions": 5_000}
"""Settings of the engine here: segments so small that a round makes and drops some."""

POSTGRES = {
    "fsync": "off",
    "full_page_writes": "off",
    "deadlock_timeout": "200ms",
    "wal_recycle": "off",
    "min_wal_size": "32MB",
}
"""Safe for processes that are killed: only a crash of the machine could lose something, and that is not played."""

OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


class Stage:
    """Everything that runs in a round. Blocking: the loop of the clients calls it from other threads."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.deceptions = {name: Deception(folder / f"{name}.deception") for name in ("product", "postgres")}
        deceived = self.deceptions["postgres"].variables()
        self.postgres = PostgresServer(folder / "postgres", port=free_port(), settings=POSTGRES, variables=deceived)
        self.valkey = ValkeyServer(folder / "valkey", port=free_port())
        self.links = Switchboard()
        self.supervisor = Supervisor()
        self.servers: list[Unit] = []
        self.relays: list[Unit] = []
        self.server_ports = [free_port() for _ in range(COUNT)]
        self.client_ports: list[int] = []
        self.kept = False
        self._hands = ThreadPoolExecutor(1, "servers")
        self._through: dict[str, int] = {}

    def start(self) -> None:
        """Start everything, in order."""
        self.data(self.postgres.start)
        self.data(self.valkey.start)
        self.administrate("CREATE DATABASE {name}", name=DATABASE)
        self._run("migrate", "--verbosity", "0")
        self._connect_links()
        self._add_units()
        for unit in self.units:
            self.supervisor.start(unit)
        self.wait_until_ready()

    def close(self) -> None:
        """End everything, whatever state it is in."""
        self.supervisor.close()
        self.links.stop()
        self.valkey.kill()
        self.postgres.kill()
        self._hands.shutdown()

    @property
    def units(self) -> list[Unit]:
        """All servers and relays."""
        return [*self.servers, *self.relays]

    def data(self, function: Any) -> Any:
        """Run what starts PostgreSQL or Redis, in the one thread with which they live."""
        return self._hands.submit(function).result()

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Wait until all servers and relays say so, and the servers' hubs follow the log."""
        for unit in self.units:
            unit.wait_until_ready(seconds)
        for port in self.server_ports:
            eventually(partial(self._ready, port), seconds, what="readyz")

    # PostgreSQL

    def writer_url(self) -> str:
        """The database, directly."""
        return self.postgres.url(DATABASE)

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Return a direct connection in autocommit mode."""
        return psycopg.connect(self.writer_url(), autocommit=True, connect_timeout=5)

    def administrate(self, statement: str, **names: str) -> None:
        """Run a statement about databases; `names` are quoted as identifiers."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))

    def cut_backends(self) -> int:
        """Terminate all other backends of the database, and return how many there were."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            return connection.execute(OTHERS, [DATABASE]).rowcount

    # The product

    def environment(self, **changes: str) -> dict[str, str]:
        """What a process of the product is told, with direct addresses."""
        surroundings = {
            **PRODUCTION,
            "DATABASE_URL": self.writer_url(),
            "REDIS_URL": self.valkey.url(),
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "PROOF_REALTIME": json.dumps(ENGINE),
            "LOG_LEVEL": "INFO",
        }
        return environment(**{**surroundings, **changes})

    def environment_of(self, role: str, **changes: str) -> dict[str, str]:
        """What a `server` or a `relay` is told: everything it reaches lies behind links, and it may be deceived."""
        return self.environment(
            DATABASE_URL=self._behind(f"{role}-postgres", self.postgres),
            REDIS_URL=self._behind(f"{role}-redis", self.valkey),
            **self.deceptions["product"].variables(),
            **changes,
        )

    def server_environment(self) -> dict[str, str]:
        """What a server is told."""
        return self.environment_of("server")

    def relay_environment(self, **engine: Any) -> dict[str, str]:
        """What a relay is told; `engine` changes settings of the engine."""
        return self.environment_of("relay", PROOF_REALTIME=json.dumps({**ENGINE, **engine}))

    def relay_command(self) -> list[str]:
        """The command of a relay."""
        return manage("relay")

    def resident_bytes(self) -> list[int]:
        """Return the memory of each server, by its own metric; 0 for one that does not answer."""
        return [_metric(port, "process_resident_memory_bytes") for port in self.server_ports]

    def sessions(self) -> list[int]:
        """Return how many sessions each server has, by its own metric; 0 for one that does not answer."""
        return [_metric(port, "realtime_sessions") for port in self.server_ports]

    def _behind(self, link: str, server: PostgresServer | ValkeyServer) -> str:
        url = server.url(DATABASE) if isinstance(server, PostgresServer) else server.url()
        return url.replace(f":{server.port}/", f":{self._through[link]}/")

    def _connect_links(self) -> None:
        assert self.postgres.port is not None and self.valkey.port is not None
        self.client_ports = [self.links.add("client-server", port) for port in self.server_ports]
        for role in ("server", "relay"):
            self._through[f"{role}-postgres"] = self.links.add(f"{role}-postgres", self.postgres.port)
            self._through[f"{role}-redis"] = self.links.add(f"{role}-redis", self.valkey.port)
        self.supervisor.call(self.links.start)

    def _add_units(self) -> None:
        for number, port in enumerate(self.server_ports, 1):
            command = manage("serve", "--host", "127.0.0.1", "--port", str(port))
            log = self.folder / f"server-{number}.log"
            unit = Unit(f"server {number}", command, self.server_environment(), log, "Tideline on http")
            self.servers.append(unit)
        for number in range(1, COUNT + 1):
            log = self.folder / f"relay-{number}.log"
            unit = Unit(
                f"relay {number}", self.relay_command(), self.relay_environment(), log, "Relay ready|relay_ready"
            )
            self.relays.append(unit)

    def _run(self, *arguments: str) -> None:
        process = Process(manage(*arguments), env=self.environment(), log=self.folder / f"{arguments[0]}.log")
        try:
            code = process.wait(120)
            assert code == 0, f"{' '.join(arguments)} ended with {code}:\n{process.output}"
        finally:
            process.clean_up()

    @staticmethod
    def _ready(port: int) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _metric(port: int, name: str) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return next((int(float(line.split()[-1])) for line in lines if line.startswith(f"{name} ")), 0)


@contextmanager
def a_stage(seed: int) -> Iterator[Stage]:
    """Yield a stage that has started. Its folder goes with it, unless it is `kept`."""
    stage = Stage(Path(tempfile.mkdtemp(prefix="tideline-faults-")), seed)
    try:
        stage.start()
        yield stage
    except BaseException:
        stage.kept = True
        print(f"faults: what was seen is kept in {stage.folder}", file=sys.stderr, flush=True)
        raise
    finally:
        stage.close()
        if not stage.kept:
            shutil.rmtree(stage.folder, ignore_errors=True)
