"""A model of the database: writers with open transactions, the inbox, the relay's assignments, the log.

It knows the truth: which rows there were at each position of each epoch. The truth is kept apart from what
hubs do: it is the positioned changes, applied in order.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from msgspec.structs import replace

from realtime.errors import EpochChanged, FloorPassed
from realtime.pure.changes import Batch, Change, Head, LogRange, Mark, Row, RowKey, Snapshot
from realtime.pure.selection import Derivation, Part, Projection, Selection

STREAM = "shop"
KEYS = {"item": 6, "doc": 2, "line": 4}
Rows = dict[RowKey, Row]


def random_row(random: Random, kind: str, key: str) -> Row:
    """Return a row of a kind; what selections filter on changes often."""
    row: dict[str, Any] = {"id": int(key), "value": random.randrange(3), "secret": random.randrange(3)}
    if kind == "item":
        row |= {"group": random.choice([1, 2, None]), "flag": random.choice([True, False])}
    elif kind == "doc":
        row |= {"owner": random.choice([7, 7, 8])}
    else:
        row |= {"doc": random.choice([0, 1])}
    return row


def shown(row: Row) -> dict[str, Any]:
    """Project: the secret column is not shown."""
    return {"id": row["id"], "value": row["value"]}


def totals(sources: Mapping[str, Mapping[str, Row]], parameters: Mapping[str, Any]) -> dict[RowKey, dict[str, Any]]:
    """Derive: one row for each value, with the number of items that have it."""
    counts: dict[int, int] = {}
    for row in sources["item"].values():
        counts[row["value"]] = counts.get(row["value"], 0) + 1
    return {RowKey("total", str(value)): {"count": count} for value, count in counts.items()}


SHOWN = Projection("shown", "1", shown)


def part(kind: str, *alternatives: dict[str, Any], anchor: bool = False) -> Part:
    """Return a part of some alternatives (none given: every row)."""
    pairs = tuple(tuple(sorted(alternative.items())) for alternative in alternatives) or ((),)
    return Part(kind, pairs, SHOWN, anchor)


SELECTIONS = [
    Selection(STREAM, (part("item"), part("line"))),
    Selection(STREAM, (part("item", {"group": 1}),)),
    Selection(STREAM, (part("item", {"group": 2, "flag": True}, {"group": 1}, {"value": 0}),)),
    Selection(STREAM, (part("doc", {"id": 0, "owner": 7}, anchor=True), part("line", {"doc": 0}))),
    Selection(STREAM, (part("doc", {"owner": 8}),)),
    Selection(STREAM, (part("item", {"flag": True}),), Derivation("totals", "1", (), totals)),
]


@dataclass
class Transaction:
    """An open transaction: its changes have inbox ids already, and nobody sees them."""

    xid: int
    changes: list[Change] = field(default_factory=list)


@dataclass
class Database:
    """What a backup copies."""

    rows: Rows = field(default_factory=dict)
    positioned: Rows = field(default_factory=dict)
    inbox: list[tuple[int, Change]] = field(default_factory=list)
    log: dict[int, Change] = field(default_factory=dict)
    marks: dict[int, str] = field(default_factory=dict)
    epoch: str = "e0"
    mark: str = "m0"
    head: int = 0
    floor: int = 0
    last_id: int = 0
    last_xid: int = 0


class World:
    """The database with its writers and its relay."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.db = Database()
        self.open: list[Transaction] = []
        self.truth: dict[tuple[str, int], Rows] = {("e0", 0): {}}
        self.doubts: list[tuple[str, Mark]] = []
        self.copies: list[Database] = []
        self._names = 0
        self._relay_knows: Mark | None = None

    # Writers.

    def begin(self) -> None:
        """Begin a transaction."""
        self.db.last_xid += 1
        self.open.append(Transaction(self.db.last_xid))

    def write(self) -> None:
        """Let an open transaction write one row that no other holds; ids are taken in the order of writing."""
        if not self.open:
            self.begin()
        mine = self.random.choice(self.open)
        kind = self.random.choice(list(KEYS))
        key = RowKey(kind, str(self.random.randrange(KEYS[kind])))
        if any(self._holds(other, key) for other in self.open if other is not mine):
            return
        old = self._row_in(mine, key)
        new = random_row(self.random, kind, key.key) if old is None or self.random.random() < 0.75 else None
        self._log(mine, kind, key.key, new, old)

    def truncate(self) -> None:
        """Let a transaction empty a table, which waits for all others, and perhaps load it anew."""
        kind = self.random.choice(list(KEYS))
        if any(change.kind == kind for transaction in self.open for change in transaction.changes):
            return
        self.begin()
        mine = self.open[-1]
        self._log(mine, kind, "", None, None, reset=True)
        for number in range(self.random.randrange(3)):
            self._log(mine, kind, str(number), random_row(self.random, kind, str(number)), None)
        self.commit(mine)

    def commit(self, transaction: Transaction | None = None) -> None:
        """Commit a transaction: its rows and its inbox rows are visible at once."""
        if transaction is None:
            transaction = self.random.choice(self.open)
        self.open.remove(transaction)
        for change in transaction.changes:
            apply(self.db.rows, change)
            self.db.inbox.append((transaction.xid, change))

    def roll_back(self) -> None:
        """Roll a transaction back; its ids stay unused."""
        self.open.remove(self.random.choice(self.open))

    def _log(
        self, mine: Transaction, kind: str, key: str, new: Row | None, old: Row | None, *, reset: bool = False
    ) -> None:
        self.db.last_id += 1
        mine.changes.append(Change(0, self.db.last_id, kind, key, new, old, reset, False))

    def _holds(self, transaction: Transaction, key: RowKey) -> bool:
        return any((change.kind, change.key) == key for change in transaction.changes)

    def _row_in(self, transaction: Transaction, key: RowKey) -> Row | None:
        for change in reversed(transaction.changes):
            if (change.kind, change.key) == key:
                return change.new
        return self.db.rows.get(key)

    # The relay.

    def relay(self) -> Batch | None:
        """Verify, then give positions to what is committed; return what is published, if anything is."""
        db = self.db
        if self._lost_something():
            self._new_epoch()
        if not db.inbox:
            return Batch(STREAM, db.epoch, db.head, db.mark, db.head, db.mark, ())
        last = {xid: max(change.inbox_id for other, change in db.inbox if other == xid) for xid, _ in db.inbox}
        chosen = set(last)
        if len(last) > 1 and self.random.random() < 0.2:
            cut = self.random.choice(list(last.values()))
            chosen = {xid for xid in last if last[xid] <= cut}
        taken = sorted((entry for entry in db.inbox if entry[0] in chosen), key=lambda e: (last[e[0]], e[1].inbox_id))
        db.inbox = [entry for entry in db.inbox if entry[0] not in chosen]
        after, since = db.head, db.mark
        for xid, change in taken:
            db.head += 1
            db.log[db.head] = replace(change, position=db.head, ends=change.inbox_id == last[xid])
            apply(db.positioned, change)
            if db.log[db.head].ends:
                self.truth[(db.epoch, db.head)] = dict(db.positioned)
        db.mark = db.marks[db.head] = self._name("m")
        self._relay_knows = Mark(db.head, db.mark)
        changes = tuple(db.log[position] for position in range(after + 1, db.head + 1))
        return Batch(STREAM, db.epoch, after, since, db.head, db.mark, changes if self.random.random() < 0.9 else None)

    def restart_relay(self) -> None:
        """Let another relay take over, which has seen nothing yet."""
        self._relay_knows = None

    def _lost_something(self) -> bool:
        known = [mark for epoch, mark in self.doubts if epoch == self.db.epoch]
        self.doubts.clear()
        if self._relay_knows is not None:
            known.append(self._relay_knows)
        return any(mark.position > self.db.floor and self.db.marks.get(mark.position) != mark.mark for mark in known)

    def _new_epoch(self) -> None:
        db = self.db
        db.epoch, db.mark, db.head, db.floor = self._name("e"), self._name("m"), 0, 0
        db.log.clear()
        db.marks.clear()
        self._relay_knows = None
        self.truth[(db.epoch, 0)] = dict(db.positioned)

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    # The operator.

    def prune(self) -> None:
        """Let retention drop the older part of the log, up to the end of a transaction."""
        ends = [position for position, change in self.db.log.items() if change.ends]
        if ends:
            self.db.floor = self.random.choice(ends)
            for position in [position for position in self.db.log if position <= self.db.floor]:
                del self.db.log[position]
                self.db.marks.pop(position, None)

    def back_up(self) -> None:
        """Take a copy."""
        self.copies.append(deepcopy(self.db))

    def restore(self, *, same_epoch: bool) -> bool:
        """Replace the database by an older copy of itself, if there is one; open transactions end."""
        copies = [copy for copy in self.copies if not same_epoch or copy.epoch == self.db.epoch]
        if copies:
            self.open.clear()
            self.db = deepcopy(self.random.choice(copies))
        return bool(copies)

    # What the hub asks (`LogReader`).

    def heads(self) -> Head:
        """Return the stream's row."""
        return Head(STREAM, self.db.epoch, self.db.head, self.db.floor, self.db.mark)

    def read(self, epoch: str, after: int, upto: int, known: Mark, limit: int) -> LogRange:
        """Return a range of whole transactions, as the log reader does."""
        self._check(epoch, after, known)
        if upto > self.db.head:
            raise EpochChanged("not there")
        reached = after
        while reached < upto and (reached - after < limit or not self.db.log[reached].ends):
            reached += 1
        changes = tuple(self.db.log[position] for position in range(after + 1, reached + 1))
        marks = [Mark(change.position, self.db.marks[change.position]) for change in changes
                 if change.position in self.db.marks]  # fmt: skip
        return LogRange(STREAM, epoch, after, reached, marks[-1] if marks else None, changes)

    def verify(self, epoch: str, known: Mark) -> bool:
        """Tell whether the log has the mark."""
        try:
            self._check(epoch, known.position, known)
        except (EpochChanged, FloorPassed):
            return False
        return True

    def snapshot(self, selection: Selection) -> Snapshot:
        """Return the selected committed rows, with what of them has no position."""
        rows = tuple(
            (key, row) for key, row in self.db.rows.items()
            if key.kind in selection.part_of and selection.part_of[key.kind].matches(row)
        )  # fmt: skip
        return Snapshot(self.heads(), frozenset(change.inbox_id for _, change in self.db.inbox), rows)

    def _check(self, epoch: str, after: int, known: Mark) -> None:
        if epoch != self.db.epoch:
            raise EpochChanged("another epoch")
        if after < self.db.floor or 0 < known.position <= self.db.floor:
            raise FloorPassed("pruned")
        if known.position > 0 and self.db.marks.get(known.position) != known.mark:
            raise EpochChanged("another mark")


def apply(rows: Rows, change: Change) -> None:
    """Apply a change to rows."""
    if change.reset:
        for key in [key for key in rows if key.kind == change.kind]:
            del rows[key]
    elif change.new is None:
        rows.pop(RowKey(change.kind, change.key), None)
    else:
        rows[RowKey(change.kind, change.key)] = change.new
