"""Databases for tests: each a clone of one migrated template, thrown away afterwards."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg import sql

from core.demo.embedded import PostgresServer

TEMPLATE = "tideline_template"
numbers = count(1)
opened: WeakSet[BaseDatabaseWrapper] = WeakSet()
"""Django's connections of all threads: those of a database that goes away must be closed."""


@dataclass(frozen=True)
class Database:
    """A database of its own, with the schema of all migrations."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """The URL for `DATABASE_URL`."""
        return self.server.url(self.name)

    conninfo = url

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a new connection, in autocommit mode unless the options say otherwise."""
        return psycopg.connect(self.url, **{"autocommit": True, **options})

    async def connect_async(self, **options: Any) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """Return a new asynchronous connection, in autocommit mode unless the options say otherwise."""
        return await psycopg.AsyncConnection.connect(self.url, **{"autocommit": True, **options})

    def execute(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, as psql would; return its rows."""
        with self.connect() as connection:
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []


def administrate(server: PostgresServer, statement: str, **names: str) -> None:
    """Run a statement about databases; `names` are quoted as identifiers."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))


def make_template(server: PostgresServer) -> None:
    """Create the template database and migrate it."""
    administrate(server, "CREATE DATABASE {name}", name=TEMPLATE)
    with django_uses(Database(server, TEMPLATE)):
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def clone(server: PostgresServer) -> Iterator[Database]:
    """Yield a fresh clone of the template that Django uses too, and drop it afterwards."""
    database = make_clone(server)
    try:
        with django_uses(database):
            yield database
    finally:
        drop(database)


def make_clone(server: PostgresServer) -> Database:
    """Create a clone of the template."""
    database = Database(server, f"test_{next(numbers)}")
    administrate(server, "CREATE DATABASE {name} TEMPLATE {template}", name=database.name, template=TEMPLATE)
    return database


def drop(database: Database) -> None:
    """Drop a database, whoever is connected."""
    administrate(database.server, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=database.name)


class Clones:
    """Clones of one server's template, for one test after another.

    While a test runs, a thread drops the database of the one before and makes that of the next.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._thread = ThreadPoolExecutor(1, "clones")
        self._next = self._thread.submit(make_clone, server)
        self._dropped: list[Future[None]] = []

    @contextmanager
    def one(self) -> Iterator[Database]:
        """Yield a fresh clone that Django uses too."""
        database, self._next = self._next.result(), self._thread.submit(make_clone, self._server)
        try:
            with django_uses(database):
                yield database
        finally:
            self._dropped.append(self._thread.submit(drop, database))

    def close(self) -> None:
        """Wait until all are dropped; raise what went wrong."""
        self._thread.shutdown()
        for each in self._dropped:
            each.result()


@contextmanager
def django_uses(database: Database, alias: str = "default") -> Iterator[None]:
    """Point Django's connection at the database, in all threads."""
    settings = connections.databases[alias]
    before = dict(settings)
    parts = urlsplit(database.url)
    settings.update(
        NAME=database.name, USER=parts.username, PASSWORD=parts.password, HOST=parts.hostname, PORT=str(parts.port)
    )
    close_all()
    try:
        yield
    finally:
        close_all()
        settings.clear()
        settings.update(before)


def close_all() -> None:
    """Close Django's connections, those of other threads too."""
    for wrapper in list(opened):
        wrapper.inc_thread_sharing()
        try:
            wrapper.in_atomic_block = False
            wrapper.close()
        finally:
            wrapper.dec_thread_sharing()


def _remember(connection: BaseDatabaseWrapper, **_: Any) -> None:
    opened.add(connection)


connection_created.connect(_remember)
