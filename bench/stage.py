"""The stage of a benchmark: private servers with demo data, and the processes under measurement."""

import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from core.demo.embedded import PostgresServer, ValkeyServer
from core.demo.embedded.folders import free_port
from tests.support.processes import Process, environment, manage
from tests.support.waiting import eventually

DURABLE = {"fsync": "on", "synchronous_commit": "on", "max_wal_size": "8GB", "shared_buffers": "512MB"}
"""As in production: what is measured includes the write to the disk."""


@dataclass
class Stage:
    """Private PostgreSQL and Valkey, migrated; what it starts ends with it, on the given settings of Django."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    settings: str = "core.settings"
    processes: list[Process] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """What processes of the product are told."""
        return {
            "DATABASE_URL": self.postgres.url("bench"),
            "REDIS_URL": self.valkey.url(),
            "DEMO": "1",
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": self.settings,
        }

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a new connection in autocommit mode."""
        return psycopg.connect(self.postgres.url("bench"), autocommit=True)

    def start(self, *argv: str, ready: str = "", **variables: str) -> Process:
        """Start a process, and wait for a line of its output when `ready` is given."""
        log = self.folder / f"process-{len(self.processes)}.log"
        process = Process(list(argv), env=environment(**{**self.variables, **variables}), log=log)
        self.processes.append(process)
        if ready:
            process.wait_for(ready, 30)
        return process

    def run(self, *arguments: str) -> None:
        """Run a management command to its end."""
        process = self.start(*manage(*arguments))
        if code := process.wait(120):
            raise SystemExit(f"bench: {' '.join(arguments)} ended with {code}:\n{process.output}")

    def relay(self) -> Process:
        """Start a relay."""
        return self.start(*manage("relay"))

    def server(self, *options: str) -> int:
        """Start a server and return its port once it takes connections."""
        port = free_port()
        self.start(*manage("serve", "--host", "127.0.0.1", "--port", str(port), *options), ready="Tideline on http")
        return port

    def naive_server(self) -> int:
        """Start the naive application on plain Daphne and return its port."""
        port = free_port()
        self.start(
            sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "bench.naive.asgi:application",
            DJANGO_SETTINGS_MODULE="bench.naive.settings",
        )  # fmt: skip
        eventually(lambda: listens(port), 30, what="the naive server's port")
        return port


def listens(port: int) -> bool:
    """Tell whether something takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield a stage with demo data loaded, and take it down."""
    with bare_stage() as it:
        it.run("seed")
        yield it


@contextmanager
def bare_stage(settings: str = "core.settings", database: Mapping[str, str] = DURABLE) -> Iterator[Stage]:
    """Yield a stage without demo data, on these settings of Django and of PostgreSQL, and take it down."""
    folder = Path(tempfile.mkdtemp(prefix="tideline-bench-"))
    postgres, valkey = PostgresServer(folder / "postgres", settings=database), ValkeyServer(folder / "valkey")
    it = Stage(folder, postgres, valkey, settings)
    try:
        postgres.start()
        valkey.start()
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        it.run("migrate", "--verbosity", "0")
        yield it
    finally:
        for process in reversed(it.processes):
            process.clean_up()
        valkey.kill()
        postgres.kill()
        shutil.rmtree(folder, ignore_errors=True)
