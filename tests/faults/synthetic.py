"""Good histories, made without anything that runs: an ideal log, and clients of an ideal server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.faults.checker import Promised, Verdict, check
from tests.faults.hand import canary
from tests.faults.history import Connection, History
from tests.faults.images import COLUMNS, Image, RowId, image
from tests.faults.invariants.log import identity
from tests.faults.invariants.timelines import Timelines
from tests.faults.journal import Journal, Outcome, Transaction
from tests.faults.logbook import Chapter, Logbook, Logged
from tests.faults.recorder import decode
from tests.faults.rights import Right, Rights, Selection
from tests.faults.shelf import Shelf

PEOPLE = {
    "sam": Right(0.0, staff=True, customer=None, active=True),
    "ann": Right(0.0, staff=False, customer=1, active=True),
    "bob": Right(0.0, staff=False, customer=2, active=True),
}

Row = dict[str, Any]


@dataclass
class World:
    """One log with its journal and tables; the clock goes on with every deed."""

    now: float = 100.0
    journal: Journal = field(default_factory=Journal)
    book: Logbook = field(default_factory=lambda: Logbook([Chapter(1, "first", 1, 0)]))
    rows: dict[RowId, Row] = field(default_factory=dict)
    rights: dict[str, list[Right]] = field(default_factory=lambda: {name: [right] for name, right in PEOPLE.items()})
    ended: dict[str, float] = field(default_factory=dict)
    clients: "list[Client]" = field(default_factory=list)
    branch: int = 0

    @property
    def chapter(self) -> Chapter:
        """The present log."""
        return self.book.chapters[-1]

    def tick(self) -> float:
        """Let time go on."""
        self.now += 0.1
        return self.now

    def commit(self, *changes: tuple[str, int, Row | None], outcome: Outcome = Outcome.COMMITTED) -> str:
        """Commit row changes as one transaction, which the log has at once; None deletes. Return its token."""
        token = f"1-{len(self.journal.transactions) + 1}"
        first = len(self.chapter.changes)
        for kind, key, values in changes:
            self.log(kind, key, values, token, ends=False)
        self.chapter.changes[-1] = self.chapter.changes[-1]._replace(ends=True)
        self.note(token, self.chapter.changes[first:], outcome)
        return token

    def log(self, kind: str, key: int, values: Row | None, token: str, *, ends: bool = True) -> Logged:
        """Put a row change into the log and the table, and into no journal."""
        row_id = (kind, str(key))
        before = self.rows.get(row_id)
        if values is None:
            del self.rows[row_id]
            after = None
        else:
            version = before["version"] + 1 if before else 1
            after = self.rows[row_id] = {**(before or {}), **values, "id": key, "version": version, "token": token}
        old, new = (None if row is None else as_image(kind, row) for row in (before, after))
        position = self.chapter.head + 1
        self.chapter.changes.append(Logged(position, kind, str(key), False, ends, new, old, position))
        return self.chapter.changes[-1]

    def note(self, token: str, changes: list[Logged], outcome: Outcome) -> None:
        """Journal a transaction."""
        written = [list(identity(change)) for change in changes]
        transaction = Transaction(token, self.branch, self.tick(), self.tick(), outcome, written)
        self.journal.transactions[token] = transaction

    def tables(self) -> dict[str, dict[str, Image]]:
        """Return the tables as they are."""
        found: dict[str, dict[str, Image]] = {kind: {} for kind in COLUMNS}
        for (kind, key), row in self.rows.items():
            found[kind][key] = as_image(kind, row)
        return found

    def client(self, person: str, topic: str) -> "Client":
        """Let a client come and subscribe."""
        client = Client(self, person, topic)
        self.clients.append(client)
        client.connect()
        return client

    def told_all(self) -> None:
        """Tell every client that is connected all that it lacks."""
        for client in self.clients:
            if client.connection.closed_at is None:
                client.changes()

    def check(self, promised: Promised | None = None) -> Verdict:
        """Let the checker look at everything."""
        return check(
            self.journal, self.book, [client.history.copy(self.now + 60) for client in self.clients],
            permitted=Rights(self.rights, self.ended), tables=self.tables(), promised=promised or Promised(),
        )  # fmt: skip


class Client:
    """One client of one topic, which an ideal server serves; deeds may be told to do it otherwise."""

    def __init__(self, world: World, person: str, topic: str) -> None:
        self.world = world
        self.person = person
        self.topic = topic
        self.history = History(person, person)
        self.shelf = Shelf(topic)
        self.epoch = f"{person} {topic}"
        self.connection = Connection("", 0.0)

    @property
    def selection(self) -> Selection:
        """What the topic shows to the person."""
        found = self.world.rights[self.person][-1].selection(self.topic)
        assert found is not None
        return found

    def connect(self) -> None:
        """Come, and subscribe with what there is."""
        now = self.world.tick()
        self.connection = Connection(f"cookie of {self.person}", now, after=now)
        self.history.connections.append(self.connection)
        self.connection.subscribed.append(self.shelf.ask(now))

    def cut(self) -> None:
        """Lose the connection."""
        self.connection.closed_at = self.world.tick()

    def snapshot(self, *, at: int | None = None, but: RowId | None = None, epoch: str | None = None) -> None:
        """Send a snapshot of a position, without one of its rows."""
        position = self.world.chapter.head if at is None else at
        shown = self._shown(position)
        rows = [as_frame(row, found) for row, found in shown.items() if row != but]
        self.epoch = epoch or self.epoch
        self._send(type="snapshot", epoch=self.epoch, position=position, rows=rows)

    def part_of_snapshot(self) -> None:
        """Send the first part of a snapshot, and no other."""
        self._send(type="snapshot", epoch=self.epoch, position=self.world.chapter.head, rows=[], last=False)

    def resumed(self, *, at: int | None = None) -> None:
        """Send that the cursor is resumed."""
        assert self.shelf.cursor is not None
        self._send(type="resumed", epoch=self.epoch, position=self.shelf.cursor[1] if at is None else at)

    def changes(
        self, *, at: int | None = None, but: RowId | None = None, also: Mapping[RowId, Row | None] | None = None
    ) -> None:
        """Send the changes since the last position, without one of them, and with others too."""
        assert self.shelf.cursor is not None
        position = self.world.chapter.head if at is None else at
        line = Timelines(self.world.book).of(self.world.chapter, self.selection)
        shown = self._shown(position)
        touched = [row for row in line.touched if line.changed(row, self.shelf.cursor[1], position) and row != but]
        rows = {**{row: shown.get(row) for row in touched}, **(also or {})}
        self._send(type="changes", position=position, changes=[as_frame(row, found) for row, found in rows.items()])

    def _send(self, **frame: Any) -> None:
        payload = json.dumps({**frame, "topic": self.topic}).encode()
        now = self.world.tick()
        self.connection.after = now - 0.05
        self.shelf.take(decode(payload), payload, self.connection, now)

    def _shown(self, position: int) -> dict[RowId, Row]:
        """Return the rows of the selection at a position, by the log."""
        rows: dict[RowId, Row] = {}
        for row, found in self.world.chapter.rows_at(position).items():
            if self.selection.selects(row[0], found):
                rows[row] = columns_of(row[0], found)
        return rows


def columns_of(kind: str, found: Image) -> Row:
    """Return the columns of an image: all that is not in it follows from what is."""
    key = int(found.key)
    known = {"id": key, "version": found.version, "token": found.token, "owner_id": found.owner, "doc_id": found.doc}
    secret = canary(found.owner or 0, key)
    follow = {"amount": Decimal(found.version), "canary": secret, "text": secret}
    return {name: {**known, **follow}[name] for name in COLUMNS[kind]}


def row_of(found: Image) -> Row:
    """Return the row of a synthetic table that an image is of."""
    return {
        "id": int(found.key), "version": found.version, "token": found.token, "owner": found.owner, "doc": found.doc,
    }  # fmt: skip


def as_image(kind: str, row: Row) -> Image:
    """Return the image of a row of a synthetic table."""
    bare = Image(str(row["id"]), row["version"], row["token"], row.get("owner"), row.get("doc"), 0)
    return bare if kind == "bulk" else image(kind, columns_of(kind, bare))


def as_frame(row: RowId, columns: Row | None) -> Row:
    """Return a row as it travels."""
    shown = None
    if columns is not None:
        shown = {
            name.removesuffix("_id"): str(value) if name == "amount" else value
            for name, value in columns.items()
            if name != "id"
        }
    return {"kind": row[0], "key": row[1], "row": shown}


def a_world() -> World:
    """Return a world in which two customers have items and a document each, and everybody has come and seen it."""
    world = World()
    for owner in (1, 2):
        world.commit(
            ("item", 10 * owner, {"owner": owner}),
            ("item", 10 * owner + 1, {"owner": owner}),
            ("event", 10 * owner + 2, {"owner": owner}),
        )
        world.commit(
            ("doc", owner, {"owner": owner}), ("line", 10 * owner + 5, {"owner": owner, "doc": owner}),
        )  # fmt: skip
    for person, topic in (
        ("sam", "proof/items"), ("ann", "proof/mine"), ("bob", "proof/mine"), ("ann", "proof/doc/1"),
    ):  # fmt: skip
        world.client(person, topic).snapshot()
    return world


def end_right(world: World, person: str) -> float:
    """Let a person's right end now; return when."""
    last = world.rights[person][-1]
    world.rights[person] = [
        replace(last, until=world.now), replace(last, since=world.now, active=False),
    ]  # fmt: skip
    return world.now


def go_on(world: World) -> None:
    """Let a few ordinary things happen, and everybody be told."""
    world.commit(("item", 10, {}), ("item", 20, {}))
    world.commit(("item", 11, {"owner": 2}))
    world.told_all()
    world.commit(("item", 10, None), ("event", 13, {"owner": 1}))
    world.commit(("line", 15, {}), ("line", 16, {"owner": 1, "doc": 1}))
    world.told_all()
