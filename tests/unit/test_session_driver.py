"""The driver carries out what the machine asks, in order, and a fault of one session stays its own."""

import asyncio
import gc
import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from realtime.drivers.access import Identity
from realtime.drivers.clock import Clock
from realtime.drivers.fanout import Fanout
from realtime.drivers.resolver import Resolution, Resolver
from realtime.drivers.session import BROKEN, SessionDriver, Traffic
from realtime.drivers.transport import SendTransport
from realtime.errors import Forbidden
from realtime.pure.outflow import Tally
from realtime.pure.selection import Selection
from realtime.pure.session import Session
from realtime.pure.view import Subscriber
from realtime.server.budget import Budget
from realtime.server.extension import Listener, Prepared
from tests.support.sessions import LIMITS, NEVER_STALE, PlainView, selection
from tests.support.waiting import soon

ANNA = Identity(session_key="k", user=SimpleNamespace(pk=1), name="anna", fingerprint="1")


class Socket:
    """A transport that takes what it is allowed to."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.closed: list[int] = []
        self.congested = False
        self.congest_on_write = False
        self.broken = False
        self.writes = 0
        self.listener: Listener | None = None

    def write(self, payload: bytes) -> None:
        """Keep the frame."""
        self.written.append(json.loads(payload))
        self._wrote()

    def write_prepared(self, frames: Prepared) -> None:
        """Keep the frames."""
        if self.broken:
            raise ZeroDivisionError
        self.written += [json.loads(payload) for payload in frames.payloads]
        self._wrote()

    def _wrote(self) -> None:
        self.writes += 1
        if self.congest_on_write and not self.congested:
            self.congested = True
            assert self.listener is not None
            self.listener.congested()

    def drain(self) -> None:
        """Tell that all was written."""
        assert self.listener is not None
        self.congested = self.congest_on_write = False
        self.listener.drained()

    def drained_bytes(self) -> int:
        """Return how much was taken."""
        return len(self.written)

    def ping(self) -> None:
        """Do nothing."""

    def pongs(self) -> int:
        """Return none."""
        return 0

    def close(self, code: int, reason: str = "") -> None:
        """Keep the code."""
        self.closed.append(code)

    def abort(self) -> None:
        """Do nothing."""

    def types(self) -> list[str]:
        """Return the types of what was written."""
        return [frame["type"] for frame in self.written]


class Told(list[str]):
    """A listener that keeps what it was told."""

    def congested(self) -> None:
        """Keep it."""
        self.append("congested")

    def drained(self) -> None:
        """Keep it."""
        self.append("drained")


class HubAtHand:
    """A hub with one view, which it opens at once."""

    def __init__(self, view: PlainView) -> None:
        self.view = view
        self.fanout = Fanout(stale_seconds=LIMITS.identity_stale_seconds)

    @property
    def subscribers(self) -> list[Subscriber]:
        """Return who is subscribed."""
        return list(self.view.listeners.open)

    def subscribe(
        self,
        subscriber: Subscriber,
        selection: Selection,
        cursor: tuple[str, int] | None,
        epoch_for: Callable[[str], str],
    ) -> None:
        """Open the view at once."""
        self.view.listeners.add(subscriber)
        subscriber.opened(self.view, [] if cursor and epoch_for(self.view.epoch) == cursor[0] else None)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget the subscriber."""
        self.view.listeners.discard(subscriber)

    def change(self, changed: dict[int, dict[str, Any] | None]) -> None:
        """Change the view and tell all."""
        update = self.view.change(changed)
        apart = list(self.view.listeners.apart)
        for lane in self.view.listeners.take(update):
            self.fanout.add(lane)
        for subscriber in apart:
            subscriber.changed(self.view, update)


