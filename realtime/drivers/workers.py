"""Threads for what may query through Django: identities and topics, never on the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections, connections

Given = TypeVar("Given")
Result = TypeVar("Result")


class Workers:
    """A bounded pool of named threads. Each keeps its database connections, and looks at them before using them."""

    def __init__(self, name: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[[Given], Result], given: Given) -> Result:
        """Return what the function returns, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, with_connections, function, given)

    def start(self, function: Callable[[], None]) -> None:
        """Run a function in a thread; it has to see to its own errors."""
        self._executor.submit(function)

    def close(self) -> None:
        """Take no more work; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def with_connections(function: Callable[[Given], Result], given: Given) -> Result:
    """Return what the function returns, called with database connections that are looked at before they are used."""
    # Connecting anew for each call, as Django does for a request, made a check take long just when a process is busy.
    for connection in connections.all(initialized_only=True):
        connection.close_at = None
        connection.health_check_enabled = True  # type: ignore[attr-defined]  # the stubs lack it
    close_old_connections()
    return function(given)
