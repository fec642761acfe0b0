"""Server processes and clients of the simulation: a feed with its questions under way, and who listens."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any

from realtime.errors import LogUnavailable, PeerError, RealtimeError
from realtime.pure.changes import Batch, RowKey
from realtime.pure.content import content_of
from realtime.pure.effects import AskHead, Crash, Doubt, Effect, Expect, Gather, ReadLog, ReadSnapshot, Verify
from realtime.pure.feed import Feed, FeedLimits
from realtime.pure.gaps import Trust
from realtime.pure.selection import Selection
from realtime.pure.view import Update, View
from tests.simulation.model import STREAM, Rows, World

LIMITS = FeedLimits(ring_changes=12, resume_max_changes=60, snapshot_wait_seconds=40.0)
READ_CHANGES = 3
Shown = dict[RowKey, Any]


def expected(selection: Selection, rows: Rows) -> Shown:
    """Return what a client of a selection must show, computed the plain way."""
    chosen = {
        key: row for key, row in rows.items()
        if key.kind in selection.part_of and selection.part_of[key.kind].matches(row)
    }  # fmt: skip
    if selection.derivation is None:
        return {key: dict(selection.part_of[key.kind].projection.project(row)) for key, row in chosen.items()}
    sources: dict[str, dict[str, Any]] = {part.kind: {} for part in selection.parts}
    for key, row in chosen.items():
        sources[key.kind][key.key] = row
    return {key: dict(row) for key, row in selection.derivation.derive(sources, {}).items()}


def anchored(selection: Selection, rows: Rows) -> bool:
    """Tell whether the rows that the selection's permission rests on exist."""
    anchors = [part for part in selection.parts if part.anchor]
    return all(any(key.kind == part.kind and part.matches(row) for key, row in rows.items()) for part in anchors)


@dataclass(frozen=True)
class Saved:
    """What a client had at some time, and may come back with."""

    epoch: str
    position: int
    rows: Shown


@dataclass(eq=False)
class Client:
    """One client of one topic. It applies what it is told as a browser does, and checks it against the truth."""

    name: str
    selection: Selection
    world: World
    process: "Process | None" = None
    state: str = "away"
    epoch: str = ""
    position: int = 0
    rows: Shown = field(default_factory=dict)
    saved: list[Saved] = field(default_factory=list)
    cursor_was_ahead: bool = False
    told: int = 0

    def opened(self, view: View, touched: Collection[RowKey] | None) -> None:
        """Take a snapshot, or the current state of each touched row."""
        assert self.state == "waiting", f"{self.name} is opened while {self.state}"
        self.state = "open"
        if touched is None:
            self._take_snapshot(view)
        else:
            assert view.epoch == self.epoch
            for key in touched:
                fragment = view.fragment(key)
                self._apply(json.loads(fragment) if fragment else {"kind": key.kind, "key": key.key, "row": None})
        self._arrive(view.epoch, view.position)

    def changed(self, view: View, update: Update) -> None:
        """Take a batch's changes: each key once, and no row that is shown already."""
        assert self.state == "open", f"{self.name} is told a change while {self.state}"
        items = json.loads(b"[" + b",".join(update.bodies) + b"]")
        keys = [RowKey(item["kind"], item["key"]) for item in items]
        assert tuple(keys) == update.keys
        assert len(set(keys)) == len(keys), "a key twice in one update"
        for key, item in zip(keys, items, strict=True):
            assert self.rows.get(key) != item["row"], f"{self.name} is told again what it has: {item}"
            self._apply(item)
        assert update.position > self.position, f"{self.name} is at {self.position} and told {update.position}"
        self._arrive(view.epoch, update.position)

    def reset(self, view: View) -> None:
        """Take a pushed snapshot."""
        assert self.state == "open"
        self._take_snapshot(view)
        self._arrive(view.epoch, view.position)

    def revoked(self, view: View) -> None:
        """Lose the topic: drop its rows."""
        assert self.state == "open"
        self._lose()

    def failed(self, error: PeerError) -> None:
        """Be refused: drop what there was, as the protocol says."""
        assert self.state in ("open", "waiting")
        self._lose()

    def view_position(self) -> int | None:
        """Return where the view of an open client is now, without a frame."""
        if self.process is None or self.state != "open":
            return None
        view = self.process.feed.audience.views[self.selection]
        return view.position if view.epoch == self.epoch else None

    def check(self) -> None:
        """Compare the rows with the truth at the client's position."""
        truth = self.world.truth.get((self.epoch, self.position))
        assert truth is not None, f"{self.name}: no transaction ends at {self.epoch}/{self.position}"
        assert anchored(self.selection, truth), f"{self.name} sees rows at {self.position} without their anchor"
        assert self.rows == expected(self.selection, truth), f"{self.name} at {self.epoch}/{self.position}"

    def _take_snapshot(self, view: View) -> None:
        items = json.loads(b"[" + b",".join(view.snapshot_bodies()) + b"]")
        self.rows = {RowKey(item["kind"], item["key"]): item["row"] for item in items}

    def _arrive(self, epoch: str, position: int) -> None:
        if epoch == self.epoch and not self.cursor_was_ahead:
            assert position >= self.position, f"{self.name} went back from {self.position} to {position}"
        self.cursor_was_ahead = False
        self.epoch, self.position = epoch, position
        self.told += 1
        self.check()
        self.saved.append(Saved(epoch, position, dict(self.rows)))

    def _apply(self, item: dict[str, Any]) -> None:
        key = RowKey(item["kind"], item["key"])
        if item["row"] is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = item["row"]

    def _lose(self) -> None:
        self.state, self.process, self.rows, self.epoch = "away", None, {}, ""
        self.saved.clear()


