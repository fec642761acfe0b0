"""A WebSocket client on a bare socket: it reads as much as it is asked to, and not a byte more."""

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress

from tests.support.line import client_frame, next_frame

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

SMALL_BYTES = 4096
"""The receive buffer of clients that read slowly or not at all."""

ABNORMAL = 1006
READ_BYTES = 256 * 1024
HANDSHAKE_SECONDS = 10.0


class Wire:
    """One connection. Nothing is read but by `frames`."""

    def __init__(self, taken: socket.socket, rest: bytes) -> None:
        self.code: int | None = None
        """Why the server closed, once it has."""
        self.dropped = asyncio.Event()
        """The end of the connection from this side: nothing is taken from it any more."""
        self._socket = taken
        self._buffer = bytearray(rest)

    @classmethod
    async def open(cls, port: int, cookie: str, *, small: bool) -> "Wire":
        """Connect to 127.0.0.1 and upgrade; raise OSError or TimeoutError when that can't be done."""
        loop = asyncio.get_running_loop()
        taken = socket.socket()
        taken.setblocking(False)
        try:
            if small:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await loop.sock_connect(taken, ("127.0.0.1", port))
                await loop.sock_sendall(taken, upgrade(cookie))
                rest = await upgraded(taken)
        except BaseException:
            taken.close()
            raise
        return cls(taken, rest)

    def send(self, text: str) -> None:
        """Send one text frame; raise OSError when the socket takes no more."""
        self._write(TEXT, text.encode())

    async def frames(self, *, at_once: int = READ_BYTES, pause_seconds: float = 0.0) -> AsyncIterator[bytes]:
        """Read text frames until the connection ends, `at_once` bytes at most and then nothing for a pause."""
        loop = asyncio.get_running_loop()
        while not self.dropped.is_set():
            while (frame := next_frame(self._buffer)) is not None:
                opcode, payload = frame
                if opcode == TEXT:
                    yield payload
                elif opcode == PING:
                    self._write(PONG, payload)
                elif opcode == CLOSE:
                    self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                    return
            data = await loop.sock_recv(self._socket, at_once)
            if not data or self.dropped.is_set():
                self.code = ABNORMAL
                return
            self._buffer += data
            if pause_seconds:
                await asyncio.sleep(pause_seconds)

    def drop(self) -> None:
        """End the connection; whoever reads finds out, and closes."""
        self.dropped.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close the socket, with a reset. Nobody may be reading."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _write(self, opcode: int, payload: bytes) -> None:
        frame = client_frame(opcode, payload)
        if self._socket.send(frame) != len(frame):
            raise ConnectionAbortedError("the socket takes no more")


async def upgraded(taken: socket.socket) -> bytes:
    """Wait for the answer to the upgrade; return what came after it."""
    head = bytearray()
    while b"\r\n\r\n" not in head:
        data = await asyncio.get_running_loop().sock_recv(taken, 64)
        if not data:
            raise ConnectionResetError("closed before the upgrade")
        head += data
    answer, _, rest = bytes(head).partition(b"\r\n\r\n")
    status = answer.partition(b"\r\n")[0]
    if b" 101 " not in status:
        raise ConnectionRefusedError(status.decode(errors="replace"))
    return rest


def upgrade(cookie: str) -> bytes:
    """Return the request."""
    lines = [
        "GET /ws/ HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Protocol: realtime.v1",
        f"Cookie: {cookie}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
