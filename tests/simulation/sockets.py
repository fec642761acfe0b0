"""The line between a session and its client, with as many bytes under way as a kernel holds, and a queue before it."""

import sys
from collections import deque
from typing import Protocol

from realtime.server.extension import Listener, Prepared

PING = b"ping"
QUEUE_BYTES = 150
"""Over so many bytes that the line doesn't take, the socket is congested until they have left."""

LOST = 1006
BROKEN = 4003


class Reader(Protocol):
    """The client at the other end."""

    def take(self, frame: bytes) -> None:
        """Take one frame."""

    def closed(self, code: int) -> None:
        """Take the end of the connection."""


class Watcher(Protocol):
    """Who looks at every frame that a server writes, when it does."""

    def written(self, socket: "Socket", frame: bytes) -> None:
        """Look at a frame."""

    def broke(self, error: BaseException | None) -> None:
        """Take that a session's driver came upon a fault of ours."""


class Socket:
    """One connection: a `Transport` for the session, and what a client reads from."""

    def __init__(self, reader: Reader, watcher: Watcher, *, key: str | None, window: int) -> None:
        self.listener: Listener | None = None
        self.congested = False
        self.stalled = False
        """The client reads nothing at present."""
        self.lost = False
        """The connection is gone, as the client knows; the server may not have noticed."""
        self.close_code: int | None = None
        self.key = key
        """Of whose sign-in it is."""
        self._reader = reader
        self._watcher = watcher
        self._window = window
        self._flight: deque[bytes] = deque()
        self._flying = 0
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._drained = 0
        self._pongs = 0

    # What the session uses.

    def write(self, payload: bytes) -> None:
        """Send a frame: it is under way, or queued where the line takes no more."""
        if self.close_code is not None:
            return
        self._watcher.written(self, payload)
        self._send(payload)

    def write_prepared(self, frames: Prepared) -> None:
        """Send frames that leave together."""
        for payload in frames.payloads:
            self.write(payload)

    def drained_bytes(self) -> int:
        """Return how many bytes the line has taken."""
        return self._drained

    def ping(self) -> None:
        """Send a ping; a client answers when it reads it."""
        if self.close_code is None:
            self._send(PING)

    def pongs(self) -> int:
        """Return how many pings were answered."""
        return self._pongs

    def close(self, code: int, reason: str = "") -> None:
        """Close when all that was written has left."""
        if code == BROKEN:
            self._watcher.broke(sys.exc_info()[1])
        if self.close_code is None:
            self.close_code = code

    def abort(self) -> None:
        """Drop the connection."""
        self.cut()

    # What happens to it.

    @property
    def readable(self) -> bool:
        """Tell whether the client can and will read something."""
        return not self.lost and not self.stalled and (bool(self._flight) or self.close_code is not None)

    def read(self) -> None:
        """Let the client take the next frame, or the end."""
        if not self._flight:
            if self.close_code is not None:
                self.lost = True
                self._reader.closed(self.close_code)
            return
        frame = self._flight.popleft()
        self._flying -= len(frame)
        if frame is PING:
            self._pongs += 1
        else:
            self._reader.take(frame)
        self._pump()

    def cut(self) -> None:
        """Let the connection break: what is under way is gone."""
        if not self.lost:
            self.lost = True
            self._flight.clear()
            self._reader.closed(LOST)

    def _send(self, frame: bytes) -> None:
        if not self._queue and (not self._flight or self._flying + len(frame) <= self._window):
            self._put(frame)
            return
        self._queue.append(frame)
        self._queued += len(frame)
        if self._queued > QUEUE_BYTES and not self.congested:
            self.congested = True
            if self.listener is not None:
                self.listener.congested()

    def _put(self, frame: bytes) -> None:
        self._flight.append(frame)
        self._flying += len(frame)
        self._drained += len(frame)

    def _pump(self) -> None:
        while self._queue and (not self._flight or self._flying + len(self._queue[0]) <= self._window):
            frame = self._queue.popleft()
            self._queued -= len(frame)
            self._put(frame)
        if self.congested and not self._queue:
            self.congested = False
            if self.listener is not None and self.close_code is None:
                self.listener.drained()
