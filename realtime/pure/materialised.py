"""The rows of one selection, materialised in the hub while anyone is subscribed.

    READING ── snapshot read ──▶ MEETING ── all pending passed, stream arrived ──▶ LIVE
       ▲                            │                                               │
       └──── a reset it lacks ──────┴──────── reset, new epoch, floor passed ───────┘

A view is shown only while it is LIVE; it is then exact at the stream's position. Before that it follows the
stream from the moment at which its snapshot was asked for: what comes is kept while the snapshot is read, and
then applied to it, except what the snapshot already holds. A view that was shown before keeps showing what it
showed, at the position of that, until it is LIVE again.
"""

from collections.abc import Collection
from enum import Enum, auto
from typing import Protocol

from realtime.pure.changes import Change, Row, RowKey, Snapshot
from realtime.pure.content import Content
from realtime.pure.fragments import cut
from realtime.pure.gaps import Run
from realtime.pure.lane import Listeners
from realtime.pure.ring import Trail
from realtime.pure.selection import Selection
from realtime.pure.view import Update


class Phase(Enum):
    """How far a view is."""

    READING = auto()
    MEETING = auto()
    LIVE = auto()


class Progress(Protocol):
    """An epoch and a position in it."""

    @property
    def epoch(self) -> str | None:
        """The log's epoch."""

    @property
    def position(self) -> int:
        """Complete up to here."""


class Still:
    """A progress that moves no more."""

    def __init__(self, epoch: str | None, position: int) -> None:
        self.epoch = epoch
        self.position = position


class MaterialisedView:
    """One view. Its feed decides when it is read and whom it serves; this keeps the rows right."""

    def __init__(self, selection: Selection, *, frame_max_bytes: int, trail_changes: int, backlog_changes: int) -> None:
        self.selection = selection
        self.listeners = Listeners()
        self.untold: Update | None = None
        self.phase = Phase.READING
        self.lacking = False
        """The snapshot lacks a reset that the stream brought: it must be read again."""
        self.overflowed = False
        """More came while the snapshot was read than is kept."""
        self.trail = Trail(trail_changes)
        self._frame_max_bytes = frame_max_bytes
        self._backlog_limit = backlog_changes
        self._shown: Content | None = None
        self._progress: Progress = Still(None, 0)
        self._bodies: list[bytes] | None = None
        self._staged: dict[RowKey, Row | None] = {}
        self._anchors: dict[str, set[str]] = {part.kind: set() for part in selection.parts if part.anchor}
        self._restart()

    def _restart(self) -> None:
        self._read: Content | None = None
        self._cut = 0
        self._pending: set[int] = set()
        self._backlog: list[Run] = []
        self._backlog_changes = 0
        self.lacking = self.overflowed = False

    @property
    def epoch(self) -> str:
        """The log's epoch in which the rows shown were read."""
        return self._progress.epoch or ""

    @property
    def position(self) -> int:
        """The position at which the rows shown are exact."""
        return self._progress.position

    @property
    def anchorless(self) -> bool:
        """Tell whether no row is left of a part that the permission rests on."""
        return any(not keys for keys in self._anchors.values())

    def keys(self) -> Collection[RowKey]:
        """Return the keys of the rows shown."""
        return self._content.fragments.keys()

    def fragment(self, key: RowKey) -> bytes | None:
        """Return the fragment of a row shown, or None."""
        return self._content.fragments.get(key)

    def snapshot_bodies(self) -> list[bytes]:
        """Return all fragments joined by commas, cut below the frame size; cached until the view changes."""
        if self._bodies is None:
            self._bodies = cut(self._content.fragments.values(), self._frame_max_bytes)
        return self._bodies

    def suspend(self, position: int) -> None:
        """Begin to be read anew; what is shown stays as it is, exact at the position to which it was brought."""
        if self.phase is Phase.LIVE:
            self._progress = Still(self._progress.epoch, position)
        self.phase = Phase.READING
        self._restart()

    def follow(self, run: Run) -> None:
        """Take a run of the stream while not LIVE; whatever a projection raises is passed on."""
        if self.phase is Phase.MEETING:
            self._absorb(run)
            return
        self._backlog.append(run)
        self._backlog_changes += len(run.changes)
        if self._backlog_changes > self._backlog_limit:
            self.overflowed = True
            self._backlog.clear()

    def meet(self, snapshot: Snapshot, content: Content) -> None:
        """Take the snapshot and its rendered rows, and apply what it does not hold of the runs since."""
        self.phase = Phase.MEETING
        self._read = content
        self._cut = snapshot.head.position
        self._pending = set(snapshot.pending)
        self._anchors = {kind: {key.key for key, _ in snapshot.rows if key.kind == kind} for kind in self._anchors}
        backlog, self._backlog = self._backlog, []
        for run in backlog:
            self._absorb(run)

    def exact(self, position: int) -> bool:
        """Tell whether the snapshot and the runs since make the rows at the stream's position."""
        return self.phase is Phase.MEETING and not self.lacking and not self._pending and position >= self._cut

    def show(self, progress: Progress) -> None:
        """Go LIVE, exact at the progress of the stream, and follow it from now on."""
        self._shown, self._progress = self._read, progress
        self._bodies = None
        self._staged.clear()
        self._restart()
        self.phase = Phase.LIVE
        self.trail.restart(progress.position)

    def stage(self, key: RowKey, row: Row | None, position: int) -> None:
        """Take the latest state of a row while LIVE (None: no longer selected), as of a change's position."""
        self._staged[key] = row
        self.trail.add(position, key)
        self._follow_anchor(key, selected=row is not None)

    def commit(self, position: int) -> Update | None:
        """Bring the rows to the position with what was staged; None when nothing shown differs."""
        staged, self._staged = self._staged, {}
        self.trail.shorten()
        differing = self._content.apply(staged)
        if not differing:
            return None
        self._bodies = None
        self.untold = Update(position, tuple(differing), cut(differing.values(), self._frame_max_bytes))
        return self.untold

    @property
    def _content(self) -> Content:
        assert self._shown is not None, "a view is looked at before it is shown"
        return self._shown

    def _absorb(self, run: Run) -> None:
        assert self._read is not None
        staged: dict[RowKey, Row | None] = {}
        for change in run.changes:
            if change.position <= self._cut:
                continue
            if change.inbox_id in self._pending:
                self._pending.remove(change.inbox_id)
            elif self._select(change, staged):
                self.lacking = True
                return
        if staged:
            self._read.apply(staged)

    def _select(self, change: Change, staged: dict[RowKey, Row | None]) -> bool:
        """Stage a change where the selection has it; return whether it is a reset of one of its kinds."""
        part = self.selection.part_of.get(change.kind)
        if part is None or change.reset:
            return part is not None
        key = RowKey(change.kind, change.key)
        if part.matches(change.new):
            staged[key] = change.new
            self._follow_anchor(key, selected=True)
        elif part.matches(change.old):
            staged[key] = None
            self._follow_anchor(key, selected=False)
        return False

    def _follow_anchor(self, key: RowKey, *, selected: bool) -> None:
        if (keys := self._anchors.get(key.kind)) is not None:
            (keys.add if selected else keys.discard)(key.key)
