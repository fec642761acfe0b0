"""Lanes and passes: who is level gets the same bytes, who is not gets what it lacks, nobody gets it twice (P3, P6)."""

import asyncio
import json
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from realtime.drivers import fanout
from realtime.drivers.access import Identity
from realtime.drivers.clock import Clock
from realtime.drivers.fanout import Fanout
from realtime.drivers.resolver import Resolution
from realtime.drivers.session import SessionDriver, Traffic
from realtime.pure import lane
from realtime.pure.lane import Lane
from realtime.pure.outflow import Tally
from realtime.pure.selection import Selection
from realtime.pure.session import Session
from realtime.pure.subscription import Subscription
from realtime.pure.view import Subscriber, Update
from realtime.server.extension import Listener, Prepared
from tests.support.sessions import LIMITS, NEVER_STALE, Client, PlainView, selection
from tests.support.waiting import soon

ANNA = Identity(session_key="k", user=SimpleNamespace(pk=1), name="anna", fingerprint="1")
OFTEN = ["change"] * 6 + ["slice"] * 6
SELDOM = ["large", "clog", "drain", "recheck", "resolve", "stale", "fresh", "on", "off", "reset"]
SEEDS = 300
STEPS = 120


class Socket:
    """A transport whose client applies what it gets, and which can be told to be congested by its next write."""

    def __init__(self) -> None:
        self.client = Client()
        self.listener: Listener | None = None
        self.congested = False
        self.clogs = False
        self.writes: list[list[bytes]] = []

    def write(self, payload: bytes) -> None:
        """Give a frame to the client."""
        self._take([payload])

    def write_prepared(self, frames: Prepared) -> None:
        """Give frames to the client."""
        self._take(list(frames.payloads))

    def _take(self, payloads: list[bytes]) -> None:
        self.writes.append(payloads)
        for payload in payloads:
            self.client.take(payload)
        if self.clogs and not self.congested:
            self.congested = True
            assert self.listener is not None
            self.listener.congested()

    def drain(self) -> None:
        """Have written all."""
        self.clogs = False
        if self.congested:
            self.congested = False
            assert self.listener is not None
            self.listener.drained()

    def drained_bytes(self) -> int:
        """Return none."""
        return 0

    def ping(self) -> None:
        """Do nothing."""

    def pongs(self) -> int:
        """Return none."""
        return 0

    def close(self, code: int, reason: str = "") -> None:
        """Fail: nothing here closes a session."""
        raise AssertionError(f"closed with {code} {reason}")

    def abort(self) -> None:
        """Do nothing."""


class OneView:
    """A hub with one view, that tells as `realtime.pure.audience` does."""

    def __init__(self, view: PlainView) -> None:
        self.view = view
        self.fanout = Fanout(stale_seconds=LIMITS.identity_stale_seconds)

    def subscribe(
        self,
        subscriber: Subscriber,
        selection: Selection,
        cursor: tuple[str, int] | None,
        epoch_for: Callable[[str], str],
    ) -> None:
        """Open the view at once."""
        self.view.listeners.add(subscriber)
        subscriber.opened(self.view, None)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget the subscriber."""
        self.view.listeners.discard(subscriber)

    def change(self, changed: dict[int, dict[str, Any] | None]) -> None:
        """Change rows."""
        update, apart = self.view.change(changed), list(self.view.listeners.apart)
        for each in self.view.listeners.take(update):
            self.fanout.add(each)
        for subscriber in apart:
            if subscriber in self.view.listeners.apart:
                subscriber.changed(self.view, update)

    def reset(self) -> None:
        """Read the view anew."""
        self.view.position += 1
        for subscriber in list(self.view.listeners.open):
            subscriber.reset(self.view)


class Person:
    """One session on the view."""

    def __init__(self, hub: OneView) -> None:
        loop = asyncio.get_running_loop()
        self.socket = Socket()
        self.answers: list[Callable[[Resolution], None]] = []
        self.driver = SessionDriver(
            Session(limits=LIMITS, user="1", checked_at=NEVER_STALE, tally=Tally(), now=loop.time()),
            identity=ANNA,
            transport=self.socket,
            hub=hub,
            ask=lambda topic, identity, answer: self.answers.append(answer),
            traffic=Traffic(),
            clock=Clock(),
            loop=loop,
        )

    def subscribe(self, topic: str = "stock") -> None:
        """Subscribe to the view under a name, unless that is done."""
        self.driver.received(json.dumps({"type": "subscribe", "id": 1, "topic": topic}))
        self.resolve()

    def unsubscribe(self, topic: str = "stock") -> None:
        """Give it up, if it is subscribed."""
        self.driver.received(json.dumps({"type": "unsubscribe", "id": 2, "topic": topic}))

    def recheck(self) -> None:
        """Have everything resolved again: nothing may be written until `resolve`."""
        self.driver.identity_changed(ANNA)

    def resolve(self) -> None:
        """Answer all resolutions that are awaited."""
        answers, self.answers = self.answers, []
        for answer in answers:
            answer(selection())

    def stale(self) -> None:
        """Let the identity's last check be long ago."""
        self.driver.machine.outflow.checked_at = -10.0

    def fresh(self) -> None:
        """Check the identity."""
        self.driver.identity_checked(NEVER_STALE)

    def settle(self) -> None:
        """Let nothing stand in the way any more."""
        self.resolve()
        self.fresh()
        self.socket.drain()

    def has(self, view: PlainView) -> bool:
        """Tell whether every topic that the client has shows the view, exactly."""
        return all(self.socket.client.has(view, topic) for topic in self.socket.client.rows)


