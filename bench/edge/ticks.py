"""Rows that are written at a rate, each row's topic its key: `tick/<key>`.

A topic's numbers are contiguous, and each carries the time just before its UPDATE was sent: what the load client
then says of delays includes the statement, its trigger and its commit.
"""

import threading
import time
from collections.abc import Sequence

from bench.fanout.load import stamp
from bench.stage import Stage

LANES = 4
"""So many connections write side by side where one would wait for the disk too long."""

FIRST_ID = 1_000_000
"""Rows of this bench begin here."""

UPDATE = "UPDATE fanout_tick SET n = %s, t = %s WHERE id = %s"


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

    def write(self, rate: float, seconds: float, lanes: int = 1) -> list[float]:
        """Write so many changes a second, the topics in turn; return how long each commit took, in seconds."""
        count, start, begin = round(rate * seconds), self.written, time.monotonic() + 0.05
        took: list[float] = []

        def lane(index: int) -> None:
            with self._stage.connect() as connection:
                for each in range(index, count, lanes):
                    time.sleep(max(0.0, begin + each / rate - time.monotonic()))
                    round_, key = divmod(start + each, len(self._keys))
                    sent = stamp()
                    connection.execute(UPDATE, (round_ + 1, sent, self._id(self._keys[key], round_ % self._rows)))
                    took.append((stamp() - sent) / 1e9)

        threads = [threading.Thread(target=lane, args=[index], name=f"lane {index}") for index in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.written += count
        return took

    def _id(self, key: int, row: int) -> int:
        return FIRST_ID + key * 100 + row
