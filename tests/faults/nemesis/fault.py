"""What a fault is, and what is promised of it."""

import asyncio
from typing import ClassVar

from tests.faults.scene import Scene

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

SERVER_BYTES = 48 * 1024 * 1024
"""How far a server may grow in a round whatever its connections: views, the ring of changes, what Python keeps."""


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

    server_bytes: int = SERVER_BYTES
    """How far a server may grow, beside its connections."""

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
