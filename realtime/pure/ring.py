"""Recent changes of a stream, and what they touched in each view: what resumes are served from."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from realtime.pure.changes import Change, RowKey


class Ring:
    """The latest changes of a stream, contiguous up to its position; older runs fall out as new ones come."""

    def __init__(self, position: int, limit: int) -> None:
        self.start = position
        self.end = position
        self._limit = limit
        self._runs: deque[tuple[Change, ...]] = deque()

    def append(self, head: int, run: tuple[Change, ...]) -> None:
        """Add the changes `(end, head]`."""
        self._runs.append(run)
        self.end = head
        while self.end - self.start > self._limit:
            self.start = self._runs.popleft()[-1].position

    def prepend(self, after: int, upto: int, runs: Sequence[tuple[Change, ...]]) -> None:
        """Add the older changes `(after, upto]`, if they meet the ring's and there is room for them all."""
        if runs and upto == self.start and self.end - after <= self._limit:
            self._runs.extendleft(reversed(runs))
            self.start = after

    def since(self, position: int) -> Iterator[Change]:
        """Yield the changes above a position that is not below `start`."""
        wanted: list[tuple[Change, ...]] = []
        for run in reversed(self._runs):
            if run[-1].position <= position:
                break
            wanted.append(run)
        for run in reversed(wanted):
            yield from (change for change in run if change.position > position)


class Trail:
    """The keys that the stream's changes touched in one view, back to `start`.

    A touched row need not look different now: a batch may hold a change and its undoing, and the client's
    cursor may lie between the two.
    """

    def __init__(self, limit: int) -> None:
        self.start = 0
        self.sealed = False
        """Nothing older can be had: the view was reset at `start`, or its anchor was away."""
        self._limit = limit
        self._positions: list[int] = []
        self._keys: list[RowKey] = []

    def restart(self, position: int) -> None:
        """Forget everything: the view was read anew, exact at the position."""
        self.start = position
        self.sealed = False
        self._positions.clear()
        self._keys.clear()

    def add(self, position: int, key: RowKey) -> None:
        """Add what a change touched. Of each change: where a batch ends is not the same in all processes."""
        self._positions.append(position)
        self._keys.append(key)

    def shorten(self) -> None:
        """Drop the older part where it has become too long."""
        if len(self._keys) > 2 * self._limit:
            self._shorten(len(self._keys) - self._limit)

    def prepend(self, start: int, touched: Iterable[tuple[int, RowKey]]) -> None:
        """Reach further back, to `start`; `touched` are the touched keys in `(start, self.start]`, ascending."""
        older = list(touched)
        self._positions[:0] = [position for position, _ in older]
        self._keys[:0] = [key for _, key in older]
        self.start = start

    def since(self, position: int) -> tuple[RowKey, ...]:
        """Return each key touched above a position that is not below `start`, once."""
        first = bisect_right(self._positions, position)
        return tuple(dict.fromkeys(islice(self._keys, first, None)))

    def _shorten(self, count: int) -> None:
        self.start = self._positions[count - 1]
        count = bisect_right(self._positions, self.start)
        del self._positions[:count]
        del self._keys[:count]
