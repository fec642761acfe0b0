"""Actors: whoever speaks to PostgreSQL in a play. Each stops before every statement that it sends.

    idle ──begin──▶ running ──▶ stopped (before a statement) ──go──▶ running ──▶ … ──▶ idle
                       └──────▶ waiting (its statement waits for a lock that another holds)

The product is not changed for this: it is given `SteppedConnection` for psycopg's, which has no pipelines, so that
each statement is a round trip. Nothing runs while the play decides what comes next: all actors are tasks of one
event loop, which turns only until each of them is stopped, idle or waiting, as PostgreSQL says. A circle of waiting
actors is broken by cancelling the statement that was sent last, which depends on no clock.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection

ACTOR: ContextVar["Actor"] = ContextVar("actor")
"""Who sends the statements of this task."""

LOOK_SECONDS = 0.004
"""A statement that takes longer is looked at: does it wait for a lock?"""

BLOCKERS = "SELECT pid, pg_blocking_pids(pid) FROM unnest(%s::integer[]) AS pid"


class Actor:
    """One task at a time, which stops before every statement."""

    def __init__(self, name: str, crew: "Crew") -> None:
        self.name = name
        self.next: str | None = None
        self.pid = 0
        self.sent = 0
        self.waiting = False
        self.hurt = False
        self.failures: list[Exception] = []
        self.task: asyncio.Task[Any] | None = None
        self._crew = crew
        self._permit: asyncio.Future[None] | None = None

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task, as this actor."""
        assert self.idle
        token = ACTOR.set(self)
        self.task = self._crew.loop.create_task(work, name=self.name)
        ACTOR.reset(token)
        self.task.add_done_callback(lambda _: self._crew.moved.set())

    @property
    def idle(self) -> bool:
        """Nothing is to be done."""
        return self.task is None or self.task.done()

    @property
    def stopped(self) -> bool:
        """It stands before a statement."""
        return self._permit is not None

    @property
    def running(self) -> bool:
        """It is on its way to its next stop."""
        return not self.idle and not self.stopped and not self.waiting

    def go(self) -> None:
        """Send the statement before which it stands."""
        assert self._permit is not None
        permit, self._permit, self.next = self._permit, None, None
        permit.set_result(None)

    async def stop(self, statement: str, pid: int) -> None:
        """Stand before a statement until told to go."""
        self._permit, self.next, self.pid = self._crew.loop.create_future(), statement, pid
        self._crew.moved.set()
        await self._permit
        self.sent = next(self._crew.numbers)

    def failed(self, error: Exception) -> None:
        """Note what went wrong, unless the play itself has seen to that."""
        if self.hurt:
            self.hurt = False
        else:
            self.failures.append(error)

    async def end(self) -> None:
        """Give up what it does."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        self.task = self._permit = self.next = None


class SteppedConnection(AsyncConnection[Any]):
    """A connection whose actor stops before each statement, and is told of each that failed."""

    async def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        """Stop, then execute."""
        await self._stop(query if isinstance(query, str) else query.as_string(self))
        with self._telling():
            return await super().execute(query, *arguments, **options)

    @asynccontextmanager
    async def transaction(self, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        """Stop before BEGIN and before COMMIT."""
        await self._stop("BEGIN")
        transaction = super().transaction(*arguments, **options)
        with self._telling():
            entered = await transaction.__aenter__()
        try:
            yield entered
            await self._stop("COMMIT")
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        with self._telling():
            await transaction.__aexit__(None, None, None)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[None]:  # type: ignore[override]
        """Each statement is a round trip of its own."""
        yield

    async def _stop(self, statement: str) -> None:
        await ACTOR.get().stop(statement, self.info.backend_pid)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            ACTOR.get().failed(error)
            raise


class Crew:
    """All actors of a play, their event loop, and the connection that sees who waits for whom."""

    def __init__(self, monitor: Connection[Any]) -> None:
        self.loop = asyncio.new_event_loop()
        self.moved = asyncio.Event()
        self.numbers = count(1)
        self.actors: list[Actor] = []
        self.monitor = monitor

    def hire(self, name: str) -> Actor:
        """Return a new actor."""
        self.actors.append(actor := Actor(name, self))
        return actor

    def settle(self) -> None:
        """Let everybody go on to where they stop, end or wait."""
        self.loop.run_until_complete(self._settle())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something outside of the play."""
        return self.loop.run_until_complete(work)

    def terminate(self, actor: Actor) -> None:
        """End the backend that the actor speaks to."""
        actor.hurt = True
        self.monitor.execute("SELECT pg_terminate_backend(%s)", [actor.pid])
        while self.monitor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [actor.pid]).fetchall():
            pass

    def dismiss(self) -> None:
        """End what all are doing."""
        for actor in self.actors:
            self.run(actor.end())
        self.actors.clear()

    def close(self) -> None:
        """End the loop."""
        self.dismiss()
        self.loop.close()

    async def _settle(self) -> None:
        suspected: set[Actor] = set()
        while True:
            running = {actor for actor in self.actors if actor.running}
            if not running:
                self._look()
                if not any(actor.running for actor in self.actors):
                    return
                continue
            self.moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.moved.wait()
                continue
            blocked = self._look()
            if suspected == running == {actor for actor in running if actor in blocked}:
                for actor in running:
                    actor.waiting = True
            suspected = {actor for actor in running if actor in blocked}

    def _look(self) -> dict[Actor, set[Actor]]:
        """Return who waits for whom. Those who got what they waited for run again; a circle is broken."""
        asked = {actor.pid: actor for actor in self.actors if actor.waiting or actor.running}
        if not asked:
            return {}
        known = {actor.pid: actor for actor in self.actors if actor.pid}
        found = self.monitor.execute(BLOCKERS, [list(asked)]).fetchall()
        waits = {asked[pid]: {known[each] for each in pids if each in known} for pid, pids in found}
        blocked = {actor: blockers for actor, blockers in waits.items() if blockers}
        for actor in asked.values():
            actor.waiting &= actor in blocked
        if circle := [actor for actor in blocked if actor in _reached(blocked, actor)]:
            self._cancel(max(circle, key=lambda actor: actor.sent))
        return blocked

    def _cancel(self, actor: Actor) -> None:
        actor.hurt, actor.waiting = True, False
        self.monitor.execute("SELECT pg_cancel_backend(%s)", [actor.pid])


def _reached(blocked: dict[Actor, set[Actor]], start: Actor) -> set[Actor]:
    """Return all for whom the actor waits, directly or not."""
    reached: set[Actor] = set()
    open_ = {start}
    while open_:
        open_ = {other for each in open_ for other in blocked.get(each, ())} - reached
        reached |= open_
    return reached
