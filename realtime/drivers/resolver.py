"""Topic resolution: what a topic's name selects for a user, found out off the loop and once for all who ask at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from realtime import metrics
from realtime.drivers.access import Identity
from realtime.drivers.workers import Workers
from realtime.errors import PeerError, Unavailable
from realtime.pure.selection import Selection

logger = structlog.get_logger("realtime.resolver")

THREADS = 4

Resolution = Selection | PeerError
"""What was found: a selection, or why there is none for this user."""


class Resolver:
    """Resolves topics in a bounded pool of threads. Belongs to one event loop."""

    def __init__(self, resolve: Callable[[str, Any], Selection]) -> None:
        self._resolve = resolve
        self._workers = Workers("topics", THREADS)
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Resolution]] = {}

    def ask(self, topic: str, identity: Identity, answer: Callable[[Resolution], None]) -> None:
        """Resolve a topic for an identity; `answer` is called on the loop, later, once, with what was found."""
        key = (topic, identity.label, identity.fingerprint)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(
                self._find(topic, identity), name=f"resolving {topic[:80]}"
            )
            task.add_done_callback(lambda _: self._under_way.pop(key))
        else:
            metrics.resolutions.labels("shared").inc()
        task.add_done_callback(lambda done: None if done.cancelled() else answer(done.result()))

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workers.close()

    async def _find(self, topic: str, identity: Identity) -> Resolution:
        try:
            found = await self._workers.run(lambda name: self._resolve(name, identity.user), topic)
        except PeerError as error:
            metrics.resolutions.labels("refused").inc()
            return error
        except Exception:
            logger.exception("topic_resolution_failed", topic=topic[:80])
            metrics.resolutions.labels("failed").inc()
            return Unavailable(f"topic {topic[:80]!r} can't be looked up now")
        metrics.resolutions.labels("ok").inc()
        return found
