"""Bugs of the order of changes, the head, the epoch and the snapshot's cut."""

from typing import Any

import pytest

from realtime.pure.changes import Change, Snapshot
from realtime.pure.gaps import Line
from realtime.pure.order import Pending, Place, order
from realtime.pure.selection import Selection
from tests.simulation import relays
from tests.simulation.database import Database, Store, Waiting
from tests.simulation.dice import Dice
from tests.simulation.processes import Process
from tests.simulation.relays import Relay
from tests.simulation.topics import STREAM


def orders_by_xid(patch: pytest.MonkeyPatch) -> None:
    """Order transactions by the ids that they got when they began."""

    def mutant(pending: list[Pending], heads: dict[str, int]) -> list[Place]:
        # An id that grows with the transaction's makes the last id of each grow with it too.
        placed = order([row._replace(id=row.xid * 1_000_000 + row.id) for row in pending], heads)
        return [place._replace(id=place.id % 1_000_000) for place in placed]

    patch.setattr(relays, "order", mutant)


def orders_by_the_first_id(patch: pytest.MonkeyPatch) -> None:
    """Order transactions by the first id of each."""

    def mutant(pending: list[Pending], heads: dict[str, int]) -> list[Place]:
        first = {row.xid: min(each.id for each in pending if each.xid == row.xid) for row in pending}
        placed = order([row._replace(id=first[row.xid] * 1_000_000 + row.id) for row in pending], heads)
        return [place._replace(id=place.id % 1_000_000) for place in placed]

    patch.setattr(relays, "order", mutant)


def splits_transactions(patch: pytest.MonkeyPatch) -> None:
    """Order rows by their ids alone."""

    def mutant(pending: list[Pending], heads: dict[str, int]) -> list[Place]:
        return order([row._replace(xid=row.id) for row in pending], heads)

    patch.setattr(relays, "order", mutant)


def id_cursor(patch: pytest.MonkeyPatch) -> None:
    """Take the rows whose ids are above the last one that was seen."""
    visible = Relay.visible

    def mutant(self: Relay, dice: Dice) -> list[Waiting]:
        seen = max((each.inbox_id for each in self._store.db.log.values()), default=0)
        return [each for each in visible(self, dice) if each.change.inbox_id > seen]

    patch.setattr(Relay, "visible", mutant)


def head_before_assignment(patch: pytest.MonkeyPatch) -> None:
    """Raise the head in one transaction, and write the log in the next."""
    work, assign = Relay.work, Relay.assign
    promised: list[tuple[Database, str, int]] = []

    def early(self: Relay, dice: Dice) -> int:
        db = self._store.db
        count = sum(each.stream == STREAM for each in db.inbox)
        if count and self.connected and not self._store.doubts and not any(one is db for one, _, _ in promised):
            promised[:] = [(db, db.epoch, count)]
            db.head += count
            db.mark = db.marks[db.head] = self._store.name("m")
            return 0
        return work(self, dice)

    def late(self: Relay, dice: Dice) -> list[Change]:
        db = self._store.db
        db.head -= sum(count for one, epoch, count in promised if one is db and epoch == db.epoch)
        promised.clear()
        return assign(self, dice)

    patch.setattr(Relay, "work", early)
    patch.setattr(Relay, "assign", late)


def no_epoch(patch: pytest.MonkeyPatch) -> None:
    """Go on in the same epoch, whatever the log lost."""
    patch.setattr(relays, "lost", lambda store, known: False)


def mark_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Compare positions alone: two logs with the same head are the same."""
    check = Store._check
    patch.setattr(Line, "_joins", lambda self, run: run.since is None or run.after == self.position)
    patch.setattr(Line, "_contradicts", lambda self, position, mark: False)
    judge = Line.judge

    def blind(self: Line, head: Any, position: int, mark: Any) -> Any:
        if head.epoch == self.epoch and head.position == mark.position:
            head = type(head)(head.stream, head.epoch, head.position, head.floor, mark.mark)
        return judge(self, head, position, mark)

    def unmarked(self: Store, epoch: str, after: int, known: Any) -> None:
        mark = self.db.marks.get(known.position, known.mark)
        check(self, epoch, after, type(known)(known.position, mark))

    patch.setattr(Line, "judge", blind)
    patch.setattr(Store, "_check", unmarked)


def position_after_snapshot(patch: pytest.MonkeyPatch) -> None:
    """Read the rows, and the head in another transaction that began later."""
    answer, read = Process._snapshot, Store.snapshot

    def joined(store: Store, selection: Selection, early: Snapshot) -> Snapshot:
        late = read(store, selection)
        return Snapshot(late.head, late.pending, early.rows)

    def mutant(self: Process, asked: Any) -> Any:
        early = self._world.store.snapshot(asked.view.selection)

        def later() -> None:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(Store, "snapshot", lambda store, selection: joined(store, selection, early))
                answer(self, asked)()

        return later

    patch.setattr(Process, "_snapshot", mutant)


def forgets_the_inbox(patch: pytest.MonkeyPatch) -> None:
    """Read a snapshot without the ids of what it holds beyond the head."""
    read = Store.snapshot

    def mutant(self: Store, selection: Selection) -> Snapshot:
        found = read(self, selection)
        return Snapshot(found.head, frozenset(), found.rows)

    patch.setattr(Store, "snapshot", mutant)


BUGS = [
    orders_by_xid,
    orders_by_the_first_id,
    splits_transactions,
    id_cursor,
    head_before_assignment,
    no_epoch,
    mark_not_checked,
    position_after_snapshot,
    forgets_the_inbox,
]
