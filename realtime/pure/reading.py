"""Views that are not LIVE yet: whose snapshot is due, asked for, or waits to meet the stream."""

from collections.abc import Callable
from dataclasses import dataclass

from realtime.pure.effects import Effect, ReadSnapshot
from realtime.pure.materialised import MaterialisedView


@dataclass(slots=True)
class Attempt:
    """One view on its way. `asked` is the question under way, `arrived_at` when the last one was answered."""

    asked: ReadSnapshot | None = None
    arrived_at: float = 0.0


class Reading:
    """Brings views from attached to exact: one question for each at a time, asked while the line is SURE."""

    def __init__(self, stream: str, emit: Callable[[Effect], None]) -> None:
        self._stream = stream
        self._emit = emit
        self._attempts: dict[MaterialisedView, Attempt] = {}
        self._due: dict[MaterialisedView, None] = {}
        self._meeting: dict[MaterialisedView, None] = {}
        """Those whose snapshot has come: few, however many wait for theirs, so that each answer is cheap."""

    def begin(self, view: MaterialisedView) -> None:
        """Attach a view, or one that must be read anew: from now on it follows the stream."""
        self._attempts.setdefault(view, Attempt()).asked = None
        self._meeting.pop(view, None)
        self._due[view] = None

    def end(self, view: MaterialisedView) -> None:
        """Let go of a view that is LIVE, or dropped."""
        self._attempts.pop(view, None)
        self._meeting.pop(view, None)
        self._due.pop(view, None)

    def ask(self, position: int) -> None:
        """Ask for the snapshots that are due."""
        for view in self._due:
            self._attempts[view].asked = asked = ReadSnapshot(self._stream, view, position)
            self._emit(asked)
        self._due.clear()

    def answered(self, asked: ReadSnapshot, now: float) -> bool:
        """Take note of an answer or failure; False when the question no longer counts."""
        attempt = self._attempts.get(asked.view)
        if attempt is None or attempt.asked is not asked:
            return False
        attempt.asked, attempt.arrived_at = None, now
        return True

    def met(self, view: MaterialisedView) -> None:
        """Take note that a view has its snapshot, and waits to be exact."""
        self._meeting[view] = None

    def meeting(self) -> list[MaterialisedView]:
        """Return the views that have their snapshot, and wait to be exact."""
        return list(self._meeting)

    def views(self) -> list[MaterialisedView]:
        """Return the views that are not LIVE."""
        return list(self._attempts)

    def waiting_since(self, view: MaterialisedView) -> float | None:
        """Return when the view's snapshot arrived (0: not due to a snapshot); None while one is being read."""
        attempt = self._attempts.get(view)
        if attempt is None:
            return 0.0
        return None if attempt.asked else attempt.arrived_at

    def exact(self, position: int) -> list[MaterialisedView]:
        """Return the views that have become exact at the stream's position."""
        return [view for view in self._meeting if view.exact(position)]
