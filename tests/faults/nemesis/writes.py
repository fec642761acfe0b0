"""Writers that do what is hard on a log."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import psycopg

from tests.faults.nemesis.fault import SERVER_BYTES, SERVER_SECONDS, Fault
from tests.faults.scene import Scene

ROWS = 100_000

Deed = Callable[[Scene], "Future[float]"]


class HardWrite(Fault):
    """One deed of a writer, in a thread of its own; over when it is committed."""

    parts = frozenset({"writes"})
    promised_seconds = SERVER_SECONDS

    def __init__(self, name: str, what: str, deed: Deed, holds: tuple[float, ...] = (0.5,)) -> None:
        self.name, self.what, self.holds = name, what, holds
        self._deed = deed
        self._doing: Future[float] | None = None

    async def begin(self, scene: Scene) -> None:
        """Begin it, beside all other writers."""
        self._doing = self._deed(scene)

    async def end(self, scene: Scene) -> None:
        """Wait until it is done, or failed with another fault."""
        assert self._doing is not None
        with suppress(psycopg.Error):
            await asyncio.wrap_future(self._doing)


class BigUpdate(HardWrite):
    """So many changes in one transaction that others wait behind it, and that a server holds them for a moment."""

    promised_seconds = 3 * SERVER_SECONDS
    server_bytes = SERVER_BYTES + 2 * ROWS * 1024


def write_faults() -> list[Fault]:
    """Return all of them."""
    return [
        HardWrite(
            "open_transaction", "a transaction that has written and stays open",
            lambda scene: scene.writers.open_transaction(scene.seconds), (10.0, 60.0),
        ),
        BigUpdate("big_update", "an UPDATE of 100,000 rows", lambda scene: scene.writers.big_update(ROWS)),
        HardWrite("truncated", "TRUNCATE of a watched table", lambda scene: scene.writers.truncate()),
        HardWrite("copied", "COPY of 2,000 rows into a watched table", lambda scene: scene.writers.copy(2_000)),
    ]  # fmt: skip
