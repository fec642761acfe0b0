"""The transport of a session on an ASGI server that offers none: frames go through `send`, in order.

Where `send` waits for the client (uvicorn does), congestion is seen as queued bytes. Where it never waits
(plain Daphne), every client looks like one that keeps up, and memory is not bounded (P6).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from realtime.server.extension import CONGESTED_BYTES, Listener, Prepared

Send = Callable[[dict[str, Any]], Awaitable[None]]


class SendTransport:
    """A `Transport` over ASGI's `send`. `run` is to be kept as a task while the socket is open."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[dict[str, Any]] = deque()
        self._wanted = asyncio.Event()
        self._queued_bytes = 0
        self._drained_bytes = 0
        self._pongs = 0
        self._congested = False
        self._closing = False
        self.listener: Listener | None = None

    def write(self, payload: bytes) -> None:
        """Queue one text frame."""
        self._write(payload.decode(), len(payload))

    def write_prepared(self, frames: Prepared) -> None:
        """Queue frames whose text is shared by all who get them."""
        for text, payload in zip(frames.texts, frames.payloads, strict=True):
            self._write(text, len(payload))

    @property
    def congested(self) -> bool:
        """Tell whether too much was queued and has not been sent since."""
        return self._congested

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
            self._put({"type": "websocket.close", "code": code, "reason": reason})
            self._closing = True

    def abort(self) -> None:
        """Forget what is queued and close."""
        self._queue.clear()
        self.close(1000)

    async def run(self) -> None:
        """Send what is queued, until the close."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._queue:
                message = self._queue.popleft()
                await self._send(message)
                if message["type"] == "websocket.close":
                    return
                self._sent(len(message["text"].encode()))

    def _write(self, text: str, size: int) -> None:
        if self._closing:
            return
        self._put({"type": "websocket.send", "text": text})
        self._queued_bytes += size
        if self._queued_bytes > CONGESTED_BYTES and not self._congested:
            self._congested = True
            if self.listener is not None:
                self.listener.congested()

    def _put(self, message: dict[str, Any]) -> None:
        self._queue.append(message)
        self._wanted.set()

    def _sent(self, size: int) -> None:
        self._queued_bytes -= size
        self._drained_bytes += size
        if self._congested and not self._queue:
            self._congested = False
            if self.listener is not None:
                self.listener.drained()
