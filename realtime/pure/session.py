"""The session: one client's commands in, frames and requests out. No sockets, no clock, no loop.

Every method takes the time and returns effects in order: bytes are a frame to write, the others are requests
to the driver, which reports back through `resolved`, `refused`, `opened`, … After each round of writes the
driver says whether the transport is congested, and calls `turn` until it returns nothing.

    OPEN ── malformed, abusive, slow, silent, signed out ──▶ CLOSED        nothing is returned afterwards

A subscription's states and what may happen in each are the table in `realtime.pure.subscription`.
"""

from collections.abc import Collection
from typing import Final

from realtime.errors import (
    AlreadySubscribed,
    BadFrame,
    NotSubscribed,
    PeerError,
    RateLimited,
    TooManySubscriptions,
    UnknownTopic,
)
from realtime.pure import frames
from realtime.pure.changes import RowKey
from realtime.pure.commands import Command, Envelope, Ping, Subscribe, Unsubscribe, open_envelope
from realtime.pure.conflation import Owed
from realtime.pure.limits import Allowance, SessionLimits, Verdict
from realtime.pure.outflow import Outflow, Tally
from realtime.pure.patterns import NAME_CHARACTERS
from realtime.pure.requests import Close, Effects, Open, Release, Resolve, SendPing
from realtime.pure.selection import Selection
from realtime.pure.subscription import Event, State, Subscription
from realtime.pure.view import Update, View

SLOW, SILENT, ABUSIVE, MALFORMED, SIGNED_OUT = 4001, 4002, 4029, 4500, 4501
"""Close codes; 4000-4499 come back with backoff, 4500-4999 stay away."""


PING_SHARE: Final = 0.6
"""This share of the time in which a silent client is found passes between two pings, the rest is for the answer."""

SOON_SECONDS: Final = 1.0
"""How often the clock is asked for while something waits for it that has no time of its own."""


