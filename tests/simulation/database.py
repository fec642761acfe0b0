"""A model of the database: writers with open transactions, the inbox, the log as hubs read it, and the truth.

The truth is kept apart from what hubs do: it is the positioned changes of each epoch, applied in order.
"""

from dataclasses import dataclass, field, replace

from realtime.errors import EpochChanged, FloorPassed
from realtime.pure.changes import Change, Head, LogRange, Mark, Row, RowKey, Snapshot
from realtime.pure.selection import Selection
from tests.simulation.dice import Dice
from tests.simulation.topics import KEYS, NOTE, OTHER_STREAM, STREAM, Rows, Shown, anchored, expected, make_row
from tests.simulation.violations import Violation


@dataclass(slots=True)
class Transaction:
    """An open transaction: its changes have inbox ids already, and nobody sees them."""

    xid: int
    changes: list[Change] = field(default_factory=list)
    written: dict[RowKey, Row | None] = field(default_factory=dict)


@dataclass(slots=True)
class Waiting:
    """A row of the inbox: committed, and without a position."""

    xid: int
    stream: str
    change: Change


class Truth:
    """The rows as they were at one position, and what of them each selection shows."""

    __slots__ = ("_shown", "older", "rows")

    def __init__(self, rows: Rows, older: "Truth | None" = None) -> None:
        self.rows = rows
        self.older = older
        """Before an older copy was restored something else was there, of which frames may still be under way."""
        self._shown: dict[int, Shown | None] = {}

    def shown(self, selection: Selection) -> Shown | None:
        """Return what a selection (one of `topics.selection_of`) shows; None when its anchor is missing."""
        try:
            return self._shown[id(selection)]
        except KeyError:
            found = expected(selection, self.rows) if anchored(selection, self.rows) else None
            self._shown[id(selection)] = found
            return found


@dataclass(slots=True)
class Database:
    """What a backup copies. `positioned` are the rows as the log makes them, `versions` the latest in it."""

    rows: Rows = field(default_factory=dict)
    positioned: Rows = field(default_factory=dict)
    versions: dict[RowKey, int] = field(default_factory=dict)
    inbox: list[Waiting] = field(default_factory=list)
    log: dict[int, Change] = field(default_factory=dict)
    marks: dict[int, str] = field(default_factory=dict)
    epoch: str = "e0"
    epoch_number: int = 0
    mark: str = ""
    head: int = 0
    floor: int = 0
    other_head: int = 0
    last_id: int = 0
    last_xid: int = 0

    def copy(self) -> "Database":
        """Return a copy; changes and rows are never altered, so they are shared."""
        return replace(
            self, rows=dict(self.rows), positioned=dict(self.positioned), versions=dict(self.versions),
            inbox=list(self.inbox), log=dict(self.log), marks=dict(self.marks),
        )  # fmt: skip


