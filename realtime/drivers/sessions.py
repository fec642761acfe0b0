"""The sessions of one server process, and what they share: hub, identities, topic resolution, one clock.

Nothing starts a server's application but its first connection (Daphne sends no lifespan events), so all of
this begins with the first session, or with the first question about readiness, in the loop that runs then.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog
from django.utils.module_loading import import_string

from realtime import metrics
from realtime.adapters.bus import Bus
from realtime.adapters.database import conninfo_of
from realtime.adapters.log import LogReader
from realtime.conf import RealtimeSettings, realtime_settings
from realtime.declare import registry
from realtime.drivers.access import Access, IdentityProvider, NobodyKnown
from realtime.drivers.clock import Clock
from realtime.drivers.ending import end
from realtime.drivers.hub import Health, Hub
from realtime.drivers.resolver import Resolver
from realtime.drivers.session import SessionDriver, Subscribing, Traffic
from realtime.pure.limits import SessionLimits
from realtime.pure.outflow import Tally
from realtime.pure.session import Session
from realtime.server.extension import Transport

logger = structlog.get_logger("realtime.sessions")

COUNT_SECONDS = 1.0
"""So often what sessions noted becomes metrics."""


class HubOfSessions(Subscribing, Protocol):
    """A hub, as far as sessions and readiness need it."""

    async def start(self) -> None:
        """Begin following the streams."""

    async def close(self) -> None:
        """End."""

    def health(self) -> Health:
        """Tell whether changes come through."""


def limits_of(settings: RealtimeSettings) -> SessionLimits:
    """Return the settings that bound a session."""
    return SessionLimits(**{name: getattr(settings, name) for name in SessionLimits.__slots__})


class Sessions:
    """All sessions of the process, on one event loop."""

    def __init__(self, *, settings: RealtimeSettings, hub: HubOfSessions, provider: IdentityProvider) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._limits = limits_of(settings)
        self._hub = hub
        self._access = Access(provider, check_seconds=settings.identity_check_seconds, clock=self._loop.time)
        self._resolver = Resolver(registry.resolve)
        self._tally: Tally = Tally()
        self._traffic = Traffic()
        self._clock = Clock()
        self._tasks: list[asyncio.Task[None]] = []
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, once; whoever asks meanwhile waits. Raises what the hub raises, and then may be tried again."""
        if self._tasks:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="starting")
        try:
            await asyncio.shield(self._starting)
        finally:
            self._starting = None

    async def _start(self) -> None:
        await self._hub.start()
        self._tasks = [
            self._keep("identity checks", self._access.run()),
            self._keep("clock", self._clock.run()),
            self._keep("counting", self._count_on()),
        ]

    def _keep(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_say_why)
        return task

    async def close(self) -> None:
        """End everything that was begun; sessions are for the server to close."""
        await end(self._tasks)
        await self._access.close()
        self._resolver.close()
        await self._hub.close()
        _of_loop.pop(self._loop, None)

    async def open(self, transport: Transport, session_key: str | None) -> SessionDriver:
        """Begin a session on an open socket and welcome it.

        Raises Unavailable when it can't be found out who is there, LogUnavailable while the hub can't start.
        """
        await self.start()
        identity, checked_at = await self._access.identify(session_key)
        machine = Session(
            limits=self._limits, user=identity.label, checked_at=checked_at, tally=self._tally, now=self._loop.time()
        )
        driver = SessionDriver(
            machine,
            identity=identity,
            transport=transport,
            hub=self._hub,
            ask=self._resolver.ask,
            traffic=self._traffic,
            clock=self._clock,
            loop=self._loop,
        )
        self._access.join(driver)
        metrics.sessions.inc()
        driver.welcome(secrets.token_hex(8))
        return driver

    def end(self, driver: SessionDriver) -> None:
        """Take that a session's socket is gone."""
        self._access.leave(driver)
        metrics.sessions.dec()
        driver.disconnected()

    def health(self) -> Health:
        """Tell whether a change can travel the whole way to a session now; `start` first."""
        health = self._hub.health()
        died = [f"task {task.get_name()!r} has ended" for task in self._tasks if task.done()]
        return Health(ready=health.ready and not died, degraded=health.degraded, reasons=[*health.reasons, *died])

    async def _count_on(self) -> None:
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            self._count()

    def _count(self) -> None:
        """Turn what the sessions noted since the last round into metrics."""
        traffic, tally = self._traffic, dict(self._tally)
        metrics.session_frames.inc(traffic.frames)
        metrics.session_bytes.inc(traffic.bytes)
        traffic.frames = traffic.bytes = 0
        self._tally.clear()
        for (name, label), times in tally.items():
            metrics.SESSION_TALLY[name](label, times)


def _say_why(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("task_died", task=task.get_name(), exc_info=error)


_of_loop: dict[asyncio.AbstractEventLoop, Sessions] = {}


def sessions() -> Sessions:
    """Return the sessions of the running loop, made from the settings when there are none yet."""
    loop = asyncio.get_running_loop()
    found = _of_loop.get(loop)
    if found is None:
        settings = realtime_settings()
        provider: IdentityProvider = import_string(settings.identity)() if settings.identity else NobodyKnown()
        found = _of_loop[loop] = Sessions(settings=settings, hub=_hub(settings), provider=provider)
    return found


def _hub(settings: RealtimeSettings) -> Hub:
    captures = registry.captures()
    return Hub(
        settings=settings,
        streams={name: stream.captures for name, stream in registry.streams.items()},
        log=LogReader(conninfo_of(settings.database, "tideline-hub"), captures),
        bus=Bus.of(settings),
    )
