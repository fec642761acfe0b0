"""The publisher: hands batches to the bus without ever letting the relay wait for it.

Publishing is a hint, the log is truth. What the bus does not take is dropped and counted: the next batch or
heartbeat makes every hub read from the log what it lacks.
"""

import asyncio
from collections import deque
from typing import Protocol

import structlog

from realtime import metrics
from realtime.errors import BusUnavailable

QUEUE_BATCHES = 64
"""So many batches wait for a slow Redis; then the oldest are dropped."""

logger = structlog.get_logger("realtime.publisher")


class Wire(Protocol):
    """What the publisher needs of the bus."""

    async def publish(self, batch_bytes: bytes, stream: str) -> None:
        """Send a batch; raise BusUnavailable."""


class Publisher:
    """A queue of batches and the task that empties it; owned by one relay."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._offered = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failing = False

    def offer(self, stream: str, payload: bytes) -> None:
        """Queue a batch; drops the oldest when Redis has been slow for long."""
        if len(self._waiting) >= QUEUE_BATCHES:
            lost, _ = self._waiting.popleft()
            metrics.relay_publish_failures.labels(lost).inc()
        self._waiting.append((stream, payload))
        self._idle.clear()
        self._offered.set()

    async def flushed(self) -> None:
        """Wait until everything that was offered has been sent or dropped."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send what is offered, in order, until cancelled."""
        while True:
            await self._offered.wait()
            self._offered.clear()
            while self._waiting:
                stream, payload = self._waiting.popleft()
                await self._send(stream, payload)
            self._idle.set()

    async def _send(self, stream: str, payload: bytes) -> None:
        try:
            await self._wire.publish(payload, stream)
        except BusUnavailable as error:
            metrics.relay_publish_failures.labels(stream).inc()
            if not self._failing:
                logger.warning("bus_unavailable", error=str(error))
            self._failing = True
            return
        if self._failing:
            logger.info("bus_available")
        self._failing = False
        metrics.relay_batches.labels(stream).inc()
