"""Subscribers that cost next to nothing: they stamp each WebSocket frame's arrival and parse it afterwards."""

import asyncio
import base64
import os
import time
from collections.abc import Callable

from tests.support.line import client_frame, next_frame


class FrameClient(asyncio.Protocol):
    """A WebSocket client over a bare socket; keeps (monotonic seconds, payload) of every text frame.

    It answers pings, checks nothing of the handshake but its status, and never compresses.
    """

    def __init__(self, path: str, subprotocol: str | None, cookie: str | None = None) -> None:
        self.frames: list[tuple[float, bytes]] = []
        self.on_frame: Callable[[bytes], None] | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path, self._subprotocol, self._cookie = path, subprotocol, cookie
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(
        cls, port: int, path: str, subprotocol: str | None = None, cookie: str | None = None
    ) -> "FrameClient":
        """Open a connection to 127.0.0.1 and return once the server has accepted the upgrade."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(path, subprotocol, cookie), "127.0.0.1", port)
        await asyncio.wait_for(client.opened, 30)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {self._path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        ]
        if self._subprotocol:
            lines.append(f"Sec-WebSocket-Protocol: {self._subprotocol}")
        if self._cookie:
            lines.append(f"Cookie: {self._cookie}")
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no more frames come."""
        if not self.closed.done():
            self.closed.set_result(None)
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the server closed the connection before the upgrade"))

    def data_received(self, data: bytes) -> None:
        """Stamp and keep every whole frame that has arrived."""
        now = time.monotonic()
        self._buffer += data
        if not self.opened.done() and not self._upgraded():
            return
        while (frame := next_frame(self._buffer)) is not None:
            opcode, payload = frame
            if opcode == 9:
                self._write(10, payload)
            elif opcode == 1:
                self.frames.append((now, payload))
                if self.on_frame:
                    self.on_frame(payload)

    def send(self, text: str) -> None:
        """Send one text frame."""
        self._write(1, text.encode())

    def close(self) -> None:
        """Drop the connection."""
        if self._transport:
            self._transport.abort()

    def _upgraded(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
        del self._buffer[: end + 4]
        if b" 101 " not in status:
            self.opened.set_exception(ConnectionError(status.decode()))
            return False
        self.opened.set_result(None)
        return True

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._transport:
            self._transport.write(client_frame(opcode, payload))