class Store:
    """The database with its writers; relays (`tests.simulation.relays`) give positions."""

    def __init__(self) -> None:
        self.db = Database()
        self.open: list[Transaction] = []
        self.truth: dict[tuple[str, int], Truth] = {("e0", 0): Truth({})}
        self.history: dict[tuple[str, int], list[Change]] = {}
        """Every change that ever had a position: pruning and restoring take nothing from here."""
        self.epochs = ["e0"]
        self.doubts: list[tuple[str, Mark]] = []
        self.copies: list[Database] = []
        self._names = 0

    def name(self, prefix: str) -> str:
        """Return a name that was never used."""
        self._names += 1
        return f"{prefix}{self._names}"

    # Writers.

    def begin(self) -> Transaction:
        """Begin a transaction."""
        self.db.last_xid += 1
        self.open.append(Transaction(self.db.last_xid))
        return self.open[-1]

    def write(self, mine: Transaction, key: RowKey, dice: Dice) -> bool:
        """Let a transaction write a row; False where another holds its lock, for which this one would wait."""
        if any(key in other.written for other in self.open if other is not mine):
            return False
        old = mine.written[key] if key in mine.written else self.db.rows.get(key)
        new = None if old is not None and dice.chance(25) else make_row(key.kind, key.key, self.db.last_id + 1, dice)
        self.log(mine, key, new, old)
        return True

    def append(self, mine: Transaction, kind: str, dice: Dice) -> RowKey:
        """Let a transaction insert a row with a key that was never used."""
        key = RowKey(kind, str(self.db.last_id + 1))
        self.log(mine, key, make_row(kind, key.key, self.db.last_id + 1, dice), None)
        return key

    def truncate(self, kind: str, again: int, dice: Dice) -> bool:
        """Empty a table and load some rows in one transaction; False where another transaction wrote to it."""
        if any(key.kind == kind for other in self.open for key in other.written):
            return False
        mine = self.begin()
        self.db.last_id += 1
        mine.changes.append(Change(0, self.db.last_id, kind, "", None, None, True, False))
        for number in range(again):
            self.log(mine, RowKey(kind, str(number)), make_row(kind, str(number), self.db.last_id + 1, dice), None)
        self.commit(mine)
        return True

    def log(self, mine: Transaction, key: RowKey, new: Row | None, old: Row | None) -> None:
        """Let a transaction write a row as given; the inbox id is taken now, under the row's lock."""
        self.db.last_id += 1
        mine.changes.append(Change(0, self.db.last_id, key.kind, key.key, new, old, False, False))
        mine.written[key] = new

    def commit(self, mine: Transaction) -> None:
        """Commit a transaction: its rows and its inbox rows are visible at once."""
        self.open.remove(mine)
        db = self.db
        for change in mine.changes:
            stream = OTHER_STREAM if change.kind == NOTE else STREAM
            db.inbox.append(Waiting(mine.xid, stream, change))
            if stream == STREAM:
                apply(db.rows, change)

    def roll_back(self, mine: Transaction) -> None:
        """Roll a transaction back; its ids stay unused."""
        self.open.remove(mine)

    # Positions.

    def place(self, change: Change, position: int, *, ends: bool) -> None:
        """Write a change into the log, and the truth at its position where it ends a transaction."""
        db = self.db
        placed = Change(
            position, change.inbox_id, change.kind, change.key, change.new, change.old, change.reset, ends
        )  # fmt: skip
        if position in db.log:
            raise Violation("I2", f"position {position} is given out twice")
        db.log[position] = placed
        self.history.setdefault((db.epoch, position), []).append(placed)
        apply(db.positioned, placed)
        if change.new is not None:
            key = RowKey(change.kind, change.key)
            if db.versions.get(key, 0) >= change.new["version"]:
                raise Violation("I3", f"{key} goes back to version {change.new['version']} at position {position}")
            db.versions[key] = change.new["version"]
        if ends:
            at = db.epoch, position
            self.truth[at] = Truth(dict(db.positioned), self.truth.get(at))

    def new_epoch(self) -> None:
        """Begin a new log."""
        db = self.db
        db.epoch, db.epoch_number, db.mark, db.head, db.floor = self.name("e"), db.epoch_number + 1, "", 0, 0
        db.log.clear()
        db.marks.clear()
        db.versions.clear()
        self.epochs.append(db.epoch)
        self.truth[db.epoch, 0] = Truth(dict(db.positioned))

    # The operator.

    def prune(self, dice: Dice) -> int:
        """Let retention drop the older part of the log, up to the end of a transaction; return the floor."""
        db = self.db
        if ends := [position for position, change in db.log.items() if change.ends]:
            db.floor = max(db.floor, dice.pick(ends))
            for position in [position for position in db.log if position <= db.floor]:
                del db.log[position]
                db.marks.pop(position, None)
        return db.floor

    def restore(self, copy: Database) -> None:
        """Replace the database by an older copy of itself; open transactions end."""
        self.open.clear()
        self.doubts.clear()
        self.db = copy.copy()

    # What hubs ask (`realtime.adapters.log.LogReader`).

    def heads(self) -> Head:
        """Return the stream's row."""
        return Head(STREAM, self.db.epoch, self.db.head, self.db.floor, self.db.mark)

    def read(self, epoch: str, after: int, upto: int, known: Mark, limit: int) -> LogRange:
        """Return a range of whole transactions, as the log reader does."""
        self._check(epoch, after, known)
        log, reached = self.db.log, after
        while reached < upto and (reached - after < limit or not log[reached].ends):
            reached += 1
            if reached not in log:
                raise EpochChanged("not there")
        changes = tuple(log[position] for position in range(after + 1, reached + 1))
        marks = [Mark(each.position, self.db.marks[each.position]) for each in changes
                 if each.position in self.db.marks]  # fmt: skip
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
        parts = selection.part_of
        rows = tuple(
            (key, row) for key, row in self.db.rows.items() if key.kind in parts and parts[key.kind].matches(row)
        )
        pending = frozenset(each.change.inbox_id for each in self.db.inbox if each.stream == STREAM)
        return Snapshot(self.heads(), pending, rows)

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


def random_key(dice: Dice) -> RowKey:
    """Return one of the keys that come again."""
    kind = dice.pick(tuple(KEYS))
    return RowKey(kind, str(dice.below(KEYS[kind])))
