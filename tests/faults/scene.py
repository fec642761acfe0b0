"""The scene on which a fault is played: everything that it may touch, for the length of one round."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import psycopg

from tests.faults.archive import Archive
from tests.faults.crowd import Crowd
from tests.faults.people import People
from tests.faults.stage import Stage
from tests.faults.writing import Writers

T = TypeVar("T")

INSISTING_SECONDS = 60.0


@dataclass
class Scene:
    """Everything that a fault may touch; `seconds` is how long it is to last this time."""

    stage: Stage
    crowd: Crowd
    writers: Writers
    people: People
    archive: Archive
    chance: random.Random
    seconds: float
    hands: ThreadPoolExecutor

    async def aside(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run what blocks in another thread: the clients are on this one."""
        return await asyncio.get_running_loop().run_in_executor(self.hands, partial(function, *arguments))

    async def insist(self, function: Callable[..., T], *arguments: Any) -> T:
        """The same, again and again while PostgreSQL is away."""
        deadline = time.monotonic() + INSISTING_SECONDS
        while True:
            try:
                return await self.aside(function, *arguments)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.05)

    async def until_over(self, deed: Callable[[], Any], every: float) -> None:
        """Do something again and again, in another thread, as long as the fault is to last."""
        over = time.monotonic() + self.seconds
        while True:
            await self.aside(deed)
            if time.monotonic() + every > over:
                break
            await asyncio.sleep(every)
        await asyncio.sleep(max(0.0, over - time.monotonic()))
