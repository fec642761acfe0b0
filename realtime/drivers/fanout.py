"""Fan-out: writes what waits in lanes to their members, in slices between which the loop sees to everything else.

A pass begins in the next iteration of the loop, so that the batches of one read leave together. After one that
took its time the lane rests: it never has the loop for itself, and what comes meanwhile leaves in one write, so
that a server with more to do does it in fewer. Where several lanes have something, what they have for one socket
leaves in one write too.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from realtime import metrics
from realtime.pure.lane import Lane, Member, Pass
from realtime.pure.outflow import Outflow
from realtime.server.extension import Prepared

SLICE_MEMBERS = 500
"""So many members are written to in a row, which takes 3 to 5 ms; then everything else has its turn."""

REST_FROM_SECONDS = 0.001
"""A pass that took less is not worth a timer."""

REST_SHARE = 1.5
REST_MAX_SECONDS = 0.02
"""After one that took longer the lane rests for that much of its time, or so long at most."""

logger = structlog.get_logger("realtime.fanout")


class Seat(Member, Protocol):
    """A member of a lane, as the fan-out sees it."""

    outflow: Outflow
    write: Callable[[Prepared], None]
    """Writes to the member's socket."""

    def step_out(self) -> None:
        """Leave the lane, and take apart from others what it has not written."""

    def broke(self) -> None:
        """Take that telling it raised an exception, which has been logged."""


class Fanout:
    """Writes the lanes of one process. Belongs to one event loop."""

    def __init__(self, *, stale_seconds: float) -> None:
        self._stale_seconds = stale_seconds
        self._due: deque[Lane] = deque()
        self._prepared: dict[Pass, Prepared] = {}
        self._resting: dict[Lane, asyncio.TimerHandle] = {}
        self._turn: asyncio.Handle | None = None

    def add(self, lane: Lane) -> None:
        """Write what waits in the lane, in the next iteration of the loop or when it has rested."""
        loop = asyncio.get_running_loop()
        if lane.rests_until > loop.time():
            self._resting[lane] = loop.call_at(lane.rests_until, self._rested, lane)
        else:
            self._due.append(lane)
            self._go_on()

    def close(self) -> None:
        """Write nothing more."""
        self._due.clear()
        for handle in [*self._resting.values(), *([self._turn] if self._turn else [])]:
            handle.cancel()

    def _rested(self, lane: Lane) -> None:
        del self._resting[lane]
        self._due.append(lane)
        self._go_on()

    def _go_on(self) -> None:
        if self._turn is None and self._due:
            self._turn = asyncio.get_running_loop().call_soon(self._slice)

    def _slice(self) -> None:
        """Write to so many members, lane by lane; a lane that is not done waits for the others."""
        now = asyncio.get_running_loop().time
        began, left = now(), SLICE_MEMBERS
        gathered = Gathered() if len(self._due) > 1 else None
        visited: list[tuple[Pass, int]] = []
        while self._due and left > 0:
            work = self._due.popleft().begin()
            part = work.members[work.done : work.done + left]
            work.done += len(part)
            left -= len(part) + 1
            visited.append((work, len(part) + 1))
            self._write(work, part, began, gathered)
        if gathered is not None:
            gathered.write()
        ended = now()
        seconds = (ended - began) / (SLICE_MEMBERS - left)
        self._turn = None
        for work, visits in visited:
            work.seconds += seconds * visits
            if work.done < len(work.members):
                self._due.append(work.lane)
            else:
                self._finish(work, ended)
        self._go_on()

    def _finish(self, work: Pass, now: float) -> None:
        self._prepared.pop(work, None)
        if work.seconds >= REST_FROM_SECONDS:
            work.lane.rests_until = now + min(REST_SHARE * work.seconds, REST_MAX_SECONDS)
        if work.lane.end(now):
            self.add(work.lane)

    def _write(self, work: Pass, part: list[Member], now: float, gathered: "Gathered | None") -> None:
        lane, first, position = work.lane, work.first, work.position
        if not work.payloads:
            first = -1  # each takes it apart
        horizon = now - self._stale_seconds
        prepared = self._prepared.get(work)
        if prepared is None:
            prepared = self._prepared[work] = Prepared(work.payloads)
        written = 0
        seat: Seat
        for seat in part:  # type: ignore[assignment]  # whoever joins a lane in this process can be written to
            try:
                outflow = seat.outflow
                if seat.lane is not lane or seat.position >= first or outflow.checked_at < horizon:
                    if seat.lane is lane and seat.position < position:
                        seat.step_out()
                    continue
                seat.position = position
                outflow.written_at = now
                written += 1
                if gathered is None:
                    seat.write(prepared)
                else:
                    gathered.add(seat.write, prepared)
            except Exception:
                logger.exception("fanout_broke")
                seat.broke()
        metrics.session_frames.inc(written * len(work.payloads))
        metrics.session_bytes.inc(written * len(prepared.wire))


class Gathered:
    """What several lanes have for the same sockets, joined: what goes together for many is made once."""

    def __init__(self) -> None:
        self._by_socket: dict[Callable[[Prepared], None], Prepared] = {}
        self._joined: dict[tuple[Prepared, Prepared], Prepared] = {}

    def add(self, write: Callable[[Prepared], None], frames: Prepared) -> None:
        """Take frames for a socket."""
        before = self._by_socket.get(write)
        self._by_socket[write] = frames if before is None else self._join(before, frames)

    def write(self) -> None:
        """Write to every socket what was gathered for it."""
        for write, frames in self._by_socket.items():
            write(frames)

    def _join(self, before: Prepared, frames: Prepared) -> Prepared:
        joined = self._joined.get((before, frames))
        if joined is None:
            joined = self._joined[before, frames] = Prepared([*before.payloads, *frames.payloads])
        return joined
