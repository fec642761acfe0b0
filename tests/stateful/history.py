"""What was committed, what the log says of it, and what must hold between the two.

I1  every committed change is in the log exactly once, nothing else is
I2  positions are 1..n, each is one change, and head, floor and marks say so
I3  the log has transactions that wrote one row in the order of their commits; versions of a row never fall
I4  a transaction's changes are contiguous and its last one `ends`; after it, its rows in the log are the table's
I5  a snapshot is the tables at its cut; with what came later, but for its pending ids, it stays the tables
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from realtime.pure.changes import Batch, RowKey, Snapshot
from tests.simulation.violations import Violation
from tests.stateful.tables import STREAM, Image, Rows, decode
from tests.stateful.writers import Deeds


class Logged(NamedTuple):
    """A row of the log."""

    position: int
    inbox_id: int
    kind: str
    key: str
    reset: bool
    ends: bool
    new: str | None
    mark: str | None

    @property
    def row(self) -> RowKey:
        """The row that changed; its key is empty for a reset."""
        return RowKey(self.kind, self.key)


class Stated(NamedTuple):
    """The stream's row, and what else is there."""

    epoch: str
    head: int
    floor: int
    mark: str
    lowest: int | None
    changes: int


@dataclass(frozen=True)
class Commit:
    """A transaction that was committed: what it did, its ids in the inbox, and what it left of what it touched."""

    number: int
    deeds: Deeds
    ids: frozenset[int]
    left: Rows


@dataclass(frozen=True)
class Cut:
    """The tables, and which changes they hold, at the moment when a snapshot was taken."""

    table: Rows
    ids: frozenset[int]


class History:
    """The model."""

    def __init__(self) -> None:
        self.epoch = ""
        self.floor = 0
        self.table: Rows = {}
        self.ids: set[int] = set()
        """Inbox ids of all that was committed."""
        self.archive: list[Logged] = []
        self.states: dict[int, Rows] = {0: {}}
        """What the log says the tables hold, after each transaction, by its last position."""
        self._commits = 0
        self._due: dict[int, Commit] = {}
        """Commits that are not in the log, by each of their inbox ids."""
        self._last: dict[RowKey, int] = {}
        self._versions: dict[str, int] = {}
        self._snapshots: list[tuple[Snapshot, Rows]] = []

    @property
    def head(self) -> int:
        """The highest position seen."""
        return len(self.archive)

    @property
    def all_relayed(self) -> bool:
        """Whether all that was committed is in the log."""
        return not self._due

    @property
    def mark(self) -> str:
        """The mark beside it."""
        return self.mark_at(self.head)

    def mark_at(self, position: int) -> str:
        """Return the mark beside a position."""
        return self.archive[position - 1].mark or "" if position else ""

    def commit(self, deeds: Deeds, ids: frozenset[int], rows: Rows) -> None:
        """Take note of a transaction that was committed; `rows` are the tables after it."""
        self._commits += 1
        left = {key: row for key, row in rows.items() if key in deeds.touched or key.kind in deeds.emptied}
        commit = Commit(self._commits, deeds, ids, left)
        require(len(ids) == deeds.due.total(), "I1", f"{deeds.due} was done, {len(ids)} rows are in the inbox")
        self.table = after(self.table, deeds, left)
        self.ids |= ids
        self._due |= dict.fromkeys(ids, commit)

    def cut(self) -> Cut:
        """Return what a snapshot that is taken now must show."""
        return Cut(dict(self.table), frozenset(self.ids))

    def log(self, stated: Stated, rows: Sequence[Logged], inbox: Iterable[int]) -> None:
        """Hold the log as it is now, of which `rows` are new, against what was committed."""
        self.epoch = self.epoch or stated.epoch
        require(stated.epoch == self.epoch, "I2", "there is a new epoch, and nothing was lost")
        positions = [row.position for row in rows]
        due = list(range(self.head + 1, stated.head + 1))
        require(positions == due, "I2", f"the head is {stated.head}, after {self.head} there are {positions}")
        kept = stated.head - stated.floor
        lowest = stated.floor + 1 if kept else None
        found = (stated.lowest, stated.changes)
        require(found == (lowest, kept), "I2", f"above the floor {stated.floor} the log begins and has {found}")
        for run in runs(rows):
            self._take(run)
        require(self.mark == stated.mark, "I2", f"the stream has the mark {stated.mark}, the head {self.mark}")
        self.floor = stated.floor
        waiting = set(inbox)
        require(waiting == self._due.keys(), "I1", f"{_ids(self._due)} have no position, {_ids(waiting)} wait")

    def published(self, batch: Batch) -> None:
        """Hold a batch against the log."""
        said = f"the batch ({batch.after}, {batch.head}]"
        require(batch.head <= self.head, "I2", f"{said} is beyond the head {self.head}")
        marks = (batch.since, batch.mark)
        require(marks == (self.mark_at(batch.after), self.mark_at(batch.head)), "I2", f"{said} has other marks")
        found = [(c.position, c.inbox_id, c.kind, c.key, c.ends) for c in batch.changes or ()]
        due = [(r.position, r.inbox_id, r.kind, r.key, r.ends) for r in self.archive[batch.after : batch.head]]
        require(batch.changes is None or found == due, "I2", f"{said} has {found}, the log {due}")

    def snapshot(self, snapshot: Snapshot, cut: Cut) -> None:
        """Hold a snapshot against the tables at its cut."""
        rows = {key: Image(**row) for key, row in snapshot.rows}
        differ = {key for key in rows.keys() | cut.table.keys() if rows.get(key) != cut.table.get(key)}
        require(
            not differ, "I5", f"a snapshot of {len(rows)} rows differs from the tables at its cut in {_keys(differ)}"
        )
        position = snapshot.head.position
        held = {row.inbox_id for row in self.archive[:position]} | snapshot.pending
        require(held == cut.ids, "I5", f"its head {position} and pending ids are not what was committed")
        self._snapshots.append((snapshot, rows))

    def finish(self, rows: Rows) -> None:
        """Hold the log, to which nothing more is to come, and all snapshots against the tables."""
        require(not self._due, "I1", f"no relay takes {_ids(self._due)}")
        require(rows == self.table, "model", "the tables are not what was committed")
        require(self.states[self.head] == rows, "I4", "the log leads to other rows than the tables have")
        for snapshot, read in self._snapshots:
            self._stays(snapshot, read)

    def _take(self, run: Sequence[Logged]) -> None:
        """Take the next transaction of the log."""
        where = f"the transaction ({run[0].position - 1}, {run[-1].position}]"
        require(run[-1].ends, "I4", f"{where} does not end")
        ids = [row.inbox_id for row in run]
        commit = self._due.get(ids[0])
        require(commit is not None, "I1", f"{where} was not committed, or is there twice")
        assert commit is not None
        require(set(ids) == commit.ids, "I4", f"{where} has {_ids(ids)}, committed were {_ids(commit.ids)} together")
        require(len(ids) == len(commit.ids), "I1", f"{where} has a change twice")
        found = Counter(row.row for row in run)
        require(found == commit.deeds.due, "I1", f"{where} has {found}, done was {commit.deeds.due}")
        self._in_order(where, run, commit)
        self.archive += run
        for each in ids:
            del self._due[each]
        state = replay(self.states[run[0].position - 1], run)
        emptied = {key for key in state.keys() | commit.left.keys() if key.kind in commit.deeds.emptied}
        for key in commit.deeds.touched | emptied:
            told = f"{state.get(key)}, the table {commit.left.get(key)}"
            require(state.get(key) == commit.left.get(key), "I4", f"after {where}, {_keys([key])} is {told}")
        self.states[run[-1].position] = state

    def _in_order(self, where: str, run: Sequence[Logged], commit: Commit) -> None:
        for row in run:
            met = [number for key, number in self._last.items() if key.kind == row.kind and _meet(key.key, row.key)]
            later = max(met, default=0)
            require(later <= commit.number, "I3", f"{where} is commit {commit.number}, commit {later} came before")
            if (image := decode(row.new)) is not None:
                known = self._versions.get(image.born, 0)
                fell = f"position {row.position} has version {image.version} of a row, {known} came before"
                require(known <= image.version, "I3", fell)
                self._versions[image.born] = image.version
        self._last |= dict.fromkeys((row.row for row in run), commit.number)

    def _stays(self, snapshot: Snapshot, read: Rows) -> None:
        """A snapshot and what came after its cut, but for what it holds already, is what the log leads to."""
        later = [row for row in self.archive[snapshot.head.position :] if row.inbox_id not in snapshot.pending]
        passed = [row.position for row in self.archive if row.inbox_id in snapshot.pending]
        for position in (each for each in self.states if each >= max([snapshot.head.position, *passed])):
            state = replay(read, [row for row in later if row.position <= position])
            require(state == self.states[position], "I5", f"a snapshot and what came later differ at {position}")


