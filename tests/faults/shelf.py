"""The rows of one topic as a client keeps them by docs/PROTOCOL.md; what it was told becomes its history. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.faults.history import Connection, Cursor, Subscribed, Told, What
from tests.faults.images import MASK, RowId, fingerprint

CANARY = re.compile(rb"canary-of-(\d+)-")

SEEN_MAX = 200_000

LEFT = "left"
"""How a subscription ended that the client has ended."""


class RowFrame(msgspec.Struct):
    """A row as it travels; null stands for removed."""

    kind: str
    key: str
    row: msgspec.Raw


class Frame(msgspec.Struct):
    """Any frame from the server."""

    type: str
    id: int | str | None = None
    topic: str = ""
    epoch: str = ""
    position: int = -1
    rows: list[RowFrame] = []
    changes: list[RowFrame] = []
    first: bool = True
    last: bool = True
    code: str = ""
    retry: bool = False
    heartbeat_seconds: float = 15.0


Shown = tuple[int, int]
"""A row's version, and the fingerprint of all that is shown of it."""

seen: dict[tuple[str, str, bytes], Shown] = {}
"""What was decoded already: the same row comes to many clients."""


def owners_in(payload: bytes) -> frozenset[int]:
    """Return whose canaries a raw frame holds."""
    return frozenset(int(each) for each in set(CANARY.findall(payload)))


def shown_of(each: RowFrame) -> Shown | None:
    """Return what is shown of a row; None for a removal."""
    raw = bytes(each.row)
    if raw == b"null":
        return None
    known = seen.get((each.kind, each.key, raw))
    if known is None:
        row: dict[str, Any] = msgspec.json.decode(raw)
        if len(seen) > SEEN_MAX:
            seen.clear()
        known = seen[(each.kind, each.key, raw)] = row["version"], fingerprint(each.kind, each.key, row)
    return known


