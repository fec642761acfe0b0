"""Which of several processes takes the next connections: whoever has fewer. Sockets stay for hours.

Each notes its open connections in memory that all share, which costs no message; whoever is ahead holds back.
"""

import mmap
from collections.abc import Iterable

AT_ONCE = 8
"""Connections that a process takes before it looks for other work, and so how far apart processes may be."""

ABSENT = -1
"""Load of a process that takes no connections."""


def allowance(mine: int, others: Iterable[int]) -> int:
    """Return how many connections a process may take now, by its open ones and those of each other that serves.

    It stays at most `AT_ONCE` ahead of whichever has the fewest; 0: leave them to the others.
    """
    fewest = min(others, default=None)
    return AT_ONCE if fewest is None else max(0, min(AT_ONCE, fewest + AT_ONCE - mine))


class Loads:
    """The open connections of processes 1 to `count`; made before they are forked. None serves yet."""

    def __init__(self, count: int) -> None:
        self._loads = memoryview(mmap.mmap(-1, 8 * count)).cast("q")
        for number in range(1, count + 1):
            self.leave(number)

    def join(self, number: int) -> None:
        """Count a process from now on, with no connections."""
        self._loads[number - 1] = 0

    def leave(self, number: int) -> None:
        """Count a process no more: it ends, or has ended."""
        self._loads[number - 1] = ABSENT

    def add(self, number: int, change: int) -> None:
        """Note connections that began or ended; for the process itself."""
        if self._loads[number - 1] != ABSENT:
            self._loads[number - 1] += change

    def of(self, number: int) -> int | None:
        """Return how many connections a process has, None when it does not serve."""
        load = self._loads[number - 1]
        return None if load == ABSENT else load

    def allowance(self, number: int) -> int:
        """Return how many connections a process may take now."""
        loads = self._loads.tolist()
        mine = loads.pop(number - 1)
        return allowance(mine, [load for load in loads if load != ABSENT])
