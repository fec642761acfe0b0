"""Relays: each gives positions to what is committed and publishes them later, or never, or after another has."""

from collections import Counter, deque
from dataclasses import dataclass

from realtime.pure.changes import Batch, Change, Mark
from realtime.pure.order import Pending, order
from tests.simulation.database import Store, Waiting
from tests.simulation.dice import Dice
from tests.simulation.topics import OTHER_STREAM, STREAM
from tests.simulation.violations import Violation

PUBLISHER_QUEUE = 4


@dataclass(frozen=True, slots=True)
class Known:
    """The last that a relay or a hub saw of the log. A hub does not know the epoch's number."""

    epoch: str
    mark: Mark
    epoch_number: int | None


class Relay:
    """One relay: what it knows of the log, and the batches that it has assigned and not published."""

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.connected = False
        self.frozen = False
        self.known: Known | None = None
        self.outbox: deque[Batch] = deque()
        self._store = store

    def killed(self) -> None:
        """Die, and be started again, knowing nothing."""
        self.connected = self.frozen = False
        self.known = None
        self.outbox.clear()

    @property
    def vouches(self) -> bool:
        """Tell whether it would notice if anything were lost of the log as it is now."""
        db = self._store.db
        return self.known is not None and (self.known.epoch, self.known.mark) == (db.epoch, Mark(db.head, db.mark))

    def verify(self) -> None:
        """Compare the log with what is known of it, here and by hubs that doubt; make a new epoch if it lost any."""
        store = self._store
        self.connected = True
        known = [Known(epoch, mark, None) for epoch, mark in store.doubts]
        store.doubts.clear()
        if self.known is not None:
            known.append(self.known)
        if any(lost(store, each) for each in known):
            store.new_epoch()
        self._remember()

    def work(self, dice: Dice) -> int:
        """Assign positions to what is visible and queue the batch; or at times a heartbeat, when there is nothing."""
        db = self._store.db
        if not self.connected or self._store.doubts:
            self.verify()
        before, since = db.head, db.mark
        changes = self.assign(dice)
        if changes:
            self._remember()
        elif not dice.below(3):
            return 0
        too_large = bool(changes) and dice.chance(10)
        self._offer(Batch(STREAM, db.epoch, before, since, db.head, db.mark, None if too_large else tuple(changes)))
        return len(changes)

    def assign(self, dice: Dice) -> list[Change]:
        """Move what is visible (at times below a cut only) from the inbox to the log, in the product's order."""
        store, db = self._store, self._store.db
        taken = {each.change.inbox_id: each for each in self.visible(dice)}
        pending = [Pending(number, each.xid, each.stream) for number, each in taken.items()]
        db.inbox = [each for each in db.inbox if each.change.inbox_id not in taken]
        left = Counter(each.xid for each in taken.values() if each.stream == STREAM)
        before: int | None = None
        placed: list[Change] = []
        for place in order(pending, {STREAM: db.head, OTHER_STREAM: db.other_head}):
            if place.stream == OTHER_STREAM:
                db.other_head = place.position
                continue
            xid = taken[place.id].xid
            left[xid] -= 1
            if place.ends is (left[xid] > 0) or (before is not None and before != xid and left[before] > 0):
                raise Violation("I4", f"transaction {xid} is not in one piece at position {place.position}")
            before = xid
            store.place(taken[place.id].change, place.position, ends=place.ends)
            db.head = place.position
            placed.append(db.log[place.position])
        if placed:
            db.mark = db.marks[db.head] = store.name("m")
        return placed

    def visible(self, dice: Dice) -> list[Waiting]:
        """Return the inbox rows to be placed: all, or whole transactions below a cut."""
        inbox = self._store.db.inbox
        if len(inbox) < 2 or not dice.chance(20):
            return inbox
        cut = dice.pick(inbox).change.inbox_id
        beyond = {each.xid for each in inbox if each.change.inbox_id >= cut}
        return [each for each in inbox if each.xid not in beyond]

    def _remember(self) -> None:
        db = self._store.db
        self.known = Known(db.epoch, Mark(db.head, db.mark), db.epoch_number)

    def _offer(self, batch: Batch) -> None:
        if len(self.outbox) >= PUBLISHER_QUEUE:
            self.outbox.popleft()
        self.outbox.append(batch)


def lost(store: Store, known: Known) -> bool:
    """Tell whether the log is not the known one any more (`realtime.adapters.epochs`)."""
    db = store.db
    if db.epoch != known.epoch:
        return known.epoch_number is not None and db.epoch_number <= known.epoch_number
    position = known.mark.position
    if position > db.head:
        return True
    if position <= db.floor:
        return False
    return db.marks.get(position) != known.mark.mark