class Session:
    """The machine of one client. `user` stands for who it is, "" for anonymous."""

    __slots__ = (
        "_allowance",
        "_answered",
        "_apart",
        "_asked_while_congested",
        "_drained_at",
        "_drained_bytes",
        "_limits",
        "_pinged_at",
        "_pongs",
        "_subscriptions",
        "_tally",
        "_ticked_at",
        "closed",
        "outflow",
    )

    def __init__(self, *, limits: SessionLimits, user: str, checked_at: float, tally: Tally, now: float) -> None:
        self._limits = limits
        self._tally = tally
        self._subscriptions: dict[str, Subscription] = {}
        self._allowance = Allowance(
            per_second=limits.commands_per_second,
            burst=limits.commands_burst,
            bad_frames=limits.bad_frames_per_minute,
            now=now,
        )
        self.outflow = Outflow(
            user=user,
            checked_at=checked_at,
            stale_seconds=limits.identity_stale_seconds,
            frame_max_bytes=limits.frame_max_bytes,
            tally=tally,
            now=now,
        )
        self.closed = False
        self._apart = False
        """Perhaps a subscription could be told by a lane, and is not."""
        self._ticked_at = now
        self._drained_bytes, self._drained_at = 0, now
        self._pongs, self._pinged_at, self._answered = 0, now, True
        self._asked_while_congested = 0

    # Connection

    def welcome(self, session: str, user_name: str | None) -> Effects:
        """Return the first frame; `session` is a name for this connection."""
        limits = self._limits
        told = {
            "subscriptions": limits.subscriptions_max,
            "commands_per_second": limits.commands_per_second,
            "commands_burst": limits.commands_burst,
            "command_bytes": limits.command_max_bytes,
            "frame_bytes": limits.frame_max_bytes,
        }
        return [frames.welcome(session, user_name, limits.heartbeat_seconds, told)]

    def close(self, code: int, reason: str) -> Effects:
        """End the session: everything is released, then the socket is closed."""
        if self.closed:
            return []
        self._tally["close", str(code)] += 1
        return [*self.disconnected(), Close(code, reason)]

    def disconnected(self) -> Effects:
        """Take notice that the socket is gone: release everything."""
        self.closed = True
        effects: Effects = []
        for subscription in list(self._subscriptions.values()):
            if subscription.attached:
                effects.append(Release(subscription))
            self._end(subscription, Event.UNSUBSCRIBED)
        return effects

    # Commands

    def received(self, message: str | bytes, now: float) -> Effects:
        """Take one text frame from the client."""
        if self.closed:
            return []
        verdict = self._spend(now)
        if verdict is Verdict.CLOSE:
            return self.close(ABUSIVE, "too many commands, in spite of errors")
        try:
            envelope = self._open_envelope(message)
        except BadFrame as error:
            return self._bad_frame(None, error, now)
        try:
            if verdict is Verdict.REFUSE:
                raise RateLimited(f"at most {self._limits.commands_per_second:g} commands per second")
            command = envelope.command()
            self._tally["command", envelope.type] += 1
            assert envelope.id is not None
            return self._obey(command, envelope.id, now)
        except BadFrame as error:
            return self._bad_frame(envelope.id, error, now)
        except PeerError as error:
            return self._answer(self._error(error, envelope.id), now)

    def received_binary(self) -> Effects:
        """Take a binary frame: there are none in this protocol."""
        return self.close(MALFORMED, "binary frames are not spoken here")

    def _open_envelope(self, message: str | bytes) -> Envelope:
        if len(message) > self._limits.command_max_bytes:
            raise BadFrame(f"a command has at most {self._limits.command_max_bytes} bytes")
        return open_envelope(message)

    def _spend(self, now: float) -> Verdict:
        """Take a message into account; one that is asked on while it reads nothing would queue replies for ever."""
        if self.outflow.congested:
            self._asked_while_congested += 1
            if self._asked_while_congested > self._limits.commands_burst:
                return Verdict.CLOSE
        return self._allowance.spend(now)

    def _bad_frame(self, reply_to: bytes | None, error: PeerError, now: float) -> Effects:
        effects = self._answer(self._error(error, reply_to), now)
        if self._allowance.bad_frame(now):
            effects += self.close(MALFORMED, "too many bad frames")
        return effects

    def _obey(self, command: Command, reply_to: bytes, now: float) -> Effects:
        match command:
            case Subscribe():
                return self._subscribe(command, reply_to)
            case Unsubscribe(topic):
                return self._unsubscribe(topic, reply_to, now)
            case Ping():
                return self._answer(frames.pong(reply_to), now)

    def _subscribe(self, command: Subscribe, reply_to: bytes) -> Effects:
        topic = command.topic
        if topic in self._subscriptions:
            raise AlreadySubscribed(f"you are subscribed to {topic!r} already: unsubscribe first")
        if len(self._subscriptions) >= self._limits.subscriptions_max:
            raise TooManySubscriptions(f"at most {self._limits.subscriptions_max} subscriptions per connection")
        if len(topic) > NAME_CHARACTERS:
            raise UnknownTopic(f"there is no topic {topic[:80]!r}, or it is not yours")
        subscription = Subscription(
            topic=topic,
            topic_json=frames.text(topic),
            reply_to=reply_to,
            cursor=command.cursor,
            interval_seconds=1.0 / command.max_rate if command.max_rate else 0.0,
            owed=Owed(self._limits.conflation_max_keys),
        )
        self._subscriptions[topic] = subscription
        return [self._resolve(subscription)]

    def _unsubscribe(self, topic: str, reply_to: bytes, now: float) -> Effects:
        subscription = self._subscriptions.get(topic)
        if subscription is None:
            raise NotSubscribed(f"you are not subscribed to {topic[:80]!r}")
        effects: Effects = [Release(subscription)] if subscription.attached else []
        self._end(subscription, Event.UNSUBSCRIBED)
        if subscription.reply_to is not None:
            effects += self._answer(frames.unsubscribed(subscription.topic_json, reply_to=subscription.reply_to), now)
        return effects + self._answer(frames.unsubscribed(subscription.topic_json, reply_to=reply_to), now)

    # Answers of the resolver

    def resolved(self, subscription: Subscription, ticket: int, selection: Selection, now: float) -> Effects:
        """Take what a topic selects; an answer for an older identity is ignored."""
        if self._outdated(subscription, ticket):
            return []
        if subscription.state is State.RECHECKING and subscription.selection == selection:
            subscription.move(Event.CONFIRMED)
            return self.turn(now)
        effects: Effects = [Release(subscription)] if subscription.attached else []
        subscription.move(Event.RESOLVED)
        self.outflow.forget(subscription)
        subscription.selection, subscription.view = selection, None
        cursor, subscription.cursor = subscription.cursor, None
        subscription.resuming = cursor.position if cursor else None
        return [*effects, Open(subscription, selection, cursor)]

    def refused(self, subscription: Subscription, ticket: int, error: PeerError, now: float) -> Effects:
        """Take that a topic can't be resolved, or is not the user's (any more)."""
        if self._outdated(subscription, ticket):
            return []
        if subscription.state is State.RECHECKING and error.retry:
            subscription.move(Event.POSTPONED)
            subscription.postponed = True
            return []
        effects: Effects = [Release(subscription)] if subscription.attached else []
        return effects + self._lose(subscription, Event.REFUSED, error, "revoked", now)

    def _outdated(self, subscription: Subscription, ticket: int) -> bool:
        return subscription.state is State.ENDED or subscription.ticket != ticket

    def _resolve(self, subscription: Subscription) -> Resolve:
        subscription.ticket += 1
        subscription.postponed = False
        return Resolve(subscription, subscription.ticket)

    # Calls of the hub

    def opened(self, subscription: Subscription, view: View, touched: Collection[RowKey] | None, now: float) -> Effects:
        """Take the view: a snapshot is due (`touched` None), or the cursor is resumed."""
        subscription.move(Event.OPENED)
        subscription.view, self._apart = view, True
        self.outflow.owe(subscription, touched)
        if subscription.owed.snapshot:
            subscription.resuming = None
        return self.turn(now)

    def changed(self, subscription: Subscription, update: Update, now: float) -> list[bytes]:
        """Take an update: the one call per delivered change, so it does as little as it can."""
        if subscription.state is not State.LIVE:
            subscription.move(Event.CHANGED)
        written = self.outflow.update(subscription, update, now)
        if written:
            self.outflow.written_at = now
        return written

    def step_out(self, subscription: Subscription, now: float) -> Effects:
        """Be told apart what the lane has not written: at once, or later and conflated."""
        return [frame for update in self._leave_lane(subscription) for frame in self.changed(subscription, update, now)]

    def reset(self, subscription: Subscription, view: View, now: float) -> Effects:
        """Take a view that was read anew."""
        self._leave_lane(subscription)
        subscription.move(Event.RESET)
        subscription.view = view
        self.outflow.owe(subscription, None)
        subscription.resuming = None
        return self.turn(now)

    def revoked(self, subscription: Subscription, now: float) -> Effects:
        """Take that the row under the permission left."""
        error = UnknownTopic(f"there is no topic {subscription.topic!r}, or it is not yours")
        return self._lose(subscription, Event.REVOKED, error, "revoked", now)

    def failed(self, subscription: Subscription, error: PeerError, now: float) -> Effects:
        """Take that the hub could not open the subscription, or keep it."""
        return self._lose(subscription, Event.FAILED, error, error.code, now)

    def _lose(self, subscription: Subscription, event: Event, error: PeerError, code: str, now: float) -> Effects:
        """End a subscription against the client's will: an error while its subscribe is unanswered, else a push."""
        self._end(subscription, event)
        if subscription.reply_to is not None:
            return self._answer(self._error(error, subscription.reply_to), now)
        self._tally["ended", code] += 1
        return self._answer(frames.unsubscribed(subscription.topic_json, code=code, retry=error.retry), now)

    def _end(self, subscription: Subscription, event: Event) -> None:
        subscription.leave_lane()
        subscription.move(event)
        self.outflow.forget(subscription)
        del self._subscriptions[subscription.topic]

    # Identity

    def checked(self, at: float, now: float) -> Effects:
        """Take that the identity was good at a time: what was held because of its age is written."""
        self.outflow.checked_at = at
        return self.turn(now)

    def identity_changed(self, user: str) -> Effects:
        """Take another identity of the same sign-in: every topic is resolved again, and held until then."""
        if self.closed:
            return []
        if user != self.outflow.user:
            return self.identity_gone()
        effects: Effects = []
        for subscription in self._subscriptions.values():
            if subscription.state is State.OPENING:
                effects.append(Release(subscription))
            subscription.move(Event.IDENTITY_CHANGED)
            for update in self._leave_lane(subscription):
                self.outflow.owe(subscription, update.keys)
            effects.append(self._resolve(subscription))
        return effects

    def identity_gone(self) -> Effects:
        """Take that the user signed out, expired or was deactivated."""
        return self.close(SIGNED_OUT, "sign in again")

    # Transport and time

    def congest(self, now: float) -> None:
        """Take that the transport queues: nothing of the topics is written until it has drained."""
        if self.outflow.congested:
            return
        self.outflow.congested = True
        self._drained_at = now
        for subscription in self._subscriptions.values():
            self.step_out(subscription, now)

    def drained(self, now: float) -> Effects:
        """Take that the transport has drained."""
        self.outflow.congested = False
        self._pinged_at, self._answered = now, True
        self._asked_while_congested = 0
        return self.turn(now)

    def wake(self, now: float) -> Effects:
        """Take that `outflow.wake_at` has come."""
        self.outflow.wake_at = None
        return self.turn(now)

    def turn(self, now: float) -> Effects:
        """Return the next of what is owed and may be written now; what is level then is told by its lane."""
        if self.closed:
            return []
        written = self.outflow.turn(now)
        if written:
            self.outflow.written_at = now
        elif self._apart:
            self._join_lanes(now)
        return list(written)

    def _join_lanes(self, now: float) -> None:
        if self.outflow.congested or not self.outflow.idle or self.outflow.stale(now):
            return
        self._apart = False
        for subscription in self._subscriptions.values():
            if subscription.member is not None and subscription.lane is None and not subscription.interval_seconds:
                if subscription.state is State.LIVE:
                    subscription.join_lane()
                else:
                    self._apart = True

    def _leave_lane(self, subscription: Subscription) -> list[Update]:
        self._apart = True
        return subscription.leave_lane()

    @property
    def next_tick(self) -> float:
        """When `tick` should be called at the latest."""
        if self.outflow.congested or any(each.postponed for each in self._subscriptions.values()):
            return self._ticked_at + SOON_SECONDS
        share = PING_SHARE if self._answered else 1 - PING_SHARE
        return min(
            self.outflow.written_at + self._limits.heartbeat_seconds,
            self._pinged_at + self._limits.pong_wait_seconds * share,
        )

    def tick(self, now: float, *, drained_bytes: int, pongs: int) -> Effects:
        """Take the time, at `next_tick`, with the transport's counters: close, ping, heartbeat, try again."""
        if self.closed:
            return []
        self._ticked_at = now
        if drained_bytes != self._drained_bytes:
            self._drained_bytes, self._drained_at = drained_bytes, now
        if pongs != self._pongs:
            self._pongs, self._answered = pongs, True
        if self.outflow.congested:
            slow = now - self._drained_at >= self._limits.slow_close_seconds
            return self.close(SLOW, "took nothing for too long") if slow else []
        wait, pinged = self._limits.pong_wait_seconds, now - self._pinged_at
        if not self._answered and pinged >= wait * (1 - PING_SHARE):
            return self.close(SILENT, "no pong")
        effects: Effects = [self._resolve(each) for each in self._subscriptions.values() if each.postponed]
        if self._answered and pinged >= wait * PING_SHARE:
            self._pinged_at, self._answered = now, False
            effects.append(SendPing())
        return effects + self._heartbeat(now) + self.turn(now)

    def _heartbeat(self, now: float) -> Effects:
        """Tell how far quiet topics have come, and break a silence."""
        seconds = self._limits.heartbeat_seconds
        effects: Effects = []
        for subscription in self._subscriptions.values():
            effects += self.outflow.catch_up(subscription, now, seconds)
        if not effects and now - self.outflow.written_at >= seconds:
            effects.append(frames.HEARTBEAT)
        if effects:
            self.outflow.written_at = now
        return effects

    def _answer(self, frame: bytes, now: float) -> Effects:
        """Write a reply: also while congested, because commands are rationed."""
        self.outflow.written_at = now
        return [frame]

    def _error(self, error: PeerError, reply_to: bytes | None) -> bytes:
        self._tally["error", error.code] += 1
        return frames.error(error, reply_to=reply_to)
