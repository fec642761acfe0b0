"""Lanes: the subscriptions of a view that are level with it are told together, as one.

A subscription is level while it is owed nothing and nothing stands in the way of writing to it. All that are
level under one topic name get the same bytes, so an update is put into their lane once, whatever their number,
and a pass writes what the lane holds to its members, one after another, in slices that let others have their
turn. Updates that come meanwhile wait for the next pass and leave in one write.

What always holds:
- A member has been written everything of the lane up to its `position`, and nothing above it.
- What a member that leaves has not been written is handed to it: `leave` returns it.
- A subscription is in a lane or told apart, never both.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from realtime.pure import frames
from realtime.pure.view import Subscriber, Update

PASS_BYTES: Final = 32 * 1024
"""About how much one pass writes to each member: the rest has to see first whether the transport takes it."""


class Member(Subscriber, Protocol):
    """A subscription that can be told by a lane."""

    lane: "Lane | None"
    """The lane that it is in."""
    position: int
    """What it has been written of its lane."""


@dataclass(slots=True, eq=False)
class Pass:
    """What a lane writes to all who were members when it began.

    `payloads` are the frames that bring a member from below `first` to `position`. None of them: the one update
    is so large that each member has to take it apart from the others, as fast as its transport does.
    """

    lane: "Lane"
    first: int
    position: int
    payloads: list[bytes]
    members: list[Member]
    done: int = 0
    """So many of the members have been visited."""
    seconds: float = 0.0
    """So long that has taken."""


class Lane:
    """The level subscriptions of one view under one topic name."""

    __slots__ = ("_left", "_pass", "_updates", "members", "rests_until", "told_at", "topic_json")

    def __init__(self, topic_json: bytes, left: Callable[["Lane", Member], None]) -> None:
        self.topic_json = topic_json
        self.members: dict[Subscriber, Member] = {}
        self.told_at = 0.0
        """When its last pass ended."""
        self.rests_until = 0.0
        """No pass is to begin before."""
        self._updates: deque[Update] = deque()
        self._pass: Pass | None = None
        self._left = left

    @property
    def waiting(self) -> bool:
        """Tell whether the lane holds updates that not every member has been written."""
        return bool(self._updates)

    def take(self, update: Update) -> bool:
        """Take an update for all members; tell whether a pass must be begun for it."""
        if not self.members:
            return False
        self._updates.append(update)
        return len(self._updates) == 1

    def has(self, update: Update) -> bool:
        """Tell whether an update, the latest there is, was put into the lane."""
        return bool(self._updates) and self._updates[-1].position >= update.position

    def leave(self, member: Member) -> list[Update]:
        """Let a member go, and return what it has not been written."""
        missed = [update for update in self._updates if update.position > member.position]
        self.members.pop(member, None)
        member.lane = None
        self._left(self, member)
        return missed

    def begin(self) -> Pass:
        """Return the pass that is under way, or begin one over what is waiting, or as much of it as one may write."""
        if self._pass is not None:
            return self._pass
        first, size, payloads = self._updates[0].position, 0, list[bytes]()
        position = first
        for update in self._updates:
            size += sum(len(body) for body in update.bodies)
            if size > PASS_BYTES:
                break
            payloads += frames.change_frames(self.topic_json, update.position, update.bodies)
            position = update.position
        self._pass = Pass(self, first, position, payloads, list(self.members.values()))
        return self._pass

    def end(self, now: float) -> bool:
        """Take that the pass has visited all members; tell whether another is due."""
        assert self._pass is not None
        work, self._pass, self.told_at = self._pass, None, now
        while self._updates and self._updates[0].position <= work.position:
            self._updates.popleft()
        if not self.members:
            self._updates.clear()
        return bool(self._updates)


class Listeners:
    """Who has a view open: each is told by a lane, or apart from the others."""

    __slots__ = ("_lanes", "apart", "open")

    def __init__(self) -> None:
        self.open: dict[Subscriber, None] = {}
        self.apart: dict[Subscriber, None] = {}
        """Those that are in no lane."""
        self._lanes: dict[bytes, Lane] = {}

    def add(self, subscriber: Subscriber) -> None:
        """Take in a subscriber, to be told apart at first."""
        self.open[subscriber] = self.apart[subscriber] = None

    def discard(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, in a lane or not."""
        self.open.pop(subscriber, None)
        self.apart.pop(subscriber, None)
        for lane in list(self._lanes.values()):
            if (member := lane.members.get(subscriber)) is not None:
                lane.leave(member)

    def join(self, member: Member, topic_json: bytes, position: int) -> None:
        """Have a subscriber, which was told everything up to `position`, told by the lane of its topic name."""
        if member not in self.open:
            return
        lane = self._lanes.get(topic_json)
        if lane is None:
            lane = self._lanes[topic_json] = Lane(topic_json, self._left)
        del self.apart[member]
        lane.members[member] = member
        member.lane, member.position = lane, position

    def take(self, update: Update) -> list[Lane]:
        """Put an update into all lanes; return those in which nothing was waiting, for a pass to be begun."""
        return [lane for lane in self._lanes.values() if lane.take(update)]

    def take_late(self, subscriber: Subscriber, update: Update) -> Lane | None:
        """Put an update into the lane that a subscriber joined while others were told of it, unless it is there.

        Returns the lane when a pass must be begun for it.
        """
        for lane in self._lanes.values():
            if subscriber in lane.members and not lane.has(update) and lane.take(update):
                return lane
        return None

    def _left(self, lane: Lane, member: Member) -> None:
        if member in self.open:
            self.apart[member] = None
        if not lane.members and self._lanes.get(lane.topic_json) is lane:
            del self._lanes[lane.topic_json]
