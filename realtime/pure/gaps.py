"""Contiguity: what of a stream may be delivered next, and what must be read from the log first.

Theory of operation. `position` is how far the stream was delivered, `mark` the last mark seen at or below
it. A batch that begins there, at its mark, is next; one that ends there or below is known; one that begins beyond
is kept while the gap before it is read from the log. A batch that does not join up, mark to mark, is never
delivered: its range is read from the log. `target` is the highest position known to exist.

    UNKNOWN ── head ──▶ SURE ── log out of reach ──▶ UNSURE ── mark verified ──▶ SURE
                         └── head below, other mark ──▶ DOUBTED ── mark verified ──▶ SURE
    any ── head of another epoch, or floor passed ──▶ SURE, at that head, and all views are read anew

Only a SURE line delivers. While it is not, the wire may speak of another history than the one seen here.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from realtime.pure.changes import Batch, Change, Head, LogRange, Mark


class Trust(Enum):
    """Whether the log is known to be the one that was followed so far."""

    UNKNOWN = auto()
    SURE = auto()
    UNSURE = auto()
    DOUBTED = auto()


class Offer(Enum):
    """What was done with a batch; the value is its label in the metrics."""

    NEXT = "delivered"
    KNOWN = "known"
    GAP = "gap"
    FOREIGN = "foreign"
    CONFLICT = "conflict"
    """It begins or ends where the stream has come to, but with another mark."""


class Finding(Enum):
    """What a head says about the line."""

    SAME = auto()
    BEYOND = auto()
    """More exists; the mark is still to be verified by whoever reads it."""
    OTHER = auto()
    """Another epoch, or the floor passed what was known: start again from this head."""
    BROKEN = auto()
    """The same epoch without what was seen."""


@dataclass(frozen=True, slots=True)
class Run:
    """Changes `(after, head]` in order, whole transactions only; never empty.

    `since` is the mark that must be at `after`; None for what was read from the log, which verified it.
    """

    after: int
    since: str | None
    head: int
    mark: str | None
    changes: tuple[Change, ...]


class Line:
    """The contiguous part of one stream in this process, and what has arrived beyond it."""

    def __init__(self, kept_changes: int) -> None:
        self.epoch: str | None = None
        self.position = 0
        self.mark = Mark(0, "")
        self.floor = 0
        self.target = 0
        self.trust = Trust.UNKNOWN
        self._kept: list[Run] = []
        self._kept_changes = 0
        self._kept_limit = kept_changes

    def adopt(self, head: Head) -> None:
        """Begin at a head, in its epoch."""
        self.epoch = head.epoch
        self.position = self.target = head.position
        self.mark = Mark(head.position, head.mark)
        self.floor = head.floor
        self.trust = Trust.SURE
        self._kept.clear()
        self._kept_changes = 0

    def lose(self) -> None:
        """Deliver nothing before the log was seen to hold the mark."""
        if self.trust is Trust.SURE:
            self.trust = Trust.UNSURE

    def doubt(self) -> None:
        """Deliver nothing before the relay made a new epoch, or the log was seen to hold the mark after all."""
        self.trust = Trust.DOUBTED
        self._kept.clear()
        self._kept_changes = 0

    def confirm(self) -> None:
        """Go on: the log holds the mark."""
        self.trust = Trust.SURE

    def offer(self, batch: Batch) -> Offer:
        """Take a batch from the wire; what became deliverable comes out of `ready`."""
        if batch.epoch != self.epoch:
            return Offer.FOREIGN
        if self._contradicts(batch.head, batch.mark) or self._contradicts(batch.after, batch.since):
            return Offer.CONFLICT
        if batch.head <= self.position:
            return Offer.KNOWN
        self.target = max(self.target, batch.head)
        if batch.changes and self.trust in (Trust.SURE, Trust.UNSURE):
            run = Run(batch.after, batch.since, batch.head, batch.mark, batch.changes)
            if self._joins(run):
                self._keep(run)
                return Offer.NEXT
            if run.after > self.position:
                self._keep(run)
                self._trim()
        return Offer.GAP

    def fill(self, read: LogRange) -> None:
        """Take a range from the log."""
        if read.epoch == self.epoch and read.changes:
            mark = read.mark.mark if read.mark is not None and read.mark.position == read.upto else None
            self._keep(Run(read.after, None, read.upto, mark, read.changes))

    def ready(self) -> Iterator[Run]:
        """Yield what is next, advancing the position before each run is handed out."""
        while self.trust is Trust.SURE and self._kept and self._kept[0].after <= self.position:
            run = self._kept.pop(0)
            self._kept_changes -= len(run.changes)
            if run.head <= self.position or not self._joins(run):
                continue
            if run.after < self.position:
                fresh = tuple(change for change in run.changes if change.position > self.position)
                run = Run(self.position, None, run.head, run.mark, fresh)
            self.position = run.head
            self.target = max(self.target, run.head)
            if run.mark:
                self.mark = Mark(run.head, run.mark)
            yield run

    def limit(self, position: int) -> None:
        """Forget what the wire said to exist beyond a head that was read later: it spoke of another log."""
        self._kept.clear()
        self._kept_changes = 0
        self.target = max(position, self.position)

    def _joins(self, run: Run) -> bool:
        """Tell whether a run continues what was delivered, and not what another log has there."""
        return run.since is None or (run.after == self.position and self.mark == Mark(run.after, run.since))

    def _contradicts(self, position: int, mark: str) -> bool:
        return position == self.mark.position and mark != self.mark.mark

    def missing(self) -> tuple[int, int] | None:
        """Return the range `(after, upto]` that is known to exist and has not arrived, or None."""
        upto = self._kept[0].after if self._kept else self.target
        return (self.position, upto) if upto > self.position else None

    def judge(self, head: Head, position: int, mark: Mark) -> Finding:
        """Compare a head with the position and the mark that were known before it was asked for."""
        if head.epoch != self.epoch:
            return Finding.OTHER
        self.floor = head.floor
        if head.position < position:
            return Finding.BROKEN
        if head.position == mark.position and head.mark == mark.mark:
            return Finding.SAME
        if head.floor and self.mark.position <= head.floor:
            return Finding.OTHER  # What was known can't be looked up any more, not by a relay either.
        if head.position == mark.position:
            return Finding.BROKEN
        self.target = max(self.target, head.position)
        return Finding.BEYOND

    def _keep(self, run: Run) -> None:
        insort(self._kept, run, key=lambda kept: kept.after)
        self._kept_changes += len(run.changes)

    def _trim(self) -> None:
        """Keep the latest where it is too much: what was before it is read from the log."""
        while self._kept_changes > self._kept_limit and len(self._kept) > 1:
            self._kept_changes -= len(self._kept.pop(0).changes)
