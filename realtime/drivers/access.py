"""Access: who is behind each session, and whether they still are.

Identities are read in batches, off the loop: those of new connections together with all that ask while a
read is under way or rests, and those of all connected sessions once a second. A session learns when its identity was
last seen to be good, and writes nothing when that is too long ago; so when the check can't be made, nobody
is shown anything, and nobody is signed out.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import structlog

from realtime import metrics
from realtime.drivers.ending import end
from realtime.drivers.workers import Workers
from realtime.errors import Unavailable

logger = structlog.get_logger("realtime.access")

AT_ONCE = 500
"""So many sessions are told of a check before other tasks of the loop get their turn."""

REST_TIMES = 2.0
"""After a read for new connections the next one begins no sooner than so many times its duration later: a read costs
its few queries however many it serves, so that of a crowd, more come with each."""

REST_MAX_SECONDS = 0.05
"""Longest of these rests."""

SOONEST_SECONDS = 0.1
"""Shortest pause between two checks, also after a failed one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is behind a session: a Django user (perhaps anonymous), and the name that the client is told.

    `fingerprint` changes whenever something does on which rights rest: roles, customer, … The session's key
    never leaves the process.
    """

    session_key: str | None
    user: Any
    name: str | None
    fingerprint: str

    @property
    def label(self) -> str:
        """What stands for the user in opaque epochs: nothing for an anonymous one."""
        return "" if self.session_key is None else str(self.user.pk)


class IdentityProvider(Protocol):
    """Where identities come from: `settings.REALTIME["identity"]`, a class without arguments."""

    def load(self, session_keys: Collection[str]) -> Mapping[str, Identity]:
        """Return the identities of the sessions that are signed in; may query, is called off the loop.

        A session that is missing in the answer has signed out, expired, or belongs to a user who was
        deactivated.
        """


class NobodyKnown:
    """The provider of a project without one: everyone is anonymous."""

    def load(self, session_keys: Collection[str]) -> Mapping[str, Identity]:
        """Return nobody."""
        return {}


class Member(Protocol):
    """A connected session, as the check sees it."""

    identity: Identity

    def identity_checked(self, at: float) -> None:
        """Take that the identity was good at that time."""

    def identity_changed(self, identity: Identity) -> None:
        """Take the identity's other rights."""

    def identity_gone(self) -> None:
        """Take that nobody is signed in any more."""


@lru_cache(maxsize=1)
def anonymous() -> Identity:
    """Return the identity of clients without a sign-in."""
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 (needs loaded apps, which importing this module must not)

    return Identity(session_key=None, user=AnonymousUser(), name=None, fingerprint="")


class Access:
    """The identities of one process's sessions. Belongs to one event loop; `run` is to be kept as a task."""

    def __init__(
        self, provider: IdentityProvider, *, check_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider = provider
        self._check_seconds = check_seconds
        self._clock = clock
        self._members: set[Member] = set()
        self._asked: dict[str, asyncio.Future[tuple[Identity, float]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._workers = Workers("identity", 2)

    async def identify(self, session_key: str | None) -> tuple[Identity, float]:
        """Return who is behind a session key, and when that was known; raise Unavailable when it can't be read.

        A key that nobody is signed in with is an anonymous client, which can't grow stale.
        """
        if session_key is None:
            return anonymous(), float("inf")
        asked = self._asked.get(session_key)
        if asked is None:
            asked = self._asked[session_key] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_asked(), name="identities of new sessions")
        return await asyncio.shield(asked)

    def join(self, member: Member) -> None:
        """Check a session from now on."""
        self._members.add(member)

    def leave(self, member: Member) -> None:
        """Check a session no longer."""
        self._members.discard(member)

    async def run(self) -> None:
        """Check all sessions once in `check_seconds`, for ever."""
        while True:
            started = self._clock()
            good = await self._check(started)
            took = self._clock() - started
            pause = self._check_seconds - took if good else SOONEST_SECONDS
            await asyncio.sleep(max(SOONEST_SECONDS, pause))

    async def close(self) -> None:
        """End what is under way."""
        if self._reading is not None:
            await end([self._reading])
        self._workers.close()

    async def _read_asked(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                started = self._clock()
                await self._answer(asked)
                await asyncio.sleep(min(REST_MAX_SECONDS, REST_TIMES * (self._clock() - started)))
        finally:
            self._reading = None

    async def _answer(self, asked: Mapping[str, "asyncio.Future[tuple[Identity, float]]"]) -> None:
        at = self._clock()
        try:
            found = await self._workers.run(self._provider.load, asked.keys())
        except Exception as error:  # noqa: BLE001 (whatever a provider raises, nobody was found)
            logger.warning("identities_unread", sessions=len(asked), error=repr(error))
            metrics.identity_checks.labels("failed").inc()
            for future in asked.values():
                future.set_exception(Unavailable("who you are could not be read"))
                future.exception()  # whoever asked may be gone already
            return
        for key, future in asked.items():
            identity = found.get(key)
            future.set_result((anonymous(), float("inf")) if identity is None else (identity, at))

    async def _check(self, started: float) -> bool:
        """Tell every session what became of its identity; tell whether that could be found out."""
        keys = {member.identity.session_key for member in self._members} - {None}
        if not keys:
            return True
        try:
            with metrics.identity_seconds.time():
                found = await self._workers.run(self._provider.load, [key for key in keys if key is not None])
        except Exception as error:  # noqa: BLE001 (whatever a provider raises, nobody was found)
            logger.warning("identities_unchecked", sessions=len(keys), error=repr(error))
            metrics.identity_checks.labels("failed").inc()
            return False
        metrics.identity_checks.labels("ok").inc()
        for index, member in enumerate(list(self._members)):
            if member.identity.session_key in keys:
                _tell(member, found, started)
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        return True


def _tell(member: Member, found: Mapping[str, Identity], at: float) -> None:
    key = member.identity.session_key
    identity = found.get(key) if key is not None else None
    if identity is None:
        metrics.identity_changes.labels("gone").inc()
        member.identity_gone()
        return
    if identity.fingerprint != member.identity.fingerprint or identity.label != member.identity.label:
        metrics.identity_changes.labels("changed").inc()
        member.identity_changed(identity)
    member.identity_checked(at)
