"""Identities are read in batches, and a session is told what became of its own."""

import asyncio
import threading
from collections.abc import Collection, Mapping
from types import SimpleNamespace

import pytest

from realtime.drivers import access as module
from realtime.drivers.access import Access, Identity
from realtime.errors import Unavailable
from tests.support.waiting import soon


def identity(key: str, *, rights: str = "1", pk: int = 1) -> Identity:
    """Return the identity of a session of the user with this primary key."""
    return Identity(session_key=key, user=SimpleNamespace(pk=pk), name="anna", fingerprint=rights)


class Provider:
    """Knows who is signed in; can be held up, and can fail."""

    def __init__(self, *known: Identity) -> None:
        self.known = {each.session_key: each for each in known}
        self.asked: list[set[str]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.broken = False

    def load(self, session_keys: Collection[str]) -> Mapping[str, Identity]:
        """Answer, when that is allowed."""
        self.asked.append(set(session_keys))
        assert self.may_answer.wait(10)
        if self.broken:
            raise OSError("out of reach")
        return {key: self.known[key] for key in session_keys if key in self.known}


class Member:
    """A session that keeps what it is told."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.checked: list[float] = []
        self.gone = 0

    def identity_checked(self, at: float) -> None:
        """Keep the time."""
        self.checked.append(at)

    def identity_changed(self, identity: Identity) -> None:
        """Take the new one."""
        self.identity = identity

    def identity_gone(self) -> None:
        """Count."""
        self.gone += 1


async def test_those_who_connect_together_are_read_together() -> None:
    """While one read is under way, all that ask meanwhile share the next; the same key is asked for once."""
    provider = Provider(identity("a"), identity("b"), identity("c"))
    access = Access(provider, check_seconds=60)
    provider.may_answer.clear()
    first = asyncio.create_task(access.identify("a"))
    await soon(lambda: provider.asked)
    rest = [asyncio.create_task(access.identify(key)) for key in ("b", "c", "b", "nobody")]
    await asyncio.sleep(0)
    provider.may_answer.set()
    assert (await first)[0].session_key == "a"
    found = [each[0] for each in await asyncio.gather(*rest)]
    assert [each.session_key for each in found] == ["b", "c", "b", None]
    assert provider.asked == [{"a"}, {"b", "c", "nobody"}]
    await access.close()


async def test_a_crowd_is_read_in_few_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """P8: after a read the next one waits for more to come, for twice as long as the read took."""
    monkeypatch.setattr(module, "REST_MAX_SECONDS", 3600.0)
    now = [0.0]
    provider = Provider(*map(identity, "abcd"))
    access = Access(provider, check_seconds=60, clock=lambda: now[0])
    rests: list[float] = []
    may_go_on = asyncio.Event()

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        await may_go_on.wait()

    provider.may_answer.clear()
    first = asyncio.create_task(access.identify("a"))
    await soon(lambda: provider.asked)
    monkeypatch.setattr("realtime.drivers.access.asyncio.sleep", rest)
    now[0] = 2.0
    provider.may_answer.set()
    await first
    monkeypatch.undo()
    others = [asyncio.create_task(access.identify(key)) for key in "bcd"]
    await asyncio.sleep(0)
    assert (rests, provider.asked) == ([2.0 * module.REST_TIMES], [{"a"}])
    may_go_on.set()
    await asyncio.gather(*others)
    assert provider.asked == [{"a"}, {"b", "c", "d"}]
    await access.close()


async def test_a_client_without_a_sign_in_is_anonymous_and_never_stale() -> None:
    """Nothing is asked for it, and nothing can be lost."""
    provider = Provider()
    access = Access(provider, check_seconds=60)
    found, checked_at = await access.identify(None)
    assert (found.session_key, found.name, found.label, checked_at) == (None, None, "", float("inf"))
    assert found.user.is_anonymous
    assert provider.asked == []
    await access.close()


async def test_an_identity_that_cannot_be_read_is_unavailable() -> None:
    """An outage makes nobody anonymous; the next one to connect is read again."""
    provider = Provider(identity("a"))
    access = Access(provider, check_seconds=60)
    provider.broken = True
    with pytest.raises(Unavailable):
        await access.identify("a")
    provider.broken = False
    assert (await access.identify("a"))[0].session_key == "a"
    await access.close()


async def test_one_who_leaves_while_being_read_disturbs_nobody() -> None:
    """The read is shared: who gives up takes it from no one."""
    provider = Provider(identity("a"))
    access = Access(provider, check_seconds=60)
    provider.may_answer.clear()
    leaves, stays = (asyncio.create_task(access.identify("a")) for _ in range(2))
    await soon(lambda: provider.asked)
    leaves.cancel()
    provider.may_answer.set()
    assert (await stays)[0].session_key == "a"
    await access.close()


async def test_one_check_serves_all_sessions() -> None:
    """Each is told: good at the time when the check began, changed, or gone. Anonymous ones are not asked for."""
    good, changed, gone = (Member(identity(key)) for key in ("good", "changed", "gone"))
    anonymous = Member(Identity(session_key=None, user=None, name=None, fingerprint=""))
    provider = Provider(identity("good"), identity("changed", rights="2"))
    access = Access(provider, check_seconds=0.1)
    for member in (good, changed, gone, anonymous):
        access.join(member)
    checks = asyncio.create_task(access.run())
    await soon(lambda: good.checked)
    assert provider.asked[0] == {"good", "changed", "gone"}
    assert changed.identity.fingerprint == "2"
    assert changed.checked == good.checked
    assert (gone.gone, gone.checked, anonymous.gone, anonymous.checked) == (1, [], 0, [])
    access.leave(gone)
    await soon(lambda: len(provider.asked) > 1)
    assert provider.asked[1] == {"good", "changed"}
    checks.cancel()
    await access.close()


async def test_a_check_that_fails_tells_nobody_anything_and_is_made_again() -> None:
    """Nobody is signed out by an outage, and nobody counts as checked."""
    member = Member(identity("a"))
    provider = Provider(identity("a"))
    provider.broken = True
    access = Access(provider, check_seconds=60)
    access.join(member)
    checks = asyncio.create_task(access.run())
    await soon(lambda: len(provider.asked) > 2)
    assert (member.gone, member.checked) == (0, [])
    provider.broken = False
    await soon(lambda: member.checked)
    checks.cancel()
    await access.close()
