"""The clock of a process's sessions: each is visited when it asked for it, and not before.

Ten thousand idle sessions need no look every second: each says when it next has a ping or a heartbeat to send.
"""

import asyncio
import math
from typing import Protocol

GRAIN_SECONDS = 0.25
"""Sessions that are due within the same quarter of a second are visited together."""

AT_ONCE = 200
"""So many are visited in a row before other tasks of the loop get their turn."""


class Visited(Protocol):
    """A session, as the clock sees it."""

    due_grain: int
    """The grain of time in which it is to be visited, 0 at first; visits planned for others are dropped."""

    def tick(self) -> None:
        """Take the time; plan the next visit."""


class Clock:
    """Visits sessions at times of the event loop's clock; `run` is to be kept as a task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._planned: dict[int, list[Visited]] = {}
        self._grain = math.floor(self._loop.time() / GRAIN_SECONDS)
        """Everything up to this grain has been visited."""

    def plan(self, session: Visited, at: float) -> None:
        """Visit a session at that time or up to GRAIN_SECONDS later, unless it is planned for sooner."""
        grain = max(math.ceil(at / GRAIN_SECONDS), self._grain + 1)
        if not self._grain < session.due_grain <= grain:
            session.due_grain = grain
            self._planned.setdefault(grain, []).append(session)

    async def run(self) -> None:
        """Visit, for ever."""
        while True:
            while self._grain < math.floor(self._loop.time() / GRAIN_SECONDS):
                self._grain += 1
                await self._visit(self._grain)
            await asyncio.sleep((self._grain + 1) * GRAIN_SECONDS - self._loop.time())

    async def _visit(self, grain: int) -> None:
        for index, session in enumerate(self._planned.pop(grain, ()), start=1):
            if session.due_grain == grain:
                session.tick()
            if index % AT_ONCE == 0:
                await asyncio.sleep(0)
