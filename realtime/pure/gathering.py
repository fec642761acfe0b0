"""Which views' rows are read together, in one transaction, and which alone.

Views of the same tables that wait together are read together: what a transaction costs besides the rows is paid
once for all of them, and they wait for the same locks. What keeps others is read alone: a view of a whole table,
one that turned out to be large, one whose statement failed. One of the readers is always left to the small ones.
"""

from collections import deque
from dataclasses import dataclass

from realtime.pure.effects import ReadSnapshot
from realtime.pure.selection import Selection

TOGETHER = 25
"""So many views are read in one transaction: asking for them and taking their rows holds the loop for 3 to 5 ms."""

APART_MAX = 10_000
"""So many selections are known to be read alone; then all are forgotten."""

Tables = tuple[str, frozenset[str]]
"""A stream, and the kinds that are selected from."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Questions for one transaction. `small`: only for rows that are few and soon read, for others are kept."""

    asked: list[ReadSnapshot]
    small: bool


class Gathering:
    """The questions for snapshots that wait for a reader, of which there are so many."""

    def __init__(self, readers: int) -> None:
        self._together: dict[Tables, deque[ReadSnapshot]] = {}
        self._alone: deque[ReadSnapshot] = deque()
        self._apart: set[Selection] = set()
        self._unbounded = 0
        self._unbounded_max = readers - 1

    @property
    def waiting(self) -> bool:
        """Tell whether a reader would have something to do."""
        return bool(self._together or (self._alone and self._unbounded < self._unbounded_max))

    def add(self, asked: ReadSnapshot) -> None:
        """Take a question."""
        selection = asked.view.selection
        if selection in self._apart or any(() in part.alternatives for part in selection.parts):
            self._alone.append(asked)
        else:
            self._together.setdefault((selection.stream, frozenset(selection.part_of)), deque()).append(asked)

    def add_alone(self, asked: ReadSnapshot) -> None:
        """Take a question again that could not be answered together with others."""
        self._alone.append(asked)

    def keep_apart(self, selection: Selection) -> None:
        """Have a selection read alone from now on: it is large, or failed though it was alone."""
        if len(self._apart) >= APART_MAX:
            self._apart.clear()
        self._apart.add(selection)

    def take(self) -> Gathered | None:
        """Return what a free reader is to read next, until it says `done`; None when there is nothing for it."""
        free = self._unbounded < self._unbounded_max
        if self._alone and free:
            self._unbounded += 1
            return Gathered([self._alone.popleft()], small=False)
        if not self._together:
            return None
        tables = next(iter(self._together))
        waiting = self._together.pop(tables)
        asked = [waiting.popleft() for _ in range(min(TOGETHER, len(waiting)))]
        if waiting:
            self._together[tables] = waiting  # behind those of other tables
        if len(asked) == 1 and free:
            self._unbounded += 1
            return Gathered(asked, small=False)
        return Gathered(asked, small=True)

    def done(self, gathered: Gathered) -> None:
        """Take that a reader is free again."""
        if not gathered.small:
            self._unbounded -= 1