@dataclass
class Shelf:
    """One topic of one client. `cursor` is what it would resume with."""

    topic: str
    cursor: Cursor | None = None
    rows: dict[RowId, int] = field(default_factory=dict)
    wanted: bool = True
    """False once the server has said that it is not to be had."""
    told_at: float = 0.0
    subscribed: Subscribed | None = None
    _marks: dict[RowId, int] = field(default_factory=dict)
    _total: int = 0
    _parts: dict[RowId, Shown | None] | None = None
    _snapshot: bool = False
    _position: int = -1
    _began_at: float = 0.0
    _owners: frozenset[int] = frozenset()

    def ask(self, now: float) -> Subscribed:
        """Begin a subscribe, with the cursor if there is one."""
        self._parts = None
        self.subscribed = Subscribed(self.topic, now, self.cursor)
        return self.subscribed

    def drop(self) -> None:
        """Forget rows and cursor."""
        self.rows.clear()
        self._marks.clear()
        self._total, self.cursor, self._parts = 0, None, None

    def take(self, frame: Frame, payload: bytes, connection: Connection, now: float) -> Told | None:
        """Take a frame of this topic; return what the client was told with it, if that is complete."""
        subscribed = self.subscribed
        if subscribed is None or subscribed.ended is not None:
            self._blame(now, "I9", f"{frame.type} at {frame.position} came after the subscription had ended")
            return None
        match frame.type:
            case "snapshot":
                return self._take_snapshot(frame, payload, connection, now)
            case "resumed":
                return self._take_resumed(frame, connection, now)
            case "changes":
                return self._take_changes(frame, payload, connection, now)
        return None

    def refuse(self, code: str, now: float, *, retry: bool) -> None:
        """Take that the subscribe failed, or that the subscription has ended."""
        if self.subscribed is not None:
            if self.subscribed.answer is None:
                self.subscribed.answer, self.subscribed.answered_at = code, now
            self.subscribed.ended, self.subscribed.ended_at = code, now
        self.wanted = retry
        self.drop()

    def leave(self, now: float) -> None:
        """Take that the subscription has ended because it was asked to."""
        if self.subscribed is not None:
            self.subscribed.ended, self.subscribed.ended_at = LEFT, now
        self.drop()

    def _take_snapshot(self, frame: Frame, payload: bytes, connection: Connection, now: float) -> Told | None:
        subscribed = self.subscribed
        assert subscribed is not None
        if frame.first:
            if self._parts is not None and self._snapshot:
                subscribed.restarts.append((self._began_at, now, frame.position))
            elif self._parts is not None:
                self._blame(now, "I5", f"a snapshot began at {frame.position} while parts of changes were missing")
            self._begin(frame.position, snapshot=True)
            self._began_at = now
        elif self._parts is None or not self._snapshot:
            self._blame(now, "I5", f"a snapshot's part at {frame.position} came without its first")
            self._begin(frame.position, snapshot=True)
        assert self._parts is not None
        self._answer("snapshot", now)
        self._owners |= owners_in(payload)
        self._parts.update(((each.kind, each.key), shown_of(each)) for each in frame.rows)
        if not frame.last:
            return None
        self.drop_rows()
        parts, self._parts = self._parts, None
        self.cursor = (frame.epoch, frame.position)
        self._apply({row: shown for row, shown in parts.items() if shown is not None})
        return self._tell(What.SNAPSHOT, {row: shown[0] for row, shown in parts.items() if shown}, connection, now)

    def _take_resumed(self, frame: Frame, connection: Connection, now: float) -> Told | None:
        if self.cursor != (frame.epoch, frame.position):
            self._blame(now, "I12", f"resumed at {(frame.epoch, frame.position)}, the cursor was {self.cursor}")
        self._answer("resumed", now)
        self._owners = frozenset()
        return self._tell(What.RESUMED, {}, connection, now) if self.cursor else None

    def _take_changes(self, frame: Frame, payload: bytes, connection: Connection, now: float) -> Told | None:
        assert self.subscribed is not None
        if self.subscribed.answer is None or self.cursor is None:
            self._blame(now, "I12", f"changes at {frame.position} came before snapshot or resumed")
            return None
        if self._parts is not None and self._snapshot:
            self._blame(now, "I5", f"changes at {frame.position} came between the parts of a snapshot")
            self._parts = None
        if self._parts is None:
            self._begin(frame.position, snapshot=False)
        assert self._parts is not None
        if frame.position != self._position:
            self._blame(now, "I4", f"a part of {self._position} was followed by one of {frame.position}")
        self._owners |= owners_in(payload)
        for each in frame.changes:
            if (each.kind, each.key) in self._parts:
                self._blame(now, "I7", f"{each.kind} {each.key} came twice at {frame.position}")
            self._parts[each.kind, each.key] = shown_of(each)
        if not frame.last:
            return None
        parts, self._parts = self._parts, None
        self.cursor = (self.cursor[0], frame.position)
        self._apply(parts)
        rows = {row: None if shown is None else shown[0] for row, shown in parts.items()}
        return self._tell(What.CHANGES, rows, connection, now)

    def _begin(self, position: int, *, snapshot: bool) -> None:
        self._parts, self._snapshot, self._position, self._owners = {}, snapshot, position, frozenset()

    def drop_rows(self) -> None:
        """Empty the topic, for a snapshot that replaces it."""
        self.rows.clear()
        self._marks.clear()
        self._total = 0

    def _apply(self, parts: dict[RowId, Shown | None]) -> None:
        total = self._total
        for row, shown in parts.items():
            total -= self._marks.get(row, 0)
            if shown is None:
                self.rows.pop(row, None)
                self._marks.pop(row, None)
            else:
                self.rows[row], self._marks[row] = shown
                total += shown[1]
        self._total = total & MASK

    def _tell(self, what: What, rows: dict[RowId, int | None], connection: Connection, now: float) -> Told:
        assert self.cursor is not None and self.subscribed is not None
        epoch, position = self.cursor
        told = Told(now, connection.after, what, epoch, position, rows, self._total, len(self.rows), self._owners)
        self.subscribed.told.append(told)
        self.told_at = now
        return told

    def _answer(self, answer: str, now: float) -> None:
        assert self.subscribed is not None
        if self.subscribed.answer is None:
            self.subscribed.answer, self.subscribed.answered_at = answer, now

    def _blame(self, now: float, invariant: str, text: str) -> None:
        if self.subscribed is not None:
            self.subscribed.misframed.append((now, invariant, text))
