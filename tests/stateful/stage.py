"""The stage of plays: a database with the two tables, and the product with nothing in it that a clock decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from core.demo.embedded import PostgresServer
from realtime.adapters import assignment, connections, segments
from realtime.drivers import relay
from tests.stateful import tables
from tests.stateful.actors import Crew, SteppedConnection
from tests.support.databases import Database, administrate, drop

ENGINE = import_module("realtime.migrations.0001_initial").FORWARDS
"""The engine's own tables."""

numbers = count(1)

NEVER = {"jit": "off", "deadlock_timeout": "1h", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""Waits and pauses end when the play says so. It finds circles of waiting actors itself."""


class Clock:
    """The relays' clock. It stands still unless the play lets time pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self.now


class Stage:
    """A database, its crew, and where actors connect to. `checker` waits for no lock."""

    def __init__(self, database: Database, monitor: Connection[Any], checker: Connection[Any]) -> None:
        self.monitor = monitor
        self.checker = checker
        self.crew = Crew(monitor)
        self.clock = Clock()
        self.conninfo = make_conninfo(
            database.url, options=" ".join(f"-c {name}={value}" for name, value in NEVER.items())
        )

    def clear(self) -> None:
        """Be as new for the next play."""
        self.crew.dismiss()
        tables.reset(self.monitor)
        self.clock.now = 1000.0


@contextmanager
def bare_database(server: PostgresServer) -> Iterator[Database]:
    """Yield a database with the engine's tables and the two, and no others."""
    database = Database(server, f"tide_{next(numbers)}")
    administrate(server, "CREATE DATABASE {name}", name=database.name)
    try:
        with database.connect() as connection:
            connection.execute(ENGINE)
            tables.build(connection)
        yield database
    finally:
        drop(database)


@contextmanager
def stage_on(server: PostgresServer) -> Iterator[Stage]:
    """Yield a stage on a server."""
    with (
        bare_database(server) as database,
        database.connect() as monitor,
        database.connect() as checker,
        pytest.MonkeyPatch.context() as patch,
    ):
        checker.execute("SET lock_timeout = '1ms'")
        made = Stage(database, monitor, checker)
        for module in (relay, connections):
            patch.setattr(module, "AsyncConnection", SteppedConnection)
        patch.setattr(relay, "time", made.clock)
        patch.setattr(relay, "BACKOFF_SECONDS", (0.0, 0.0))
        patch.setattr(assignment, "SESSION", {**assignment.SESSION, **NEVER})
        patch.setattr(assignment, "WAIT_SECONDS", 0.0005)
        patch.setattr(segments, "PATIENCE", "SET LOCAL lock_timeout = '1ms'")
        patch.setattr(connections, "ANSWER_SECONDS", 3600.0)
        patch.setattr(connections, "STATEMENT_MILLISECONDS", 0)
        patch.setattr(connections, "LOCK_MILLISECONDS", 0)
        try:
            yield made
        finally:
            made.crew.close()
