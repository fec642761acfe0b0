"""The driver of one session: it joins the machine to the socket, the hub, the resolver and the clock.

It decides nothing. Effects are carried out in order; what happens meanwhile (a hub that answers at once) is
queued behind them. After each round the transport says whether it is congested, and the machine goes on.
A fault of ours ends this session, and disturbs no other.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from realtime.drivers.access import Identity
from realtime.drivers.clock import Clock
from realtime.drivers.resolver import Resolution
from realtime.errors import PeerError
from realtime.pure.changes import RowKey
from realtime.pure.lane import Lane
from realtime.pure.requests import Close, Effects, Open, Release, Resolve, SendPing
from realtime.pure.selection import Selection
from realtime.pure.session import Session
from realtime.pure.subscription import Subscription, client_epoch
from realtime.pure.view import Subscriber, Update, View
from realtime.server.extension import Transport

logger = structlog.get_logger("realtime.session")

BROKEN = 4003
"""Close code after a fault of ours: the client comes back with backoff."""


class Subscribing(Protocol):
    """What a session needs of the hub."""

    def subscribe(
        self,
        subscriber: Subscriber,
        selection: Selection,
        cursor: tuple[str, int] | None,
        epoch_for: Callable[[str], str],
    ) -> None:
        """Attach a subscriber to the view of a selection; it is told `opened` or `failed`, perhaps at once."""

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Detach it; it is told nothing more."""


Ask = Callable[[str, Identity, Callable[[Resolution], None]], None]
"""Resolve a topic for an identity; see `Resolver.ask`."""


class Traffic:
    """What the sessions of a process have written; turned into metrics once a second."""

    __slots__ = ("bytes", "frames")

    def __init__(self) -> None:
        self.frames = 0
        self.bytes = 0


