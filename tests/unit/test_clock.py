"""The clock visits a session when it asked for it, and not in between."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import suppress

import pytest

from realtime.drivers import clock
from realtime.drivers.clock import Clock
from tests.support.waiting import soon


class Visitor:
    """Asks for its next visit so long after each."""

    def __init__(self, clock: Clock, pauses: Iterator[float]) -> None:
        self.due_grain = 0
        self.visits: list[float] = []
        self._clock = clock
        self._pauses = pauses

    def tick(self) -> None:
        """Plan the next visit."""
        now = asyncio.get_running_loop().time()
        self.visits.append(now)
        if (pause := next(self._pauses, None)) is not None:
            self._clock.plan(self, now + pause)


async def run(clock: Clock, visitors: list[Visitor], visits: int) -> None:
    """Run the clock until each has been visited so often."""
    task = asyncio.create_task(clock.run(), name="clock")
    await soon(lambda: all(len(visitor.visits) >= visits for visitor in visitors))
    await soon(lambda: not clock._planned)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def grain(monkeypatch: pytest.MonkeyPatch) -> float:
    """Return a grain that a test can wait for."""
    monkeypatch.setattr(clock, "GRAIN_SECONDS", 0.01)
    return 0.01


async def test_each_is_visited_once_its_time_has_come(grain: float) -> None:
    """Never before, and as often as it asks."""
    now, it = asyncio.get_running_loop().time(), Clock()
    visitors = [Visitor(it, iter([0.05, 0.02])) for _ in range(clock.AT_ONCE + 1)]
    for visitor in visitors:
        it.plan(visitor, now + 0.03)
    await run(it, visitors, 3)
    for visitor in visitors:
        first, second, third = visitor.visits
        assert first >= now + 0.03
        assert second >= first + 0.05
        assert third >= second + 0.02


async def test_the_sooner_of_two_plans_counts(grain: float) -> None:
    """A visit can be had sooner than was planned; the later one is dropped."""
    now, it = asyncio.get_running_loop().time(), Clock()
    visitor = Visitor(it, iter(()))
    it.plan(visitor, now + 0.2)
    it.plan(visitor, now + 0.02)
    it.plan(visitor, now + 0.1)
    assert visitor.due_grain <= math.ceil((now + 0.02) / grain)
    await run(it, [visitor], 1)
    assert len(visitor.visits) == 1


async def test_a_time_that_is_over_is_the_next_grain(grain: float) -> None:
    """Who asks for the past is visited soon, not never."""
    it = Clock()
    visitor = Visitor(it, iter(()))
    it.plan(visitor, 0.0)
    await run(it, [visitor], 1)
    assert len(visitor.visits) == 1
