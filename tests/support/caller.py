"""A client over a real socket: it sends what a test says, and keeps what comes as the protocol prescribes."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.sessions import Client

Frame = dict[str, Any]


class Caller:
    """One connection; `known` is what it knows of its topics. Use as a context."""

    def __init__(
        self,
        url: str,
        *,
        session: str | None = None,
        origin: str | None = None,
        offers: tuple[str, ...] = ("realtime.v1",),
        headers: dict[str, str] | None = None,
    ) -> None:
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"} if session else {}
        self._connecting = connect(
            url,
            origin=origin,  # type: ignore[arg-type]  # any text, to be refused
            subprotocols=list(offers) or None,  # type: ignore[arg-type]
            additional_headers={**cookie, **(headers or {})},
            max_size=None,
            ping_interval=None,
            compression=None,
            open_timeout=30,
            close_timeout=2,
        )
        self.socket: ClientConnection
        self.known = Client()
        self._ids = 0

    def __enter__(self) -> "Caller":
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._connecting.__exit__(*raised)

    @property
    def frames(self) -> list[Frame]:
        """All frames so far."""
        return self.known.frames

    def send(self, **command: Any) -> int | str:
        """Send a command with a fresh id (unless one is given), and return the id."""
        self._ids += 1
        command = {"id": self._ids, **command}
        self.socket.send(json.dumps(command))
        identifier = command["id"]
        assert isinstance(identifier, int | str)
        return identifier

    def send_text(self, text: str | bytes) -> None:
        """Send a message as it is; bytes make a binary frame."""
        self.socket.send(text)

    def wait(self, wanted: Callable[[Frame], Any], seconds: float = 20.0) -> Frame:
        """Take frames until one is wanted, and return that; fail when none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self.socket.recv(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise AssertionError(
                    f"not within {seconds:.1f} s; frames at last: {str(self.frames[-5:])[-1500:]}"
                ) from None
            assert isinstance(message, str), "the server sends text frames alone"
            self.known.take(message.encode())
            if wanted(self.frames[-1]):
                return self.frames[-1]

    def ask(self, **command: Any) -> Frame:
        """Send a command and return the (first) frame that answers it."""
        identifier = self.send(**command)
        return self.wait(lambda frame: frame.get("id") == identifier)

    def subscribe(self, topic: str, **options: Any) -> Frame:
        """Subscribe, and return the answer once it is complete."""
        identifier = self.send(type="subscribe", topic=topic, **options)
        return self.wait(lambda frame: frame.get("id") == identifier and frame.get("last", True))

    def until(self, predicate: Callable[[], Any], seconds: float = 20.0) -> None:
        """Take frames until the predicate is true; fail when it is not in time."""
        deadline = time.monotonic() + seconds
        while not predicate():
            self.wait(lambda _: True, deadline - time.monotonic())

    def rows(self, topic: str) -> dict[tuple[str, str], Any]:
        """Return the topic's rows as known."""
        return self.known.rows[topic]

    def closed(self, seconds: float = 20.0) -> tuple[int, str]:
        """Take frames until the server closes, and return code and reason; fail when it does not."""
        with pytest.raises(ConnectionClosed) as caught:
            self.wait(lambda _: False, seconds)
        received = caught.value.rcvd
        assert received is not None, "the socket was cut without a close frame"
        return received.code, received.reason
