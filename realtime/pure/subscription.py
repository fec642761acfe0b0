"""One session on one topic: its states, what may happen in each, and what the client was told last.

                    refused, unsubscribed                    failed, revoked, unsubscribed
    RESOLVING ──────────────────────────▶ ENDED ◀──────────────────────────── OPENING, LIVE, RECHECKING
        │ resolved                          ▲                                        │
        ▼                 opened            │ refused (a right was lost)             │
     OPENING ───────────────────────────▶ LIVE ──── identity changed ────▶ RECHECKING
        ▲                                   ▲          confirmed                │ │
        │                                   └───────────────────────────────────┘ │
        └───────────────────── resolved to another selection ─────────────────────┘

While a subscription is rechecked its view goes on, but nothing is written of it.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from realtime.pure import frames
from realtime.pure.commands import Cursor
from realtime.pure.conflation import Owed
from realtime.pure.lane import Lane, Member
from realtime.pure.selection import Selection
from realtime.pure.view import Update, View


class State(Enum):
    """Where a subscription is."""

    RESOLVING = auto()
    """What its topic selects for this user is being found out."""
    OPENING = auto()
    """The hub is making its view, or looking up what was missed."""
    LIVE = auto()
    RECHECKING = auto()
    """The identity changed: live, but held until its topic is resolved again."""
    ENDED = auto()


class Event(Enum):
    """What can happen to a subscription."""

    RESOLVED = auto()
    CONFIRMED = auto()
    """Resolved to the selection that it has already."""
    POSTPONED = auto()
    """Could not be resolved now: tried again."""
    REFUSED = auto()
    OPENED = auto()
    CHANGED = auto()
    RESET = auto()
    REVOKED = auto()
    FAILED = auto()
    UNSUBSCRIBED = auto()
    """By a command, or because the connection ended."""
    IDENTITY_CHANGED = auto()


TRANSITIONS: Final[dict[State, dict[Event, State]]] = {
    State.RESOLVING: {
        Event.RESOLVED: State.OPENING,
        Event.REFUSED: State.ENDED,
        Event.UNSUBSCRIBED: State.ENDED,
        Event.IDENTITY_CHANGED: State.RESOLVING,
    },
    State.OPENING: {
        Event.OPENED: State.LIVE,
        Event.REVOKED: State.ENDED,
        Event.FAILED: State.ENDED,
        Event.UNSUBSCRIBED: State.ENDED,
        Event.IDENTITY_CHANGED: State.RESOLVING,
    },
    State.LIVE: {
        Event.CHANGED: State.LIVE,
        Event.RESET: State.LIVE,
        Event.REVOKED: State.ENDED,
        Event.FAILED: State.ENDED,
        Event.UNSUBSCRIBED: State.ENDED,
        Event.IDENTITY_CHANGED: State.RECHECKING,
    },
    State.RECHECKING: {
        Event.RESOLVED: State.OPENING,
        Event.CONFIRMED: State.LIVE,
        Event.POSTPONED: State.RECHECKING,
        Event.REFUSED: State.ENDED,
        Event.CHANGED: State.RECHECKING,
        Event.RESET: State.RECHECKING,
        Event.REVOKED: State.ENDED,
        Event.FAILED: State.ENDED,
        Event.UNSUBSCRIBED: State.ENDED,
        Event.IDENTITY_CHANGED: State.RECHECKING,
    },
    State.ENDED: {},
}
"""The only changes of state there are; anything else is a bug of ours and crashes."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One session on one topic. `reply_to` is the subscribe's id until it has been answered."""

    topic: str
    topic_json: bytes
    reply_to: bytes | None
    cursor: Cursor | None
    interval_seconds: float
    """Shortest time between two `changes` frames, by `max_rate`; 0 without one."""
    owed: Owed

    state: State = State.RESOLVING
    ticket: int = 0
    """Which resolution is awaited: an answer with an older ticket is of an older identity."""
    postponed: bool = False
    selection: Selection | None = None
    view: View | None = None
    member: Member | None = None
    """What stands for it at the hub, where that can be told by a lane."""
    resuming: int | None = None
    """The cursor's position, while `resumed` is due."""
    position: int = 0
    """What the client was told last."""
    told_at: float = 0.0
    next_at: float = 0.0
    """Not before this time may the next `changes` frame be written."""

    def move(self, event: Event) -> None:
        """Follow the table."""
        after = TRANSITIONS[self.state].get(event)
        assert after is not None, f"{event.name} can't happen to a subscription that is {self.state.name}"
        self.state = after

    @property
    def attached(self) -> bool:
        """Tell whether the hub knows of the subscription."""
        return self.state in (State.OPENING, State.LIVE, State.RECHECKING)

    @property
    def due(self) -> bool:
        """Tell whether anything is owed: a reply, a snapshot, or the state of changed rows."""
        return bool(self.owed) or self.resuming is not None

    @property
    def lane(self) -> Lane | None:
        """The lane that tells it, if one does."""
        return None if self.member is None else self.member.lane

    def follow(self, lane: Lane) -> None:
        """Note what its lane has told."""
        assert self.member is not None
        self.position = self.member.position
        self.told_at = max(self.told_at, lane.told_at)

    def join_lane(self) -> None:
        """Be told by the lane of the topic from now on; nothing may be owed."""
        assert self.view is not None and self.member is not None and not self.due
        self.view.listeners.join(self.member, self.topic_json, self.position)

    def leave_lane(self) -> list[Update]:
        """Be told apart from others from now on; return what the lane has not written."""
        lane, member = self.lane, self.member
        if lane is None or member is None:
            return []
        self.follow(lane)
        return lane.leave(member)

    def told(self, position: int, now: float) -> None:
        """Note that the client is complete up to `position` once it has what was written."""
        self.position = position
        self.told_at = now
        if self.member is not None:
            self.member.position = position


def client_epoch(log_epoch: str, selection: Selection, user: str) -> str:
    """Return the epoch that a client is told: another log, selection, projection or user makes another one."""
    text = "\n".join((log_epoch, selection.fingerprint, user))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def epoch_json(subscription: Subscription, user: str) -> bytes:
    """Return the client's epoch of a subscription that has a view, as JSON."""
    assert subscription.view is not None and subscription.selection is not None
    return frames.text(client_epoch(subscription.view.epoch, subscription.selection, user))
