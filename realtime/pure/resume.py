"""The way back to a cursor.

A cursor is served by the keys that were touched since: from the view's own trail, else from a replay of older
changes (the ring's, or one read of the log for all cursors that wait), else not at all, by a snapshot.
"""

from collections.abc import Callable, Collection, Iterable

from realtime.pure.changes import Change, LogRange, RowKey
from realtime.pure.effects import Effect, Gather, Purpose, ReadLog
from realtime.pure.filters import Index
from realtime.pure.gaps import Line
from realtime.pure.materialised import MaterialisedView
from realtime.pure.ring import Ring


class Replay:
    """Goes over the changes since `after` once more, for the trails of views that became LIVE later."""

    def __init__(self, after: int, views: Iterable[MaterialisedView]) -> None:
        self.after = after
        self._touched: dict[MaterialisedView, list[tuple[int, RowKey]]] = {view: [] for view in views}
        self._broken: dict[MaterialisedView, int] = {}

    def forget(self, view: MaterialisedView) -> None:
        """Leave out a view that is dropped or read anew."""
        self._touched.pop(view, None)

    def take(self, changes: Iterable[Change], index: Index[MaterialisedView]) -> None:
        """Go over changes, in ascending order."""
        for change in changes:
            if change.reset:
                self._break(change, self._touched)
                continue
            after, before = index.find(change.kind, change.new), index.find(change.kind, change.old)
            self._break(change, [view for view in before if view not in after], anchor=True)
            for view in {**after, **before} if before else after:
                if view in self._touched and change.position <= view.trail.start:
                    self._touched[view].append((change.position, RowKey(change.kind, change.key)))

    def finish(self) -> None:
        """Lengthen the trails; none reaches back over a reset or a moment without its anchor."""
        for view, touched in self._touched.items():
            start = self._broken.get(view, self.after)
            if start < view.trail.start:
                view.trail.prepend(start, touched)
            if view in self._broken:
                view.trail.sealed = True

    def _break(self, change: Change, views: Iterable[MaterialisedView], *, anchor: bool = False) -> None:
        for view in views:
            part = view.selection.part_of.get(change.kind)
            if part is None or view not in self._touched or change.position > view.trail.start:
                continue
            if part.anchor or not anchor:
                self._broken[view] = change.position
                self._touched[view].clear()


class Resumption:
    """Serves all cursors that wait by one replay at a time: gathered for a moment, from the oldest of them.

    The ring is gone over, and before it what it lacks is read from the log. What was read joins the ring where
    there is room, so that the cursors of a whole restart cost one read, also those that come later.
    """

    def __init__(self, stream: str, emit: Callable[[Effect], None]) -> None:
        self._stream = stream
        self._emit = emit
        self._gathering: Gather | None = None
        self._replay: Replay | None = None
        self._asked: ReadLog | None = None
        self._read: list[tuple[Change, ...]] = []

    def gather(self) -> None:
        """Wait a moment for more cursors; those that come while a replay is under way wait for its end."""
        if self._gathering is None and self._replay is None:
            self._gathering = Gather(self._stream)
            self._emit(self._gathering)

    def gathered(self, asked: Gather) -> bool:
        """Tell whether the moment is over."""
        if asked is not self._gathering:
            return False
        self._gathering = None
        return True

    def cancel(self) -> None:
        """Give up what is under way: it has become useless, or impossible."""
        self._gathering = self._replay = self._asked = None
        self._read.clear()

    def forget(self, view: MaterialisedView) -> None:
        """Leave out a view that is dropped or read anew."""
        if self._replay is not None:
            self._replay.forget(view)

    def begin(
        self, after: int, views: Collection[MaterialisedView], line: Line, ring: Ring, index: Index[MaterialisedView]
    ) -> None:
        """Go back to `after` for the views, at once where the ring reaches so far."""
        self._replay = Replay(after, views)
        if after >= ring.start:
            self._finish(after, ring, index)
        else:
            self._ask(after, line, ring)

    def answered(self, asked: ReadLog, read: LogRange, line: Line, ring: Ring, index: Index[MaterialisedView]) -> bool:
        """Take a part of the log; return whether the replay is complete."""
        if asked is not self._asked or self._replay is None:
            return False
        self._replay.take(read.changes, index)
        self._read.append(read.changes)
        if read.upto < ring.start:
            self._ask(read.upto, line, ring)
            return False
        self._finish(read.upto, ring, index)
        return True

    def failed(self, asked: ReadLog) -> bool:
        """Give up; False when the question no longer counts."""
        if asked is not self._asked:
            return False
        self.cancel()
        return True

    def _ask(self, after: int, line: Line, ring: Ring) -> None:
        assert line.epoch is not None
        self._asked = ReadLog(self._stream, line.epoch, after, ring.start, line.mark, Purpose.RESUME)
        self._emit(self._asked)

    def _finish(self, upto: int, ring: Ring, index: Index[MaterialisedView]) -> None:
        assert self._replay is not None
        self._replay.take(ring.since(upto), index)
        self._replay.finish()
        ring.prepend(self._replay.after, upto, self._read)
        self.cancel()