def require(holds: bool, sign: str, text: str) -> None:  # noqa: FBT001 - what must hold
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(sign, text)


def runs(rows: Iterable[Logged]) -> list[list[Logged]]:
    """Return the transactions, the last of them perhaps without its end."""
    found: list[list[Logged]] = []
    for row in rows:
        if not found or found[-1][-1].ends:
            found.append([])
        found[-1].append(row)
    return found


def replay(rows: Rows, changes: Iterable[Logged]) -> Rows:
    """Return the rows after the changes; a reset empties its kind, as a TRUNCATE does."""
    replayed = dict(rows)
    for change in changes:
        if change.reset:
            replayed = {key: row for key, row in replayed.items() if key.kind != change.kind}
        elif (image := decode(change.new)) is None:
            replayed.pop(change.row, None)
        else:
            replayed[change.row] = image
    return replayed


def after(rows: Rows, deeds: Deeds, left: Rows) -> Rows:
    """Return the rows after a transaction that left these of what it touched."""
    kept = {key: row for key, row in rows.items() if key not in deeds.touched and key.kind not in deeds.emptied}
    return kept | left


def _meet(one: str, other: str) -> bool:
    """Tell whether two changes of a kind are of the same row; a reset is of all."""
    return one == other or "" in (one, other)


def _ids(ids: Iterable[int]) -> str:
    return f"the inbox ids {sorted(ids)}"


def _keys(keys: Iterable[RowKey]) -> str:
    return ", ".join(sorted(f"{key.kind} {key.key}" for key in keys))


LOG = f"""
SELECT position, inbox_id, kind, key, reset, ends, new, mark FROM realtime_log
WHERE stream = '{STREAM}' AND position > %s ORDER BY position
"""

STATED = f"""
SELECT epoch, head, floor, mark,
    (SELECT min(position) FROM realtime_log WHERE stream = name),
    (SELECT count(*) FROM realtime_log WHERE stream = name),
    ARRAY(SELECT id FROM realtime_inbox WHERE stream = name)
FROM realtime_stream WHERE name = '{STREAM}'
"""