async def passes(hub: OneView) -> None:
    """Let the fan-out do all it has to."""
    await soon(lambda: hub.fanout._turn is None and not hub.fanout._resting)


async def play(seed: int) -> None:
    """Go through random steps, the slices of passes between them; at last everyone has the view."""
    random = Random(seed)
    hub = OneView(PlainView(rows=range(12)))
    people = [Person(hub) for _ in range(4)]
    for _ in range(STEPS):
        person = random.choice(people)
        match random.choice(OFTEN + SELDOM):
            case "change":
                keys = random.sample(range(12), random.randrange(1, 4))
                hub.change({key: random.choice([None, {"n": random.random()}]) for key in keys})
            case "large":
                hub.change({key: {"n": "x" * 60} for key in range(12)})
            case "slice":
                await asyncio.sleep(0)
            case "clog":
                person.socket.clogs = True
            case "drain":
                person.socket.drain()
            case "on":
                person.subscribe(random.choice(["stock", "also"]))
            case "off":
                person.unsubscribe(random.choice(["stock", "also"]))
            case "reset":
                hub.reset()
            case step:
                getattr(person, step)()
    for person in people:
        person.settle()
    await passes(hub)
    for person in people:
        assert person.has(hub.view)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes of a few frames, slices of a few members, no rest: all that can come between them does."""
    monkeypatch.setattr(fanout, "REST_FROM_SECONDS", float("inf"))
    monkeypatch.setattr(lane, "PASS_BYTES", 400)
    monkeypatch.setattr(fanout, "SLICE_MEMBERS", 3)


@pytest.mark.usefixtures("narrow")
async def test_whatever_comes_between_slices_everyone_gets_the_view_exactly() -> None:
    """Changes, congestion, rechecks, stale identities, comings and goings between any two writes (P3, P5, P6)."""
    for seed in range(SEEDS):
        await play(seed)


async def _goes_red() -> bool:
    for seed in range(SEEDS):
        try:
            await play(seed)
        except AssertionError:
            return True
    return False


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("bug", ["forgets what was missed", "hands over too much", "writes on in spite of a recheck"])
async def test_the_check_sees_a_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeded: each turns it red."""
    leave = Lane.leave

    def forgetful(self: Lane, member: Any) -> list[Update]:
        leave(self, member)
        return []

    def generous(self: Lane, member: Any) -> list[Update]:
        everything = list(self._updates)
        leave(self, member)
        return everything

    def stays(self: Subscription) -> list[Update]:
        return []

    if bug == "forgets what was missed":
        monkeypatch.setattr(Lane, "leave", forgetful)
    elif bug == "hands over too much":
        monkeypatch.setattr(Lane, "leave", generous)
        monkeypatch.setattr(Subscription, "follow", lambda self, lane: setattr(self, "position", -1))
    else:
        monkeypatch.setattr(Subscription, "leave_lane", stays)
    assert await _goes_red()


async def people_on(hub: OneView, count: int, *topics: str) -> list[Person]:
    """Return so many people who are level under these topic names."""
    people = [Person(hub) for _ in range(count)]
    for person in people:
        for topic in topics:
            person.subscribe(topic)
        person.socket.writes.clear()
    assert not hub.view.listeners.apart
    return people


