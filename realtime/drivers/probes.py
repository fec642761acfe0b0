"""A relay's probes: HTTP on a port of its own, for orchestrators and scrapers.

    /healthz   200 while it gets on or tries to; 503 once it has done neither for STUCK_SECONDS
    /readyz    200 while changes get positions here; 503 when it has not looked for them for LATE_SECONDS
    /metrics   its metrics, in the Prometheus text format

They are answered on the relay's own event loop: one that is frozen or that hangs answers nothing.
"""

import asyncio
import contextlib
import json
import socket
import time
from http import HTTPStatus
from typing import NamedTuple, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from realtime import metrics

LATE_SECONDS = 10.0
"""It looks several times a second; numbering a transaction of a million changes takes about so long."""

STUCK_SECONDS = 300.0
"""Whoever ends it then has it begin anew with what it was at: no statement of an honest relay takes so long."""

UNANSWERABLE = (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""A client that is gone, slow, or speaks no HTTP."""

REQUEST_BYTES = 16 * 1024
REQUEST_SECONDS = 5.0


class Moving(Protocol):
    """What is probed of a relay, by `time.monotonic()`."""

    @property
    def moved_at(self) -> float:
        """When it last got on, or began anew after an outage."""

    @property
    def looked_at(self) -> float | None:
        """When it last looked for changes and got an answer; None before the first time."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: HTTPStatus
    content_type: str
    body: bytes


class Probes:
    """Answers about one relay."""

    def __init__(self, relay: Moving) -> None:
        self._relay = relay

    async def serve(self, listener: socket.socket) -> asyncio.Server:
        """Answer on a listening socket until the returned server is closed."""
        return await asyncio.start_server(self._converse, sock=listener, limit=REQUEST_BYTES)

    def answer(self, method: str, path: str) -> Answer:
        """Return the answer to a request."""
        if method not in ("GET", "HEAD"):
            return _told(HTTPStatus.METHOD_NOT_ALLOWED, "error", [f"{method} is not answered here: use GET"])
        if path == "/healthz":
            return self._health()
        if path == "/readyz":
            return self._readiness()
        if path == "/metrics":
            return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
        return _told(HTTPStatus.NOT_FOUND, "error", ["there are /healthz, /readyz and /metrics"])

    def _health(self) -> Answer:
        still = time.monotonic() - self._relay.moved_at
        if still > STUCK_SECONDS:
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, "stuck", [f"nothing has moved for {still:.0f} seconds"])
        return _told(HTTPStatus.OK, "ok", [])

    def _readiness(self) -> Answer:
        if self._relay.looked_at is None:
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, "unready", ["PostgreSQL has not answered yet"])
        silent = time.monotonic() - self._relay.looked_at
        if silent > LATE_SECONDS:
            reason = f"no look for changes has been answered for {silent:.0f} seconds"
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, "unready", [reason])
        return _told(HTTPStatus.OK, "ok", [])

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*UNANSWERABLE):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b"\r\n", 1)[0].decode("latin1").split(" ")
                writer.write(_response(self.answer(method, path.partition("?")[0]), method))
                await writer.drain()
        writer.close()


def _told(status: HTTPStatus, word: str, reasons: list[str]) -> Answer:
    """Return an answer in the form of a server's `/readyz`."""
    return Answer(status, "application/json", json.dumps({"status": word, "reasons": reasons}).encode())


def _response(answer: Answer, method: str) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else answer.body)
