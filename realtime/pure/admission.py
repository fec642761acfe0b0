"""Opening the subscriptions that wait for a view: with a snapshot, or resumed from their cursor."""

from collections.abc import Callable, Iterator
from enum import Enum, auto

from realtime.pure.audience import Audience, Waiter
from realtime.pure.effects import Count, Effect
from realtime.pure.following import Following
from realtime.pure.gaps import Line, Trust
from realtime.pure.materialised import MaterialisedView, Phase
from realtime.pure.resume import Resumption


class Way(Enum):
    """How a cursor can be served now."""

    SNAPSHOT = auto()
    TRAIL = auto()
    AHEAD = auto()
    """The cursor is ahead of this process: wait, or find out that it is from the future."""
    REPLAY = auto()


def way_of(waiter: Waiter, view: MaterialisedView, line: Line, max_changes: int) -> Way:
    """Decide how a waiter of a LIVE view is served."""
    if waiter.cursor is None:
        return Way.SNAPSHOT
    epoch, position = waiter.cursor
    if waiter.epoch_for(view.epoch) != epoch or position < 0:
        return Way.SNAPSHOT
    if position > line.position:
        return Way.AHEAD
    if position >= view.trail.start:
        return Way.TRAIL
    if view.trail.sealed or position < line.floor or line.position - position > max_changes:
        return Way.SNAPSHOT
    return Way.REPLAY


class Admission:
    """Opens who can be opened, while the view is LIVE and the line SURE; who can't waits for another call."""

    def __init__(
        self,
        stream: str,
        line: Line,
        audience: Audience,
        following: Following,
        resumption: Resumption,
        max_changes: int,
        emit: Callable[[Effect], None],
    ) -> None:
        self._stream = stream
        self._line = line
        self._audience = audience
        self._following = following
        self._resumption = resumption
        self._max_changes = max_changes
        self._emit = emit
        self._ahead: dict[MaterialisedView, None] = {}

    def forget(self, view: MaterialisedView) -> None:
        """Let go of a view that is dropped."""
        self._ahead.pop(view, None)

    def admit_all(self) -> None:
        """Open what can be opened, for all views."""
        for view in list(self._audience.views.values()):
            self.admit(view)

    def admit_ahead(self) -> None:
        """Look again at the cursors that were ahead of the line."""
        if self._ahead and self._line.trust is Trust.SURE:
            views, self._ahead = self._ahead, {}
            for view in views:
                self.admit(view)

    def admit(self, view: MaterialisedView) -> None:
        """Open what can be opened of those who wait for a view."""
        for _, waiter in self._audience.waiters(view):
            if view.phase is not Phase.LIVE or self._line.trust is not Trust.SURE:
                return
            way = self._way(view, waiter)
            if way is Way.AHEAD and self._from_the_future(waiter):
                way = Way.SNAPSHOT
            if way is Way.AHEAD:
                self._ahead[view] = None
            elif way is Way.REPLAY:
                waiter.replayed = True
                self._resumption.gather()
            else:
                self._open(view, waiter, way)

    def replayable(self) -> dict[MaterialisedView, int]:
        """Return the views for which cursors wait for a replay, each with the oldest."""
        oldest: dict[MaterialisedView, int] = {}
        for view, waiter in self._waiting_for_replay():
            if waiter.cursor is not None:
                oldest[view] = min(waiter.cursor[1], oldest.get(view, waiter.cursor[1]))
        return oldest

    def give_up_replays(self) -> None:
        """Give a snapshot to those whose cursors wait for what can't be read."""
        for view, waiter in self._waiting_for_replay():
            self._open(view, waiter, Way.SNAPSHOT)

    def _waiting_for_replay(self) -> Iterator[tuple[MaterialisedView, Waiter]]:
        for view, waiter in self._audience.waiters():
            if view.phase is Phase.LIVE and self._way(view, waiter) is Way.REPLAY:
                yield view, waiter

    def _open(self, view: MaterialisedView, waiter: Waiter, way: Way) -> None:
        touched = None
        if way is Way.TRAIL and waiter.cursor is not None:
            touched = view.trail.since(waiter.cursor[1])
            if touched and view.selection.derivation is not None:
                touched = None  # Which derived rows differ since then is not known.
        if waiter.cursor is not None:
            source = "snapshot" if touched is None else "log" if waiter.replayed else "ring"
            self._emit(Count(self._stream, "resumes", source))
        self._audience.open(view, waiter, touched)

    def _way(self, view: MaterialisedView, waiter: Waiter) -> Way:
        return way_of(waiter, view, self._line, self._max_changes)

    def _from_the_future(self, waiter: Waiter) -> bool:
        """Tell whether a head read since has shown that nothing has the cursor's position."""
        assert waiter.cursor is not None
        if not waiter.question:
            waiter.question = self._following.ask()
        return waiter.question <= self._following.answered and waiter.cursor[1] > self._line.target
