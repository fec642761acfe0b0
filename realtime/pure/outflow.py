"""What a session writes of its topics, and when: at once, or later and conflated.

An update is written at once while nothing stands in the way. It is remembered instead (`Owed`) while

- the transport is congested, or frames of an earlier turn still wait for it;
- the identity's last check is too old, or its topic is being resolved again (P5);
- `max_rate` says that it is too early.

What is owed is settled topic by topic, at most one at a time: a snapshot or an update that needs several
frames is a flow, whose next frame is written when the transport has taken those before. So a client that
reads slowly holds the memory of one flow and of some keys, however many topics it has.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from realtime.pure import frames
from realtime.pure.changes import RowKey
from realtime.pure.conflation import latest
from realtime.pure.subscription import State, Subscription, epoch_json
from realtime.pure.view import Update

TURN_BYTES: Final = 32 * 1024
"""About how much is written before looking at the transport again."""

Tally = Counter[tuple[str, str]]
"""What happened, as (name, label): shared by the sessions of a process and turned into metrics by the driver."""


@dataclass(slots=True)
class Flow:
    """Frames of one topic that belong together; `reply_to` is the command that they answer."""

    subscription: Subscription
    frames: Iterator[bytes]
    left: int
    """So many are still to be written; a flow that has none left has ended, also the answering."""
    reply_to: bytes | None


class Outflow:
    """The outgoing side of one session. Times are seconds of any clock that never goes back."""

    __slots__ = (
        "_due",
        "_flow",
        "_frame_max_bytes",
        "_stale_seconds",
        "_tally",
        "checked_at",
        "congested",
        "user",
        "wake_at",
        "written_at",
    )

    def __init__(
        self, *, user: str, checked_at: float, stale_seconds: float, frame_max_bytes: int, tally: Tally, now: float
    ) -> None:
        self.user = user
        """Whose epochs the client is told."""
        self.checked_at = checked_at
        """When the identity was last seen to be good."""
        self.congested = False
        self.written_at = now
        """When anything was written last, by whomever."""
        self.wake_at: float | None = None
        """When `turn` should be called because of a `max_rate`, if nothing else calls it before."""
        self._stale_seconds = stale_seconds
        self._frame_max_bytes = frame_max_bytes
        self._tally = tally
        self._flow: Flow | None = None
        self._due: dict[Subscription, None] = {}

    @property
    def idle(self) -> bool:
        """Tell whether nothing is under way or owed."""
        return self._flow is None and not self._due

    def stale(self, now: float) -> bool:
        """Tell whether the identity's last check is too old for writing data."""
        return now - self.checked_at > self._stale_seconds

    def update(self, subscription: Subscription, update: Update, now: float) -> list[bytes]:
        """Return the frames of an update that may be written now; remember the rest.

        Nothing, when the client was told of it with what was owed at that position or above.
        """
        if update.position <= subscription.position:
            return []
        if obstacle := self._obstacle(subscription, now):
            self._tally["held", obstacle] += 1
            self.owe(subscription, update.keys)
            return []
        if subscription.due:
            self.owe(subscription, update.keys)
            return self.turn(now)
        ready = update.frames.get(subscription.topic)
        if ready is None:
            ready = frames.change_frames(subscription.topic_json, update.position, update.bodies)
            update.frames[subscription.topic] = ready
        subscription.told(update.position, now)
        subscription.next_at = now + subscription.interval_seconds
        if len(ready) == 1:
            return ready
        self._flow = Flow(subscription, iter(ready), len(ready), None)
        return self.turn(now)

    def _obstacle(self, subscription: Subscription, now: float) -> str | None:
        if self.congested or self._flow is not None:
            return "congested"
        if subscription.state is not State.LIVE:
            return "recheck"
        if now - self.checked_at > self._stale_seconds:
            return "stale"
        if now < subscription.next_at:
            self._wake(subscription.next_at)
            return "rate"
        return None

    def owe(self, subscription: Subscription, keys: Collection[RowKey] | None) -> None:
        """Remember what a subscription is owed: the state of these rows, or (None) a snapshot."""
        if keys is None:
            subscription.owed.owe_snapshot()
        elif subscription.owed.remember(keys):
            self._tally["overflow", ""] += 1
        self._due[subscription] = None

    def forget(self, subscription: Subscription) -> None:
        """Owe a subscription nothing any more; a command that a flow was answering is unanswered again."""
        self._due.pop(subscription, None)
        subscription.owed.settle()
        subscription.resuming = None
        if self._flow is not None and self._flow.subscription is subscription:
            subscription.reply_to = self._flow.reply_to or subscription.reply_to
            self._flow = None

    def turn(self, now: float) -> list[bytes]:
        """Return what may be written now, about `TURN_BYTES` of it; call again once it is written.

        Empty when nothing is owed, or something stands in the way.
        """
        if self.idle or self.congested or self.stale(now):
            return []
        written: list[bytes] = []
        size = 0
        while size < TURN_BYTES:
            flow = self._flow or self._next(now)
            if flow is None or flow.subscription.state is not State.LIVE:
                break
            frame = next(flow.frames)
            flow.left -= 1
            self._flow = flow if flow.left else None
            written.append(frame)
            size += len(frame)
        return written

    def _next(self, now: float) -> Flow | None:
        self.wake_at = None
        for subscription in self._due:
            if subscription.state is not State.LIVE:
                continue
            # Only `changes` are rated: a snapshot or a reply is never made to wait.
            if now >= subscription.next_at or subscription.owed.snapshot or subscription.resuming is not None:
                return self._settle(subscription, now)
            self._wake(subscription.next_at)
        return None

    def _wake(self, at: float) -> None:
        self.wake_at = at if self.wake_at is None else min(at, self.wake_at)

    def _settle(self, subscription: Subscription, now: float) -> Flow:
        view = subscription.view
        assert view is not None
        if view.untold is not None and view.untold.position > subscription.position:
            # The session was told of another topic first, and this one goes out with it: at a position of which it
            # will be told next.
            self.owe(subscription, view.untold.keys)
        del self._due[subscription]
        subscription.told(view.position, now)
        reply_to, subscription.reply_to = subscription.reply_to, None
        resuming, subscription.resuming = subscription.resuming, None
        if subscription.owed.snapshot:
            subscription.owed.settle()
            self._tally["snapshot", "push" if reply_to is None else "reply"] += 1
            return self._snapshot(subscription, reply_to)
        subscription.next_at = now + subscription.interval_seconds
        bodies = latest(view, subscription.owed.settle(), self._frame_max_bytes)
        ready = frames.change_frames(subscription.topic_json, view.position, bodies)
        if resuming is not None and reply_to is not None:
            epoch = epoch_json(subscription, self.user)
            ready.insert(0, frames.resumed(subscription.topic_json, epoch, resuming, reply_to=reply_to))
            self._tally["resume", ""] += 1
        # A `resumed` goes out in the same turn as it is made: from then on, nothing is left to answer.
        return Flow(subscription, iter(ready), len(ready), None)

    def _snapshot(self, subscription: Subscription, reply_to: bytes | None) -> Flow:
        view = subscription.view
        assert view is not None
        epoch, position, bodies = epoch_json(subscription, self.user), view.position, view.snapshot_bodies() or [b""]
        final = len(bodies) - 1

        def compose() -> Iterator[bytes]:
            for index, body in enumerate(bodies):
                yield frames.snapshot(
                    subscription.topic_json,
                    epoch,
                    position,
                    body,
                    reply_to=reply_to,
                    first=index == 0,
                    last=index == final,
                )

        return Flow(subscription, compose(), len(bodies), reply_to)

    def catch_up(self, subscription: Subscription, now: float, after_seconds: float) -> list[bytes]:
        """Return an empty `changes` when the stream moved but nothing was told for so long; else nothing."""
        view, lane = subscription.view, subscription.lane
        if lane is not None:
            subscription.follow(lane)
        if subscription.state is not State.LIVE or view is None or now - subscription.told_at < after_seconds:
            return []
        if subscription.due or self._flow is not None or self.congested or self.stale(now) or (lane and lane.waiting):
            return []
        if view.position <= subscription.position:
            return []
        subscription.told(view.position, now)
        return [frames.changes(subscription.topic_json, view.position)]
