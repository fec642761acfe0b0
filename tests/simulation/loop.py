"""An event loop without a thread, a selector or a clock: callbacks wait until a step of the schedule runs them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from realtime.drivers.clock import Visited

MOMENT = 0.0002
"""Every look at the clock takes so long, so that work takes time."""


class Handle:
    """A callback that waits; what `asyncio.Handle` and `asyncio.TimerHandle` are, as far as drivers use them."""

    __slots__ = ("_at", "call")

    def __init__(self, call: Callable[[], object] | None, at: float = 0.0) -> None:
        self.call = call
        self._at = at

    def cancel(self) -> None:
        """Never run it."""
        self.call = None

    def when(self) -> float:
        """Return the time for which it was planned."""
        return self._at


class Time:
    """What time it is, in all processes."""

    def __init__(self) -> None:
        self.now = 1000.0


class Loop:
    """The part of an event loop that the drivers of a process use; also the clock of its sessions."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.ready: deque[Handle] = deque()
        self._timers: list[Handle] = []
        self._visits: dict[Visited, float] = {}

    def time(self) -> float:
        """Return seconds that never go back."""
        self._time.now += MOMENT
        return self._time.now

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> Handle:
        """Have a callback run by a later step."""
        handle = Handle(lambda: callback(*arguments))
        self.ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Callable[..., object], *arguments: Any) -> Handle:
        """Have a callback run by a step after some time."""
        handle = Handle(lambda: callback(*arguments), when)
        self._timers.append(handle)
        return handle

    def plan(self, session: Visited, at: float) -> None:
        """Visit a session at that time, unless it is planned for sooner (`realtime.drivers.clock.Clock`)."""
        self._visits[session] = min(at, self._visits.get(session, at))

    def run_next(self) -> None:
        """Run the callback that has waited longest."""
        call = self.ready.popleft().call
        if call is not None:
            with self.running():
                call()

    def time_passed(self) -> None:
        """Take that it is later: timers become ready, sessions are visited."""
        now = self._time.now
        if self._timers:
            due = [handle for handle in self._timers if handle.when() <= now]
            if due:
                self._timers = [handle for handle in self._timers if handle.when() > now]
                self.ready.extend(due)
        for session in [session for session, at in self._visits.items() if at <= now]:
            del self._visits[session]
            session.tick()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let this be the loop that drivers find running."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)  # type: ignore[arg-type]
        try:
            yield
        finally:
            asyncio._set_running_loop(before)