def connect(hub: HubAtHand, found: Resolution | None = None) -> tuple[SessionDriver, Socket]:
    """Return a session whose topics resolve at once."""
    loop = asyncio.get_running_loop()
    machine = Session(limits=LIMITS, user="1", checked_at=NEVER_STALE, tally=Tally(), now=loop.time())
    socket = Socket()

    def ask(topic: str, identity: Identity, answer: Callable[[Resolution], None]) -> None:
        answer(found or selection())

    driver = SessionDriver(
        machine, identity=ANNA, transport=socket, hub=hub, ask=ask, traffic=Traffic(), clock=Clock(), loop=loop
    )
    return driver, socket


async def test_answers_that_come_at_once_are_written_in_order() -> None:
    """Resolver and hub that answer within the command: one snapshot, then changes; leaving detaches."""
    hub = HubAtHand(PlainView(rows=[1]))
    driver, socket = connect(hub)
    driver.welcome("s")
    driver.received('{"type":"subscribe","id":1,"topic":"stock"}')
    hub.change({1: {"n": 1}})
    await soon(lambda: len(socket.written) == 3)
    driver.received('{"type":"ping","id":2}')
    assert socket.types() == ["welcome", "snapshot", "changes", "pong"]
    driver.received('{"type":"unsubscribe","id":3,"topic":"stock"}')
    assert hub.subscribers == []
    driver.received('{"type":"subscribe","id":4,"topic":"stock"}')
    driver.disconnected()
    assert hub.subscribers == []


async def test_a_refused_topic_is_an_error() -> None:
    """What the resolver refuses never reaches the hub."""
    hub = HubAtHand(PlainView())
    driver, socket = connect(hub, Forbidden("no"))
    driver.received('{"type":"subscribe","id":1,"topic":"stock"}')
    assert [frame["code"] for frame in socket.written] == ["forbidden"]
    assert hub.subscribers == []


async def test_a_congested_socket_is_spared_until_it_drains() -> None:
    """After the write that congests it, nothing more is written; then only the latest state."""
    hub = HubAtHand(PlainView(rows=[1]))
    driver, socket = connect(hub)
    driver.received('{"type":"subscribe","id":1,"topic":"stock"}')
    socket.congest_on_write = True
    hub.change({1: {"n": 0}})
    await soon(lambda: socket.congested)
    for n in range(10):
        hub.change({1: {"n": n}})
    assert socket.types() == ["snapshot", "changes"]
    socket.drain()
    assert [change["row"] for change in socket.written[-1]["changes"]] == [{"n": 9}]
    assert socket.types() == ["snapshot", "changes", "changes"]


async def test_max_rate_is_woken_by_the_clock() -> None:
    """What a rate held back is written by itself, when its time has come, and not sooner."""
    hub = HubAtHand(PlainView(rows=[1]))
    driver, socket = connect(hub)
    loop = asyncio.get_running_loop()
    start = loop.time()
    driver.received('{"type":"subscribe","id":1,"topic":"stock","max_rate":50}')
    for n in range(10):
        hub.change({1: {"n": n}})
    await soon(lambda: socket.written[-1].get("changes", [{}])[0].get("row") == {"n": 9})
    assert 2 <= socket.types().count("changes") <= 1 + 50 * (loop.time() - start)


async def test_a_session_that_breaks_disturbs_no_other() -> None:
    """Its socket is closed for coming back; the hub goes on telling the others."""
    hub = HubAtHand(PlainView(rows=[1]))
    (broken, its_socket), (_, other_socket) = pair = [connect(hub) for _ in range(2)]
    for driver, _ in pair:
        driver.received('{"type":"subscribe","id":1,"topic":"stock"}')
    its_socket.broken = True
    hub.change({1: {"n": 1}})
    hub.change({1: {"n": 2}})
    await soon(lambda: len(other_socket.written) == 3)
    assert its_socket.closed == [BROKEN]
    assert other_socket.types() == ["snapshot", "changes", "changes"]
    broken.received('{"type":"ping","id":2}')
    broken.disconnected()
    assert its_socket.types() == ["snapshot"]


