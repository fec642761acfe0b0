"""Rows that are written at a rate, each row's topic its key: `tick/<key>`.

A topic's numbers are contiguous, and each carries the time just before its UPDATE was sent: what the load client
then says of delays includes the statement, its trigger and its commit.
"""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.fanout.load import stamp
from bench.stage import Stage

FIRST_ID = 1_000_000
"""Rows of this bench begin here."""

UPDATE = "UPDATE fanout_tick SET n = %s, t = %s WHERE id = %s"


class Commit(NamedTuple):
    """A number of its topic: when its UPDATE was sent, and when its commit was acknowledged (nanoseconds)."""

    number: int
    sent: int
    acknowledged: int


class Ticks:
    """So many rows in each of some topics; `text_bytes` makes a row large."""

    def __init__(self, stage: Stage, keys: Sequence[int], *, rows: int = 1, text_bytes: int = 60) -> None:
        self._stage = stage
        self._keys = list(keys)
        self._rows = rows
        self.written = 0
        with stage.connect() as connection:
            connection.execute("DELETE FROM fanout_tick WHERE key = ANY(%s)", [self._keys])
            connection.cursor().executemany(
                "INSERT INTO fanout_tick (id, key, n, t, text) VALUES (%s, %s, 0, 0, repeat('x', %s))",
                [(self._id(key, row), key, text_bytes) for key in self._keys for row in range(rows)],
            )

    @property
    def number(self) -> int:
        """The number that each topic has reached at least."""
        return self.written // len(self._keys)

    def write(self, rate: float, seconds: float, lanes: int = 1) -> list[Commit]:
        """Write so many changes a second, the topics in turn, by so many connections; return when, in any order."""
        count, start, begin = round(rate * seconds), self.written, time.monotonic() + 0.05
        commits: list[Commit] = []

        def lane(index: int) -> None:
            with self._stage.connect() as connection:
                for each in range(index, count, lanes):
                    time.sleep(max(0.0, begin + each / rate - time.monotonic()))
                    round_, key = divmod(start + each, len(self._keys))
                    sent = stamp()
                    connection.execute(UPDATE, (round_ + 1, sent, self._id(self._keys[key], round_ % self._rows)))
                    commits.append(Commit(round_ + 1, sent, stamp()))

        threads = [threading.Thread(target=lane, args=[index], name=f"lane {index}") for index in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.written += count
        return commits

    def _id(self, key: int, row: int) -> int:
        return FIRST_ID + key * 1_000 + row
