"""Threads for what may query through Django: identities and topics, never on the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

Given = TypeVar("Given")
Result = TypeVar("Result")


class Workers:
    """A bounded pool of named threads. Each keeps its database connections only as long as Django's settings allow."""

    def __init__(self, name: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[[Given], Result], given: Given) -> Result:
        """Return what the function returns, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, _with_connections, function, given)

    def close(self) -> None:
        """Take no more work; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _with_connections(function: Callable[[Given], Result], given: Given) -> Result:
    close_old_connections()
    try:
        return function(given)
    finally:
        close_old_connections()