async def test_a_topic_is_resolved_once_for_all_who_ask_at_once() -> None:
    """The same topic for the same rights is one call, off the loop; another user's is another."""
    calls = []

    def resolve(topic: str, user: Any) -> Selection:
        calls.append((topic, user.pk))
        return selection()

    resolver, found = Resolver(resolve), list[Resolution]()
    other = Identity(session_key="j", user=SimpleNamespace(pk=2), name="bert", fingerprint="1")
    for identity in (ANNA, ANNA, other):
        resolver.ask("stock", identity, found.append)
    assert found == []
    await soon(lambda: len(found) == 3)
    assert sorted(calls) == [("stock", 1), ("stock", 2)]
    resolver.close()


async def test_equal_selections_are_one_while_they_are_in_use() -> None:
    """P8: a topic that shows everyone the same is kept once, and its fingerprint is made once."""
    resolver, found = Resolver(lambda _topic, _user: selection()), list[Any]()
    other = Identity(session_key="j", user=SimpleNamespace(pk=2), name="bert", fingerprint="1")
    for identity in (ANNA, other):
        resolver.ask("stock", identity, found.append)
    await soon(lambda: len(found) == 2)
    assert found[0] is found[1]
    found.clear()
    gc.collect()
    assert len(resolver._known) == 0
    resolver.close()


async def test_topics_that_wait_for_a_database_don_t_keep_the_others() -> None:
    """One thread takes all questions while they are answered at once; where one waits, others help."""
    may_answer, threads = threading.Event(), set[str]()

    def resolve(topic: str, user: Any) -> Selection:
        threads.add(threading.current_thread().name)
        if topic.startswith("slow"):
            assert may_answer.wait(20)
        return selection()

    resolver, found = Resolver(resolve), list[Any]()
    for number in range(100):
        resolver.ask(f"quick/{number}", ANNA, found.append)
    await soon(lambda: len(found) == 100)
    assert len(threads) == 1
    for topic in ("slow/1", "slow/2", "quick"):
        resolver.ask(topic, ANNA, found.append)
    await soon(lambda: len(found) == 101)
    may_answer.set()
    await soon(lambda: len(found) == 103)
    resolver.ask("quick", ANNA, found.append)
    await soon(lambda: len(found) == 104)
    resolver.close()


async def test_a_topic_function_that_fails_is_unavailable() -> None:
    """Our own fault is not the client's: it may try again."""

    def resolve(topic: str, user: Any) -> Selection:
        raise ZeroDivisionError

    resolver, found = Resolver(resolve), list[Any]()
    resolver.ask("stock", ANNA, found.append)
    await soon(lambda: found)
    assert (found[0].code, found[0].retry) == ("unavailable", True)
    resolver.close()


async def test_without_the_extension_frames_go_through_send() -> None:
    """In order, congested while `send` waits, drained when it has taken all, closed after what was queued."""
    sent: list[dict[str, Any]] = []
    may_send = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        await may_send.wait()
        sent.append(message)

    told = Told()
    transport = SendTransport(send, Budget(connection_bytes=65_536, process_bytes=1 << 20))
    transport.listener = told
    running = asyncio.create_task(transport.run())
    transport.write(b"a" * 70_000)
    transport.write_prepared(Prepared([b"b", b"c"]))
    assert [transport.congested] == [True]  # in a list: mypy does not see that it changes meanwhile
    assert transport.drained_bytes() == 0
    may_send.set()
    await soon(lambda: "drained" in told)
    assert told == ["congested", "drained"]
    assert not transport.congested
    assert transport.drained_bytes() == 70_002
    transport.close(4501, "sign in again")
    transport.write(b"too late")
    await running
    assert [message.get("text", "")[:1] for message in sent] == ["a", "b", "c", ""]
    assert sent[-1] == {"type": "websocket.close", "code": 4501, "reason": "sign in again"}
