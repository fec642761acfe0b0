"""What a fault is, and the scene on which it is played."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

from tests.faults.archive import Archive
from tests.faults.crowd import Crowd
from tests.faults.people import People
from tests.faults.stage import Stage
from tests.faults.writing import Writers

T = TypeVar("T")

AT_ONCE = (0.0,)
PAUSES = (1.0, 7.0, 30.0)
"""How long faults last that are played more than once."""

SERVER_SECONDS = 5.0
RELAY_SECONDS = 3.0
REDIS_SECONDS = 2.0
POSTGRES_SECONDS = 5.0
"""What is promised: so long after the fault has ended, 99 of 100 clients are complete again."""

LATENCY_SECONDS = 1.0
"""What is promised while Redis is away."""


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

    async def until_over(self, deed: Callable[[], Any], every: float) -> None:
        """Do something again and again, in another thread, as long as the fault is to last."""
        over = time.monotonic() + self.seconds
        while True:
            await self.aside(deed)
            if time.monotonic() + every > over:
                break
            await asyncio.sleep(every)
        await asyncio.sleep(max(0.0, over - time.monotonic()))


class Fault:
    """One thing that goes wrong: `begin` brings it about, `hold` lets it last, and it is over when `end` returns.

    A fault that is one deed does it in `begin`. Whatever happens in between, `end` leaves the stage as it was.
    """

    name: str
    """By which it is chosen, and by which the table calls it."""

    what: str
    """One line for the table."""

    parts: frozenset[str] = frozenset()
    """What it disturbs; faults that share one are not played at the same time."""

    holds: tuple[float, ...] = AT_ONCE
    """How long it lasts, the shortest first; one that lasts always as long is played several times."""

    promised_seconds: float = SERVER_SECONDS
    latency_seconds: float | None = None
    """Where something is promised for the time that it lasts: the longest from commit to client."""

    alone: ClassVar[bool] = False
    """Never played together with others."""

    needs_shim: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        """What the progress calls it."""
        return self.name

    async def begin(self, scene: Scene) -> None:
        """Bring it about."""

    async def hold(self, scene: Scene) -> None:
        """Let it last."""
        await asyncio.sleep(scene.seconds)

    async def end(self, scene: Scene) -> None:
        """End it, and return when what it hurt is ready to work again."""

    async def clean_up(self, scene: Scene) -> None:
        """Put things back that needn't be back for the recovery."""
