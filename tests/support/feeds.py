"""A feed of the pure machine, its questions answered by hand: for unit tests."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, TypeVar

from realtime.errors import PeerError
from realtime.pure.changes import Batch, Change, Head, RowKey, Snapshot
from realtime.pure.content import content_of
from realtime.pure.effects import AskHead, Effect, ReadSnapshot
from realtime.pure.feed import Feed, FeedLimits
from realtime.pure.selection import Part, Projection, Selection
from realtime.pure.view import Update, View

STREAM, EPOCH = "shop", "epoch"
Row = dict[str, Any]
E = TypeVar("E", bound=Effect)


def shown(row: Any) -> Row:
    """Show x alone; a row of x "broken" can't be shown."""
    if row["x"] == "broken":
        raise ValueError("a bug in a projection")
    return {"x": row["x"]}


SHOWN = Projection("shown", "1", shown)
EVERYTHING = Selection(STREAM, (Part("item", ((),), SHOWN),))
MINE = Selection(STREAM, (Part("order", ((("owner", 7),),), SHOWN, anchor=True), Part("item", ((),), SHOWN)))


def of_group(group: int) -> Selection:
    """Select the items of a group."""
    return Selection(STREAM, (Part("item", ((("group", group),),), SHOWN),))


def change(
    position: int, key: str, new: Row | None, old: Row | None = None, *, kind: str = "item", ends: bool = True
) -> Change:
    """Return a change; its inbox id is 100 above its position."""
    return Change(position, position + 100, kind, key, new, old, False, ends)


def reset(position: int, kind: str = "item") -> Change:
    """Return a reset."""
    return Change(position, position + 100, kind, "", None, None, True, True)


def batch(*changes: Change) -> Batch:
    """Return the batch of these changes."""
    after, head = changes[0].position - 1, changes[-1].position
    return Batch(STREAM, EPOCH, after, f"m{after}", head, f"m{head}", changes)


def head(position: int, *, epoch: str = EPOCH, floor: int = 0) -> Head:
    """Return a head."""
    return Head(STREAM, epoch, position, floor, f"m{position}")


@dataclass(eq=False)
class Recorder:
    """A subscriber that notes what it is told: `("changed", 12, {"a": {"x": 1}})`."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    view: View | None = None

    def opened(self, view: View, touched: Collection[RowKey] | None) -> None:
        """Note the rows, or the touched keys."""
        self.view = view
        self.calls.append(("opened", view.position, rows_of(view) if touched is None else [k.key for k in touched]))

    def changed(self, view: View, update: Update) -> None:
        """Note the rows of the update."""
        self.calls.append(("changed", update.position, items_of(update.bodies)))

    def reset(self, view: View) -> None:
        """Note the rows."""
        self.calls.append(("reset", view.position, rows_of(view)))

    def revoked(self, view: View) -> None:
        """Note it."""
        self.calls.append(("revoked",))

    def failed(self, error: PeerError) -> None:
        """Note the code."""
        self.calls.append(("failed", error.code))

    @property
    def last(self) -> tuple[Any, ...]:
        """The last call."""
        return self.calls[-1]


def items_of(bodies: list[bytes]) -> dict[str, Any]:
    """Return the rows in some bodies, by key."""
    return {item["key"]: item["row"] for item in json.loads(b"[" + b",".join(bodies) + b"]")}


def rows_of(view: View) -> dict[str, Any]:
    """Return the rows of a view, by key."""
    return items_of(view.snapshot_bodies())


class Bench:
    """A feed at a position, with the questions that it has asked."""

    def __init__(self, position: int = 10, **limits: Any) -> None:
        self.feed = Feed(STREAM, FeedLimits(**limits))
        self.asked: list[Effect] = []
        self.take(self.feed.tick(0.0))
        self.take(self.feed.head_answered(self.question(AskHead), head(position)))

    def take(self, effects: list[Effect]) -> list[Effect]:
        """Note what was asked."""
        self.asked += effects
        return effects

    def question(self, kind: type[E]) -> E:
        """Return the oldest question of a kind that was not answered yet."""
        found = next(effect for effect in self.asked if isinstance(effect, kind))
        self.asked.remove(found)
        return found

    def kinds(self) -> list[str]:
        """Return the kinds of the open questions."""
        return [type(effect).__name__ for effect in self.asked if type(effect).__name__ != "Count"]

    def receive(self, *changes: Change) -> None:
        """Take a batch from the wire."""
        self.take(self.feed.batch_received(batch(*changes)))

    def subscribe(
        self, selection: Selection = EVERYTHING, cursor: tuple[str, int] | None = None, *, now: float = 0.0
    ) -> Recorder:
        """Subscribe; the line is confirmed where that is asked for."""
        recorder = Recorder()
        self.take(self.feed.subscribe(recorder, selection, cursor, lambda epoch: epoch, now))
        if any(isinstance(effect, AskHead) for effect in self.asked):
            self.take(self.feed.head_answered(self.question(AskHead), head(self.feed.line.position)))
        return recorder

    def snapshot(
        self, rows: dict[str, Row], *, at: Head | None = None, pending: Collection[int] = (), kind: str = "item"
    ) -> None:
        """Answer the oldest question for a snapshot; `orders` of the anchor come as kind and key."""
        asked = self.question(ReadSnapshot)
        found = tuple((RowKey(*key.split("/")) if "/" in key else RowKey(kind, key), row) for key, row in rows.items())
        snapshot = Snapshot(at or head(asked.position), frozenset(pending), found)
        content = content_of(asked.view.selection, found)
        self.take(self.feed.snapshot_read(asked, snapshot, content, 0.0))

    def opened(self, selection: Selection = EVERYTHING, rows: dict[str, Row] | None = None) -> Recorder:
        """Subscribe and answer the snapshot."""
        recorder = self.subscribe(selection)
        if not recorder.calls:
            self.snapshot(rows or {})
        return recorder