Answer = Callable[[], list[Effect]]


class Process:
    """One server process: its feed, its wire, and its questions on their way to the log and back."""

    def __init__(self, name: str, world: World, random: Random) -> None:
        self.name = name
        self.feed = Feed(STREAM, LIMITS)
        self.wire: list[Batch] = []
        self.clock = 0.0
        self._world = world
        self._random = random
        self.severed = False
        """Whether the log is another database now, and the process has not noticed."""
        self._asked: list[Effect] = []
        self._answers: list[Answer] = []

    @property
    def busy(self) -> bool:
        """Tell whether anything is under way."""
        return bool(self.wire or self._asked or self._answers)

    @property
    def has_seen_all(self) -> bool:
        """Tell whether the process vouches for the whole log as it is now."""
        line, db = self.feed.line, self._world.db
        return line.trust is Trust.SURE and (line.epoch, line.position) == (db.epoch, db.head)

    def perform(self, effects: list[Effect]) -> None:
        """Put questions on their way."""
        for effect in effects:
            assert not isinstance(effect, Crash), f"contained crash: {effect.error!r}"
            if isinstance(effect, Doubt):
                self._world.doubts.append((effect.epoch, effect.mark))
            elif isinstance(effect, AskHead | ReadLog | Verify | ReadSnapshot | Expect | Gather):
                self._asked.append(effect)

    def receive(self, *, index: int = 0, keep: bool = False) -> None:
        """Take a batch from the wire."""
        batch = self.wire[index] if keep else self.wire.pop(index)
        self.perform(self.feed.batch_received(batch))

    def tick(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.clock += seconds
        self.perform(self.feed.tick(self.clock))

    def question_reaches_log(self, *, index: int = 0, outage: bool = False) -> None:
        """Let the log answer a question as of now; the answer is on its way. A severed connection shows here."""
        if self._asked and self.severed:
            self._connection_lost()
        elif self._asked:
            effect = self._asked.pop(index % len(self._asked))
            self._answers.append(self._fail(effect) if outage else self._answer(effect))

    def answer_arrives(self, *, index: int = 0) -> None:
        """Let an answer arrive."""
        if self._answers:
            self.perform(self._answers.pop(index % len(self._answers))())

    def _connection_lost(self) -> None:
        """Let everything under way fail, and the next look at the head too."""
        self.severed = False
        self._fail_all()
        self.perform(self.feed.tick(self.clock))
        self._fail_all()

    def _fail_all(self) -> None:
        while self._asked or self._answers:
            self.question_reaches_log(outage=True)
            self.answer_arrives()

    def _answer(self, effect: Effect) -> Answer:
        world, feed = self._world, self.feed
        match effect:
            case AskHead():
                head = world.heads()
                return lambda: feed.head_answered(effect, head)
            case Verify():
                holds = world.verify(effect.epoch, effect.mark)
                return lambda: feed.verified(effect, holds=holds)
            case ReadLog():
                try:
                    read = world.read(effect.epoch, effect.after, effect.upto, effect.mark, READ_CHANGES)
                except RealtimeError as error:
                    return lambda error=error: feed.log_failed(effect, error)  # type: ignore[misc]
                return lambda: feed.range_read(effect, read)
            case ReadSnapshot():
                snapshot = world.snapshot(effect.view.selection)
                content = content_of(effect.view.selection, snapshot.rows)
                return lambda: feed.snapshot_read(effect, snapshot, content, self.clock)
            case Expect():
                return lambda: feed.overdue(effect)
            case Gather():
                return lambda: feed.gathered(effect)
        raise AssertionError(effect)

    def _fail(self, effect: Effect) -> Answer:
        error, feed = LogUnavailable("an outage"), self.feed
        match effect:
            case AskHead():
                return lambda: feed.head_failed(effect)
            case Verify() | ReadLog():
                return lambda: feed.log_failed(effect, error)
            case ReadSnapshot():
                return lambda: feed.snapshot_failed(effect, error, self.clock)
        return self._answer(effect)