class SessionDriver:
    """One connected client. Everything happens on the event loop's thread."""

    __slots__ = (
        "_ask",
        "_carrying_out",
        "_clock",
        "_effects",
        "_hub",
        "_loop",
        "_traffic",
        "_waking",
        "due_grain",
        "identity",
        "machine",
        "transport",
    )

    def __init__(
        self,
        machine: Session,
        *,
        identity: Identity,
        transport: Transport,
        hub: Subscribing,
        ask: Ask,
        traffic: Traffic,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.identity = identity
        self.machine = machine
        self.transport = transport
        self.due_grain = 0
        self._hub = hub
        self._ask = ask
        self._traffic = traffic
        self._clock = clock
        self._loop = loop
        self._effects: list[object] = []
        self._carrying_out = False
        self._waking: asyncio.TimerHandle | None = None
        transport.listener = self

    # The socket

    def welcome(self, name: str) -> None:
        """Send the first frame; `name` stands for this connection."""
        self.guard(lambda now: self.machine.welcome(name, self.identity.name))

    def received(self, message: str | bytes) -> None:
        """Take a text frame (text) or a binary one (bytes)."""
        if isinstance(message, str):
            self.guard(lambda now: self.machine.received(message, now))
        else:
            self.guard(lambda now: self.machine.received_binary())

    def disconnected(self) -> None:
        """Take that the socket is gone."""
        self.transport.listener = None
        self.guard(lambda now: self.machine.disconnected())
        if self._waking is not None:
            self._waking.cancel()

    def congested(self) -> None:
        """Take that the transport queues: from now on, what changes is remembered."""
        self.machine.congest(self._loop.time())
        self._plan_visit()

    def drained(self) -> None:
        """Take that all that was queued has been written."""
        self.guard(self.machine.drained)

    def tick(self) -> None:
        """Take the time, when the clock says so."""
        socket = self.transport
        self.guard(lambda now: self.machine.tick(now, drained_bytes=socket.drained_bytes(), pongs=socket.pongs()))

    # The identity

    def identity_checked(self, at: float) -> None:
        """Take that the identity was good at that time: once a second for everyone, so it does little."""
        outflow = self.machine.outflow
        outflow.checked_at = at
        if not outflow.idle:
            self.guard(self.machine.turn)

    def identity_changed(self, identity: Identity) -> None:
        """Take the identity's other rights."""
        self.identity = identity
        self.guard(lambda now: self.machine.identity_changed(identity.label))

    def identity_gone(self) -> None:
        """Take that nobody is signed in any more."""
        self.guard(lambda now: self.machine.identity_gone())

    # The hub

    def deliver(self, subscription: Subscription, update: Update) -> None:
        """Write an update, or have the machine remember it: the way that every delivered change takes."""
        now = self._loop.time()
        try:
            frames = self.machine.changed(subscription, update, now)
            if self._carrying_out:
                self._effects.extend(frames)
            elif frames:
                for frame in frames:
                    self._write(frame)
                self._look(now)
            else:
                self._plan_waking()
        except Exception:
            logger.exception("session_broke")
            self.broke()

    # Effects

    def guard(self, step: Callable[[float], Effects]) -> None:
        """Take one step of the machine and carry out what it asks."""
        try:
            now = self._loop.time()
            self._effects.extend(step(now))
            if not self._carrying_out:
                self._carry_out(now)
                self._plan_visit()
        except Exception:
            logger.exception("session_broke")
            self.broke()

    def _carry_out(self, now: float) -> None:
        self._carrying_out = True
        try:
            while self._effects:
                self._perform(self._effects.pop(0))
                if not self._effects:
                    self._look(now)
        finally:
            self._carrying_out = False
        self._plan_waking()

    def _look(self, now: float) -> None:
        """Go on after writing with what is owed, while the transport takes it."""
        more = self.machine.turn(now)
        if not more:
            return
        self._effects.extend(more)
        if not self._carrying_out:
            self._carry_out(now)

    def _perform(self, effect: object) -> None:
        match effect:
            case bytes():
                self._write(effect)
            case Resolve(subscription, ticket):
                self._ask(subscription.topic, self.identity, lambda found: self._resolved(subscription, ticket, found))
            case Open(subscription, selection, cursor):
                self._open(subscription, selection, (cursor.epoch, cursor.position) if cursor else None)
            case Release(subscription):
                if (attachment := subscription.member) is not None:
                    subscription.member = None
                    self._hub.unsubscribe(attachment)
            case SendPing():
                self.transport.ping()
            case Close(code, reason):
                self.transport.close(code, reason)

    def _write(self, frame: bytes) -> None:
        self.transport.write(frame)
        self._traffic.frames += 1
        self._traffic.bytes += len(frame)

    def _open(self, subscription: Subscription, selection: Selection, cursor: tuple[str, int] | None) -> None:
        user = self.machine.outflow.user
        attachment = subscription.member = Attachment(self, subscription)
        self._hub.subscribe(attachment, selection, cursor, lambda epoch: client_epoch(epoch, selection, user))

    def _resolved(self, subscription: Subscription, ticket: int, found: Resolution) -> None:
        if isinstance(found, Selection):
            self.guard(lambda now: self.machine.resolved(subscription, ticket, found, now))
        else:
            self.guard(lambda now: self.machine.refused(subscription, ticket, found, now))

    def _plan_visit(self) -> None:
        if not self.machine.closed:
            self._clock.plan(self, self.machine.next_tick)

    def _plan_waking(self) -> None:
        """Have the machine woken when a `max_rate` lets it write again."""
        at = self.machine.outflow.wake_at
        if at is None or (self._waking is not None and self._waking.when() <= at):
            return
        if self._waking is not None:
            self._waking.cancel()
        self._waking = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self.guard(self.machine.wake)

    def broke(self) -> None:
        """End this session after a fault of ours, which has been logged."""
        self._effects.clear()
        for effect in self.machine.disconnected():
            self._perform(effect)
        self.transport.close(BROKEN, "internal error")


class Attachment:
    """One subscription at the hub: a `Subscriber` that hands everything to its session, and its seat in a lane."""

    __slots__ = ("_driver", "_subscription", "lane", "outflow", "position", "write")

    def __init__(self, driver: SessionDriver, subscription: Subscription) -> None:
        self._driver = driver
        self._subscription = subscription
        self.lane: Lane | None = None
        self.position = 0
        self.outflow = driver.machine.outflow
        self.write = driver.transport.write_prepared

    def step_out(self) -> None:
        """Leave the lane, and take apart from others what it has not written."""
        driver, subscription = self._driver, self._subscription
        driver.guard(lambda now: driver.machine.step_out(subscription, now))

    def broke(self) -> None:
        """Take that writing raised an exception."""
        self._driver.broke()

    def opened(self, view: View, touched: Collection[RowKey] | None) -> None:
        """Take the view."""
        driver, subscription = self._driver, self._subscription
        driver.guard(lambda now: driver.machine.opened(subscription, view, touched, now))

    def changed(self, view: View, update: Update) -> None:
        """Take an update."""
        self._driver.deliver(self._subscription, update)

    def reset(self, view: View) -> None:
        """Take a view that was read anew."""
        driver, subscription = self._driver, self._subscription
        driver.guard(lambda now: driver.machine.reset(subscription, view, now))

    def revoked(self, view: View) -> None:
        """Take the end of the right."""
        driver, subscription = self._driver, self._subscription
        subscription.member = None
        driver.guard(lambda now: driver.machine.revoked(subscription, now))

    def failed(self, error: PeerError) -> None:
        """Take the end of the subscription."""
        driver, subscription = self._driver, self._subscription
        subscription.member = None
        driver.guard(lambda now: driver.machine.failed(subscription, error, now))
