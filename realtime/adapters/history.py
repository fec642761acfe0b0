"""Recorded changes of one kind, newest first, for pages that ask what happened lately.

    for change in history("inventory", "stocklevel", since=timedelta(minutes=15), limit=50):
        change.at, change.key, change.old, change.new

The change log is read backwards from its head, through its primary key, in pages. A busy stream can hold more
than a page may look through: never more than `SCANNED_MAX` positions of the stream are, whatever their kind, and
`reaches_back_to` says after which moment nothing is missing. Synchronous, on Django's own connection: for views and
commands, never on the event loop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, overload

import msgspec
from django.db import InterfaceError, OperationalError, connections
from django.db.transaction import atomic

from realtime.conf import realtime_settings
from realtime.declare import Rows, Stream, registry
from realtime.errors import DeclarationError, LogUnavailable
from realtime.pure.changes import Capture, Row
from realtime.pure.selection import Part

SCANNED_MAX = 20_000
"""So many positions of the stream are looked through at most, about 50 ms of them."""

PAGE_MIN, PAGE_MAX = 500, 4_000
"""Positions of the first page, and of the largest; each is twice the one before it."""

HOLD = "LOCK TABLE realtime_log IN ACCESS SHARE MODE"
"""No segment is dropped between two pages. Pruning waits for its turn, or comes again."""

STREAM = "SELECT epoch_number, head, floor, clock_timestamp() FROM realtime_stream WHERE name = %s"

PAGE = """
SELECT position, assigned_at, kind, key, version, reset, ends, new, old FROM realtime_log
WHERE stream = %(stream)s AND epoch_number = %(epoch_number)s AND position > %(after)s AND position <= %(upto)s
    AND (kind = %(kind)s OR position = %(after)s + 1)
ORDER BY position DESC
"""
"""The lowest position comes along whatever its kind: it says how far back the page reaches."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded change: `at` is when it got its position (aware, UTC), just after its commit.

    `new` is the row after it (None: deleted), `old` the row before it (None: inserted), as captured. A `reset`
    says that the table was emptied or changed as a whole: its key is empty, and it has no rows. `ends` is true on
    the last change of its transaction.
    """

    position: int
    at: datetime
    key: str
    old: Row | None
    new: Row | None
    reset: bool
    ends: bool


@dataclass(frozen=True, slots=True)
class History(Sequence[Recorded]):
    """Recorded changes, newest first; none is missing after `reaches_back_to` (aware, UTC)."""

    changes: tuple[Recorded, ...]
    reaches_back_to: datetime

    @overload
    def __getitem__(self, index: int) -> Recorded: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Recorded, ...]: ...
    def __getitem__(self, index: int | slice) -> Recorded | tuple[Recorded, ...]:
        """Return one change, or some."""
        return self.changes[index]

    def __len__(self) -> int:
        """Return the number of changes."""
        return len(self.changes)


def history(stream: str, kind: str, *, since: timedelta, limit: int, where: Mapping[str, Any] | None = None) -> History:
    """Return what the log of the present epoch recorded of a kind since so long ago, newest first, at most `limit`.

    `where` is an equality for each of some captured columns, as in `Rows`; it is matched on the row before or
    after the change. Resets concern every row and always match. Changes captured with other columns than are
    declared now are left out. Raises DeclarationError for a stream, kind or column that is not declared,
    BadParameter for a value that the column can't have, ValueError for a span or limit that is not positive, and
    LogUnavailable when PostgreSQL does not answer.
    """
    if since <= timedelta(0) or limit < 1:
        raise ValueError(f"since must be a positive span and limit at least 1, not {since!r} and {limit!r}")
    declared = _stream(stream)
    capture, part = _capture(declared, kind), _part(declared, kind, where or {})
    alias = realtime_settings().database
    try:
        with atomic(alias), connections[alias].cursor() as cursor:
            return _Reading(cursor, capture, part).read(stream, since, limit)
    except (OperationalError, InterfaceError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LogUnavailable(f"PostgreSQL did not answer: {reason}") from error


def _stream(name: str) -> Stream:
    if name not in registry.streams:
        raise DeclarationError(f"there is no stream {name!r}; there are {sorted(registry.streams)}")
    return registry.streams[name]


def _capture(stream: Stream, kind: str) -> Capture:
    if kind not in stream.captures:
        raise DeclarationError(f"stream {stream.name!r} does not watch {kind!r}; it watches {sorted(stream.captures)}")
    return stream.captures[kind]


def _part(stream: Stream, kind: str, where: Mapping[str, Any]) -> Part:
    model = next(watch.model for watch in stream.watches if watch.model._meta.model_name == kind)
    return stream.select([Rows(model, where=where)]).parts[0]


class _Logged(NamedTuple):
    position: int
    at: datetime
    kind: str
    key: str
    version: str
    reset: bool
    ends: bool
    new: str | None
    old: str | None


class _Reading:
    """One walk back through the log, in one transaction."""

    def __init__(self, cursor: Any, capture: Capture, part: Part) -> None:
        self._cursor = cursor
        self._capture = capture
        self._part = part

    def read(self, stream: str, since: timedelta, limit: int) -> History:
        """Walk back until the span, the limit, the bound or the floor is reached."""
        self._cursor.execute(HOLD)
        self._cursor.execute(STREAM, [stream])
        state = self._cursor.fetchone()
        if state is None:
            raise LogUnavailable(f"the database has no stream {stream!r}: apply its migrations")
        epoch_number, head, floor, now = state
        cutoff, reached = now - since, now
        found: list[Recorded] = []
        for after, upto in _pages(head, max(floor, head - SCANNED_MAX)):
            for row in self._page(stream, epoch_number, after, upto):
                reached = row.at
                if reached < cutoff:
                    return History(tuple(found), cutoff.astimezone(UTC))
                if (change := self._recorded(row)) is not None:
                    found.append(change)
                    if len(found) == limit:
                        return History(tuple(found), change.at)
        return History(tuple(found), reached.astimezone(UTC))

    def _page(self, stream: str, epoch_number: int, after: int, upto: int) -> list[_Logged]:
        named = {"stream": stream, "epoch_number": epoch_number, "after": after, "upto": upto}
        self._cursor.execute(PAGE, {**named, "kind": self._part.kind})
        return [_Logged._make(row) for row in self._cursor.fetchall()]

    def _recorded(self, row: _Logged) -> Recorded | None:
        """Return the change of a row, or None where it is not asked for or can't be read any more."""
        at = row.at.astimezone(UTC)
        if row.kind != self._part.kind:
            return None
        if row.reset:
            return Recorded(row.position, at, "", None, None, True, row.ends)
        if row.version != self._capture.version:
            return None
        try:
            old, new = self._decode(row.old), self._decode(row.new)
        except msgspec.ValidationError:
            return None
        if not (self._part.matches(new) or self._part.matches(old)):
            return None
        return Recorded(row.position, at, row.key, old, new, False, row.ends)

    def _decode(self, image: str | None) -> Row | None:
        return None if image is None else self._capture.decode(image)


def _pages(head: int, bottom: int) -> Iterator[tuple[int, int]]:
    """Yield ranges (after, upto] from the head down to the bottom, each twice as long as the one before it."""
    size = PAGE_MIN
    while head > bottom:
        after = max(bottom, head - size)
        yield after, head
        head, size = after, min(2 * size, PAGE_MAX)
