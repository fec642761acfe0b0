"""All clients of a round, in this process's event loop."""

import asyncio
import time
from collections.abc import Callable

from tests.faults.history import History, Reads
from tests.faults.recorder import Recorder
from tests.faults.writing import Mark


class Crowd:
    """Those who came, also those who have gone."""

    def __init__(self) -> None:
        self.recorders: list[Recorder] = []

    def add(
        self,
        name: str,
        person: str,
        cookie: str,
        topics: list[str],
        port: int | Callable[[], int],
        *,
        max_rate: float | None = None,
        reads: Reads = Reads.ALL,
        hops: bool = False,
    ) -> Recorder:
        """Let a client come, in the name of a person and with a session of theirs."""
        recorder = Recorder(name, person, cookie, topics, port, max_rate=max_rate, reads=reads, hops=hops)
        self.recorders.append(recorder)
        return recorder

    async def ready(self, within: float) -> bool:
        """Wait until all that read have their rows; tell whether that came about in time."""
        return all(await asyncio.gather(*(each.ready(within) for each in self._reading())))

    async def caught_up(self, mark: Mark, within: float) -> dict[Recorder, float | None]:
        """Return when each that reads was complete to the mark; None for those that were not in time."""
        reading = self._reading()
        found = await asyncio.gather(*(each.caught_up(mark, within) for each in reading))
        return dict(zip(reading, found, strict=True))

    def histories(self) -> list[History]:
        """Return what everyone saw so far: it grows no more."""
        now = time.monotonic()
        return [each.history.copy(now) for each in self.recorders]

    async def close(self) -> None:
        """Let everyone go."""
        await asyncio.gather(*(each.close() for each in self.recorders))

    def _reading(self) -> list[Recorder]:
        return [each for each in self.recorders if each.reads is Reads.ALL and not each.closed]
