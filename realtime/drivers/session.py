"""The driver of one session: it joins the machine to the socket, the hub, the resolver and the clock.

It decides nothing. Effects are carried out in order; what happens meanwhile (a hub that answers at once) is
queued behind them. After each round the transport says whether it is congested, and the machine goes on.
A fault of ours ends this session, and disturbs no other.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from realtime.drivers.access import Identity
from realtime.drivers.resolver import Resolution
from realtime.errors import PeerError
from realtime.pure.changes import RowKey
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

    def __init__(
        self,
        machine: Session,
        *,
        identity: Identity,
        transport: Transport,
        hub: Subscribing,
        ask: Ask,
        traffic: Traffic,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.identity = identity
        self.machine = machine
        self._transport = transport
        self._hub = hub
        self._ask = ask
        self._traffic = traffic
        self._loop = loop
        self._attachments: dict[Subscription, Attachment] = {}
        self._effects: deque[object] = deque()
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
        self.guard(lambda now: self.machine.disconnected())
        if self._waking is not None:
            self._waking.cancel()

    def congested(self) -> None:
        """Take that the transport is congested: it is looked at after each write."""

    def drained(self) -> None:
        """Take that all that was queued has been written."""
        self.guard(self.machine.drained)

    def tick(self) -> None:
        """Take the time, about once a second."""
        socket = self._transport
        self.guard(lambda now: self.machine.tick(now, drained_bytes=socket.drained_bytes(), pongs=socket.pongs()))

    # The identity

    def identity_checked(self, at: float) -> None:
        """Take that the identity was good at that time."""
        self.guard(lambda now: self.machine.checked(at, now))

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
            self._break()

    def detach(self, subscription: Subscription) -> None:
        """Forget an attachment that the hub has dropped."""
        self._attachments.pop(subscription, None)

    # Effects

    def guard(self, step: Callable[[float], Effects]) -> None:
        """Take one step of the machine and carry out what it asks."""
        try:
            now = self._loop.time()
            self._effects.extend(step(now))
            if not self._carrying_out:
                self._carry_out(now)
        except Exception:
            logger.exception("session_broke")
            self._break()

    def _carry_out(self, now: float) -> None:
        self._carrying_out = True
        try:
            while self._effects:
                self._perform(self._effects.popleft())
                if not self._effects:
                    self._look(now)
        finally:
            self._carrying_out = False
        self._plan_waking()

    def _look(self, now: float) -> None:
        """Look at the transport after writing, and go on with what is owed while it takes it."""
        if self._transport.congested:
            self.machine.congest(now)
            return
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
                if attachment := self._attachments.pop(subscription, None):
                    self._hub.unsubscribe(attachment)
            case SendPing():
                self._transport.ping()
            case Close(code, reason):
                self._transport.close(code, reason)

    def _write(self, frame: bytes) -> None:
        self._transport.write(frame)
        self._traffic.frames += 1
        self._traffic.bytes += len(frame)

    def _open(self, subscription: Subscription, selection: Selection, cursor: tuple[str, int] | None) -> None:
        user = self.machine.outflow.user
        attachment = self._attachments[subscription] = Attachment(self, subscription)
        self._hub.subscribe(attachment, selection, cursor, lambda epoch: client_epoch(epoch, selection, user))

    def _resolved(self, subscription: Subscription, ticket: int, found: Resolution) -> None:
        if isinstance(found, Selection):
            self.guard(lambda now: self.machine.resolved(subscription, ticket, found, now))
        else:
            self.guard(lambda now: self.machine.refused(subscription, ticket, found, now))

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

    def _break(self) -> None:
        self._effects.clear()
        for attachment in self._attachments.values():
            self._hub.unsubscribe(attachment)
        self._attachments.clear()
        self.machine.closed = True
        self._transport.close(BROKEN, "internal error")


class Attachment:
    """One subscription at the hub: a `Subscriber` that hands everything to its session."""

    __slots__ = ("_driver", "_subscription")

    def __init__(self, driver: SessionDriver, subscription: Subscription) -> None:
        self._driver = driver
        self._subscription = subscription

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
        driver.detach(subscription)
        driver.guard(lambda now: driver.machine.revoked(subscription, now))

    def failed(self, error: PeerError) -> None:
        """Take the end of the subscription."""
        driver, subscription = self._driver, self._subscription
        driver.detach(subscription)
        driver.guard(lambda now: driver.machine.failed(subscription, error, now))
