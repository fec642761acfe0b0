"""The messages of a connection for its application: what asyncio.Queue does, at a twentieth of its 3 KB."""

import asyncio
from collections import deque
from typing import Any

Message = dict[str, Any]


class Inbox:
    """A queue with one reader. It holds nothing while nothing waits."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: deque[Message] | None = None
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, message: Message) -> None:
        """Add a message (named as in asyncio.Queue, for Daphne calls it)."""
        if self._messages is None:
            self._messages = deque()
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Message:
        """Return the next message, and wait for it: ASGI's `receive`."""
        while self._messages is None:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._messages.popleft()
        if not self._messages:
            self._messages = None
        return message