async def test_updates_that_meet_leave_in_one_write() -> None:
    """Three batches between two iterations of the loop: one write for each socket, of the same three frames."""
    hub = OneView(PlainView(rows=[1, 2]))
    people = await people_on(hub, 3, "stock")
    for n in range(3):
        hub.change({1: {"n": n}})
    await passes(hub)
    assert [len(person.socket.writes) for person in people] == [1, 1, 1]
    first, *others = [person.socket.writes[0] for person in people]
    assert len(first) == 3
    assert all(mine is yours for other in others for mine, yours in zip(first, other, strict=True))


async def test_topics_that_meet_leave_in_one_write() -> None:
    """What one batch changed in two topics of a client is one write; clients of both share it."""
    hub = OneView(PlainView(rows=[1]))
    people = await people_on(hub, 2, "stock", "also")
    hub.change({1: {"n": 1}})
    await passes(hub)
    assert [[len(write) for write in person.socket.writes] for person in people] == [[2], [2]]


async def test_a_fan_out_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than SLICE_MEMBERS are written to between two turns of the loop; a small topic waits for one slice."""
    monkeypatch.setattr(fanout, "REST_FROM_SECONDS", float("inf"))
    monkeypatch.setattr(fanout, "SLICE_MEMBERS", 10)
    crowded, small = OneView(PlainView(rows=[1])), OneView(PlainView(rows=[1]))
    small.fanout = crowded.fanout
    crowd, (one,) = await people_on(crowded, 100, "stock"), await people_on(small, 1, "stock")
    crowded.change({1: {"n": 1}})
    written = [0]
    small.change({1: {"n": 1}})
    turns_until_small = 0
    while written[-1] < 100:
        await asyncio.sleep(0)
        turns_until_small += not one.socket.writes
        written.append(sum(len(person.socket.writes) for person in crowd))
        assert written[-1] - written[-2] <= 10
    assert turns_until_small <= 2


async def test_a_lane_that_took_long_rests_and_what_comes_meanwhile_leaves_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first update leaves at once; those that come while the lane rests wait for its end, and are one write."""
    monkeypatch.setattr(fanout, "REST_FROM_SECONDS", 0.0)
    hub = OneView(PlainView(rows=[1]))
    (person,) = await people_on(hub, 1, "stock")
    hub.change({1: {"n": 0}})
    await soon(lambda: len(person.socket.writes) == 1)
    (resting,) = {each.lane for each in hub.view.listeners.open}  # type: ignore[attr-defined]  # all are level
    resting.rests_until = asyncio.get_running_loop().time() + 0.05
    for n in range(1, 4):
        hub.change({1: {"n": n}})
        await asyncio.sleep(0)
    assert len(person.socket.writes) == 1
    await passes(hub)
    assert [len(write) for write in person.socket.writes] == [1, 3]
    assert person.has(hub.view)


async def test_an_update_larger_than_a_pass_is_taken_by_each_at_its_own_speed() -> None:
    """A megabyte goes to no socket at once: the one that is congested by its first frame gets no second."""
    hub = OneView(PlainView(rows=range(40), frame_max_bytes=64 * 1024))
    slow, quick = await people_on(hub, 2, "stock")
    slow.socket.clogs = True
    hub.change({key: {"n": "x" * 16_000} for key in range(40)})
    await passes(hub)
    assert quick.has(hub.view)
    assert sum(len(write) for write in slow.socket.writes) == 1
    slow.socket.drain()
    await passes(hub)
    assert slow.has(hub.view)


async def test_who_is_told_apart_comes_back_to_the_lane() -> None:
    """Congestion, a recheck and a stale identity are passing: afterwards all are level again."""
    hub = OneView(PlainView(rows=[1]))
    for trouble, relief in (("clog", "drain"), ("recheck", "resolve"), ("stale", "fresh")):
        (person,) = await people_on(hub, 1, "stock")
        if trouble == "clog":
            person.socket.clogs = True
        else:
            getattr(person, trouble)()
        hub.change({1: {"n": trouble}})
        await passes(hub)
        hub.change({1: {"n": relief}})
        assert len(hub.view.listeners.apart) == 1
        person.settle()
        await passes(hub)
        assert not hub.view.listeners.apart
        assert person.has(hub.view)
