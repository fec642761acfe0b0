"""Wait for the thing itself, with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.01


def eventually(predicate: Callable[[], T], seconds: float = 20.0, *, what: str = "") -> T:
    """Return the predicate's first true value; fail when there is none within the seconds."""
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(_message(predicate, seconds, what, value))
        time.sleep(STEP_SECONDS)
    return value


async def soon(
    predicate: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float = 20.0, *, what: str = ""
) -> Any:
    """Like `eventually`, on the event loop; the predicate may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(_message(predicate, seconds, what, value))
        await asyncio.sleep(STEP_SECONDS)


def _message(predicate: Callable[[], Any], seconds: float, what: str, value: Any) -> str:
    return f"{what or inspect.getsource(predicate).strip()} did not come true within {seconds} s; at last {value!r}"
