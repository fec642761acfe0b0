"""Tasks are cancelled until they have ended."""

import asyncio
from contextlib import suppress

import pytest

from realtime.drivers import ending
from realtime.drivers.ending import end


async def test_a_swallowed_cancellation_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that takes the first two for something else ends all the same; one that raises keeps nobody waiting."""
    monkeypatch.setattr(ending, "AGAIN_SECONDS", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            swallowed += 1
        await asyncio.sleep(60)

    async def broken() -> None:
        raise ZeroDivisionError

    tasks = [asyncio.create_task(stubborn(), name="stubborn"), asyncio.create_task(broken(), name="broken")]
    await asyncio.sleep(0)
    await end(tasks)
    assert all(task.done() for task in tasks)
    assert swallowed == 2
