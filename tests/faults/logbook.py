"""The log as it was, kept over prunes and restores. Pure.

A chapter is what one epoch's log held. When the database goes back to an older copy the log goes back too: what comes
then is another chapter, which begins where it differs from the one before it, in the same epoch or in a new one. The
chapters that the last one rests on are the lineage: what is in no part of it was lost with the restore.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from tests.faults.images import Image, RowId

Rows = dict[RowId, Image]


class Logged(NamedTuple):
    """One position of the log; `mark` is a hash of all that stood there."""

    position: int
    kind: str
    key: str
    reset: bool
    ends: bool
    new: Image | None
    old: Image | None
    mark: int

    def apply(self, rows: Rows) -> None:
        """Bring the rows to this position."""
        if self.reset:
            for row in [row for row in rows if row[0] == self.kind]:
                del rows[row]
        elif self.new is None:
            rows.pop((self.kind, self.key), None)
        else:
            rows[self.kind, self.key] = self.new


@dataclass
class Chapter:
    """The changes of one epoch above `start`, where the rows were those of `base` at a position: without it, `rows`."""

    number: int
    epoch: str
    epoch_number: int
    start: int
    base: "tuple[Chapter, int] | None" = None
    rows: Rows = field(default_factory=dict, repr=False)
    changes: list[Logged] = field(default_factory=list, repr=False)

    @property
    def head(self) -> int:
        """The last position."""
        return self.changes[-1].position if self.changes else self.start

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"epoch {self.epoch[:8]} (chapter {self.number})"

    def at(self, position: int) -> Logged | None:
        """Return what stands at a position, if it is in this chapter."""
        index = position - self.start - 1
        return self.changes[index] if 0 <= index < len(self.changes) else None

    def upto(self, position: int) -> list[Logged]:
        """Return the changes up to a position."""
        return self.changes[: max(0, position - self.start)]

    @cached_property
    def start_rows(self) -> Rows:
        """The rows at `start`."""
        return dict(self.rows) if self.base is None else self.base[0].rows_at(self.base[1])

    def rows_at(self, position: int) -> Rows:
        """Return the rows at a position, which may be one of the base's."""
        if position < self.start and self.base is not None:
            return self.base[0].rows_at(position)
        rows = dict(self.start_rows)
        for change in self.upto(position):
            change.apply(rows)
        return rows


@dataclass
class Logbook:
    """All chapters, the last one being the present log, and how the floor rose: (time, epoch, floor)."""

    chapters: list[Chapter] = field(default_factory=list)
    floors: list[tuple[float, str, int]] = field(default_factory=list)

    def lineage(self) -> list[tuple[Chapter, int]]:
        """Return the chapters that the present rests on, the first one first, each with the last position of it."""
        found: list[tuple[Chapter, int]] = []
        if self.chapters:
            chapter, upto = self.chapters[-1], self.chapters[-1].head
            found.append((chapter, upto))
            while chapter.base is not None:
                chapter, upto = chapter.base
                found.append((chapter, upto))
        return found[::-1]

    def lost(self) -> Iterator[tuple[Chapter, list[Logged]]]:
        """Go over what is in no part of the lineage."""
        kept = {chapter.number: upto for chapter, upto in self.lineage()}
        for chapter in self.chapters:
            upto = kept.get(chapter.number, chapter.start)
            yield chapter, chapter.changes[max(0, upto - chapter.start) :]

    def floor(self, epoch: str, at: float) -> int:
        """Return the floor of an epoch as it was seen up to a time."""
        return max((floor for when, of, floor in self.floors if of == epoch and when <= at), default=0)

    def settle(self) -> None:
        """Keep the present rows alone: what led to them has been checked."""
        if not self.chapters:
            return
        last = self.chapters[-1]
        rows = last.rows_at(last.head)
        self.chapters = [Chapter(last.number, last.epoch, last.epoch_number, last.head, rows=rows)]
        self.floors = self.floors[-1:]
