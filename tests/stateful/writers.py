"""Writers: each has one connection and at most one open transaction, and notes what its statements did.

What a statement did is what it says itself (RETURNING): so many changes of these keys are due in the log. That, and
what the tables hold after the commit, is the model: nothing of it comes from the triggers.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg

from realtime.pure.changes import RowKey
from tests.stateful.actors import Actor, Crew, SteppedConnection
from tests.stateful.tables import COLUMNS, KINDS, Image, Rows

KEYS = 3

STATEMENTS = {
    "insert": "INSERT INTO {table} (id, born, token) VALUES (%(key)s, %(token)s, %(token)s) RETURNING id, id",
    "upsert": """INSERT INTO {table} AS t (id, born, token) VALUES (%(key)s, %(token)s, %(token)s)
        ON CONFLICT (id) DO UPDATE SET version = t.version + 1, token = excluded.token RETURNING id, id""",
    "fill": f"""INSERT INTO {{table}} (id, born, token)
        SELECT n, %(token)s || n, %(token)s FROM generate_series(1, {KEYS}) n
        WHERE NOT EXISTS (SELECT FROM {{table}} t WHERE t.id = n) RETURNING id, id""",
    "update": """UPDATE {table} SET version = version + 1, token = %(token)s, was = id
        WHERE id = %(key)s RETURNING was, id""",
    "think again": """UPDATE {table} SET version = version + 1, token = %(token)s, was = id, again = %(to)s
        WHERE id = %(key)s RETURNING was, id""",
    "all": "UPDATE {table} SET version = version + 1, token = %(token)s, was = id RETURNING was, id",
    "delete": "DELETE FROM {table} WHERE id = %(key)s RETURNING id, id",
    "delete own": "DELETE FROM {table} WHERE age(xmin) <= 0 RETURNING id, id",
    "move": """UPDATE {table} SET version = version + 1, token = %(token)s, was = id, id = %(to)s
        WHERE id = %(key)s RETURNING was, id""",
    "swap": """UPDATE {table} SET version = version + 1, token = %(token)s, was = id,
        id = CASE id WHEN %(key)s THEN %(to)s ELSE %(key)s END WHERE id IN (%(key)s, %(to)s) RETURNING was, id""",
    "unseen": "UPDATE {table} SET unseen = %(token)s WHERE id = %(key)s",
    "truncate": "TRUNCATE {table}",
}
"""What a writer can do. Each returns the keys before and after it of the rows that changed."""

ISOLATIONS = ("READ COMMITTED", "REPEATABLE READ")

EXPECTED = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.SerializationFailure,
    psycopg.errors.ObjectNotInPrerequisiteState,  # no upsert by a deferrable key
)
"""What a writer may be refused: what it would be without captures."""

OWN = "SELECT id FROM realtime_inbox WHERE xid = pg_current_xact_id_if_assigned()"

ROWS = {kind: f"SELECT {', '.join(COLUMNS)} FROM tide_{kind} WHERE age(xmin) <= 0" for kind in KINDS}
"""The rows that the transaction wrote. Under REPEATABLE READ it may see others of their keys, long deleted."""


@dataclass
class Deeds:
    """What the statements of a transaction, or since a savepoint, did."""

    due: Counter[RowKey] = field(default_factory=Counter)
    """How many changes of each key belong into the log; the key of a reset is empty."""
    touched: set[RowKey] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)

    @property
    def kinds(self) -> set[str]:
        """The kinds of rows that were written."""
        return {key.kind for key in self.due}

    def add(self, other: "Deeds") -> None:
        """Take over what was done since a savepoint."""
        self.due += other.due
        self.touched |= other.touched
        self.emptied |= other.emptied


Committed = Callable[[Deeds, frozenset[int], Rows], None]
"""Is told of each commit: what was done, the ids of its rows in the inbox, and the tables as it saw them."""


class Writer:
    """A client of the database with one connection."""

    def __init__(self, name: str, crew: Crew, conninfo: str, committed: Committed) -> None:
        self.actor: Actor = crew.hire(name)
        self.levels: list[Deeds] = []
        """Of the open transaction and of each savepoint in it; empty: no transaction is open."""
        self._conninfo = conninfo
        self._committed = committed
        self._connection: SteppedConnection | None = None
        self._tokens = (f"{name}.{number}" for number in count(1))

    async def write(self, deed: str, kind: str, key: int, to: int, isolation: str) -> None:
        """Send a statement, in the open transaction or in a new one; undo what fails."""
        connection = await self._begun(isolation)
        named = {"key": key, "to": to, "token": next(self._tokens)}
        statement = STATEMENTS[deed].format(table=f"tide_{kind}")
        try:
            cursor = await connection.execute(statement, named if "%(" in statement else None)
            rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error:
            await self._undo(connection)
            return
        self.levels[-1].add(done(deed, kind, rows, to if deed == "think again" and kind == "row" else 0))

    async def save(self, isolation: str) -> None:
        """Begin a savepoint."""
        await (await self._begun(isolation)).execute("SAVEPOINT here")
        self.levels.append(Deeds())

    async def back(self) -> None:
        """Go back to the last savepoint, if there is one."""
        if len(self.levels) > 1:
            await self._fetch("ROLLBACK TO here")
            self.levels[-1] = Deeds()

    async def release(self) -> None:
        """Forget the last savepoint, if there is one, and keep what was done since."""
        if len(self.levels) > 1:
            await self._fetch("RELEASE here")
            since = self.levels.pop()
            self.levels[-1].add(since)

    async def commit(self) -> None:
        """End the transaction, if one is open, and tell of it."""
        if not self.levels:
            return
        done, *since = self.levels
        for each in since:
            done.add(each)
        ids = frozenset(row[0] for row in await self._fetch(OWN))
        rows: Rows = {}
        for kind in sorted(done.kinds):
            rows |= {RowKey(kind, str(row[0])): Image(*row) for row in await self._fetch(ROWS[kind])}
        await self._fetch("COMMIT")
        self.levels.clear()
        self._committed(done, ids, rows)

    async def roll_back(self) -> None:
        """Undo the transaction, if one is open."""
        if self.levels:
            await self._fetch("ROLLBACK")
            self.levels.clear()

    async def leave(self) -> None:
        """Go away without a word."""
        connection, self._connection = self._connection, None
        self.levels.clear()
        self.actor.pid = 0
        if connection is not None:
            await connection.close()

    async def _begun(self, isolation: str) -> SteppedConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await SteppedConnection.connect(self._conninfo, autocommit=True)
        if not self.levels:
            await self._connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
            self.levels.append(Deeds())
        return self._connection

    async def _fetch(self, statement: str) -> list[Any]:
        assert self._connection is not None
        cursor = await self._connection.execute(statement)
        return await cursor.fetchall() if cursor.description else []

    async def _undo(self, connection: SteppedConnection) -> None:
        """After a statement that failed: back to the last savepoint, or all of it."""
        if connection.closed:
            await self.leave()
        elif len(self.levels) > 1:
            await self.back()
        else:
            await self.roll_back()


def done(deed: str, kind: str, rows: list[tuple[int, int]], again: int) -> Deeds:
    """Return what a statement did: a changed row is due under its key, and under its new one if that changed."""
    deeds = Deeds()
    if deed == "truncate":
        deeds.due[RowKey(kind, "")] += 1
        deeds.emptied.add(kind)
    for before, after in rows:
        deeds.due.update({RowKey(kind, str(key)): 1 for key in (before, after)})
        deeds.due[RowKey(kind, str(after))] += again
    deeds.touched.update(key for key in deeds.due if key.key)
    return deeds
