"""The transport of a session on an ASGI server that offers none: frames go through `send`, in order.

Where `send` waits for the client (uvicorn does), congestion is seen as queued bytes, and each session waits for
its own client alone. Where it never waits (plain Daphne), every client looks like one that keeps up, and what
the server queues for it is not bounded.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from realtime.conf import realtime_settings
from realtime.server.budget import Budget, Budgeted
from realtime.server.extension import Prepared

Send = Callable[[dict[str, Any]], Awaitable[None]]


@lru_cache(maxsize=1)
def process_budget() -> Budget:
    """Return the budget of this process, from the settings."""
    settings = realtime_settings()
    return Budget(connection_bytes=settings.connection_queue_bytes, process_bytes=settings.process_queue_bytes)


class SendTransport(Budgeted):
    """A `Transport` over ASGI's `send`. `run` is to be kept as a task while the socket is open."""

    __slots__ = ("_closing", "_drained_bytes", "_pongs", "_queue", "_queued_bytes", "_send", "_wanted")

    def __init__(self, send: Send, budget: Budget) -> None:
        super().__init__(budget)
        self._send = send
        self._queue: deque[tuple[dict[str, Any], int]] = deque()
        self._wanted = asyncio.Event()
        self._queued_bytes = 0
        self._drained_bytes = 0
        self._pongs = 0
        self._closing = False

    def write(self, payload: bytes) -> None:
        """Queue one text frame."""
        self._write(payload.decode(), len(payload))
        self.note_queued(self._queued_bytes)

    def write_prepared(self, frames: Prepared) -> None:
        """Queue frames whose text is shared by all who get them."""
        for text, payload in zip(frames.texts, frames.payloads, strict=True):
            self._write(text, len(payload))
        self.note_queued(self._queued_bytes)

    def drained_bytes(self) -> int:
        """Return how many bytes `send` has taken."""
        return self._drained_bytes

    def ping(self) -> None:
        """Leave pings to the server, which alone can send them: count this one as answered."""
        self._pongs += 1

    def pongs(self) -> int:
        """Return how many pings were asked for."""
        return self._pongs

    def close(self, code: int, reason: str = "") -> None:
        """Close once all that is queued has been sent."""
        if not self._closing:
            self._put({"type": "websocket.close", "code": code, "reason": reason}, 0)
            self._closing = True

    def abort(self) -> None:
        """Forget what is queued and close."""
        self._queue.clear()
        self.close(1000)

    async def run(self) -> None:
        """Send what is queued, until the close."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._queue:
                    message, size = self._queue.popleft()
                    await self._send(message)
                    if message["type"] == "websocket.close":
                        return
                    self._queued_bytes -= size
                    self._drained_bytes += size
                self.note_empty()
        finally:
            self.note_end()

    def _write(self, text: str, size: int) -> None:
        if not self._closing:
            self._queued_bytes += size
            self._put({"type": "websocket.send", "text": text}, size)

    def _put(self, message: dict[str, Any], size: int) -> None:
        self._queue.append((message, size))
        self._wanted.set()
