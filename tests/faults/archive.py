"""Reads the log as it grows, before it is pruned or goes back to an older copy, and the tables as they are."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from tests.faults.images import COLUMNS, KINDS, Image, image_of
from tests.faults.logbook import Chapter, Logbook, Logged

Connect = Callable[[], "psycopg.Connection[tuple[Any, ...]]"]
Tables = dict[str, dict[str, Image]]

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

STREAM = "SELECT epoch, epoch_number, head, floor FROM realtime_stream WHERE name = 'proof'"

HASH = "hashtextextended(concat_ws('|', inbox_id, kind, key, reset, ends, new, old, mark), 0)"

READ = f"""
SELECT position, kind, key, reset, ends, new, old, {HASH} FROM realtime_log
WHERE stream = 'proof' AND epoch_number = %s AND position > %s ORDER BY position
"""

MARKS = f"""
SELECT position, {HASH} FROM realtime_log
WHERE stream = 'proof' AND epoch_number = %s AND position > %s AND position <= %s ORDER BY position
"""

REACH = "SELECT max(position) FROM realtime_log WHERE stream = 'proof' AND epoch_number = %s"

PENDING = "SELECT count(*) FROM realtime_inbox WHERE stream = 'proof'"

REST_SECONDS = 20.0


class Archive(Logbook):
    """The logbook of a running database. `take` is called before whatever removes rows of the log; thread-safe."""

    def __init__(self, connect: Connect) -> None:
        super().__init__()
        self._connect = connect
        self._lock = threading.RLock()
        self._numbers = 0

    def take(self) -> bool:
        """Read what is new; return False when PostgreSQL is away."""
        with self._lock:
            try:
                with self._connect() as connection:
                    connection.execute(BEGIN)
                    self._take(connection)
                    connection.execute("COMMIT")
            except psycopg.Error:
                return False
        return True

    def settle(self) -> None:
        """Read what is new and keep the present rows alone."""
        with self._lock:
            self.take()
            super().settle()

    def tables(self) -> Tables:
        """Wait until no change is without a position; then read log and tables in one database snapshot.

        The bulk table is left out where nothing was written to it: it is large.
        """
        deadline = time.monotonic() + REST_SECONDS
        with self._lock, self._connect() as connection:
            while True:
                connection.execute(BEGIN)
                (pending,) = connection.execute(PENDING).fetchone() or (0,)
                if not pending or time.monotonic() > deadline:
                    break
                connection.execute("COMMIT")
                time.sleep(0.02)
            self._take(connection, thorough=True)
            written = any(change.kind == "bulk" for chapter in self.chapters for change in chapter.changes)
            found = {kind: _table(connection, kind) for kind in KINDS if written or kind != "bulk"}
            connection.execute("COMMIT")
        return found

    def table(self, kind: str) -> dict[str, Image]:
        """Return the rows of a table now, by their keys."""
        with self._connect() as connection:
            return _table(connection, kind)

    def _take(self, connection: "psycopg.Connection[Any]", *, thorough: bool = False) -> None:
        row = connection.execute(STREAM).fetchone()
        assert row is not None
        epoch, number, head, floor = row
        if not self.chapters:
            assert floor == 0, "the log must be archived from its beginning"
            self._begin(epoch, number, 0, None)
        if chapter := self._known(epoch, number):
            self._follow(connection, chapter, head, thorough=thorough)
        else:
            base = self._follow(connection, self._ancestor(number), None, thorough=True)
            for between in range(base.epoch_number + 1, number):
                base = self._follow(connection, self._begin(f"({between})", between, 0, (base, base.head)), None)
            self._follow(connection, self._begin(epoch, number, 0, (base, base.head)), head)
        if not self.floors or self.floors[-1][1:] != (epoch, floor):
            self.floors.append((time.monotonic(), epoch, floor))

    def _known(self, epoch: str, number: int) -> Chapter | None:
        """Return the latest chapter of an epoch."""
        return next(
            (each for each in reversed(self.chapters) if (each.epoch, each.epoch_number) == (epoch, number)), None
        )

    def _ancestor(self, number: int) -> Chapter:
        """Return the latest chapter of an earlier number: the one that a new epoch of this number came after."""
        return next(chapter for chapter in reversed(self.chapters) if chapter.epoch_number < number)

    def _follow(
        self, connection: "psycopg.Connection[Any]", chapter: Chapter, head: int | None, *, thorough: bool = False
    ) -> Chapter:
        """Append what is new to a chapter; return it, or another one that begins where the log differs from it.

        `head` is the stream's, None for an epoch that has ended.
        """
        agreed = self._agreed(connection, chapter, head, thorough=thorough)
        if agreed < chapter.head or chapter is not self.chapters[-1]:
            chapter = self._begin(chapter.epoch, chapter.epoch_number, agreed, (chapter, agreed))
        rows = connection.execute(READ, [chapter.epoch_number, chapter.head]).fetchall()
        chapter.changes += [_logged(row) for row in rows]
        return chapter

    def _agreed(
        self, connection: "psycopg.Connection[Any]", chapter: Chapter, head: int | None, *, thorough: bool
    ) -> int:
        """Return the last position up to which the log still holds what the chapter does.

        What has been pruned counts as if it did.
        """
        known, named = chapter.changes, [chapter.epoch_number]
        if not known:
            return chapter.head
        if not thorough:
            there = connection.execute(MARKS, [*named, chapter.head - 1, chapter.head]).fetchall()
            if there and there[0][1] == known[-1].mark:
                return chapter.head
        if head is None:
            (head,) = connection.execute(REACH, named).fetchone() or (None,)
            head = chapter.head if head is None else head
        for position, mark in connection.execute(MARKS, [*named, chapter.start, chapter.head]).fetchall():
            if known[position - chapter.start - 1].mark != mark:
                return int(position) - 1
        return max(chapter.start, min(chapter.head, head))

    def _begin(self, epoch: str, number: int, start: int, base: tuple[Chapter, int] | None) -> Chapter:
        self._numbers += 1
        self.chapters.append(Chapter(self._numbers, epoch, number, start, base))
        return self.chapters[-1]


def _logged(row: Sequence[Any]) -> Logged:
    position, kind, key, reset, ends, new, old, mark = row
    return Logged(position, kind, key, reset, ends, image_of(kind, new), image_of(kind, old), mark)


def _table(connection: "psycopg.Connection[Any]", kind: str) -> dict[str, Image]:
    columns = ", ".join(COLUMNS[kind])
    rows = connection.execute(f"SELECT json_build_array({columns})::text FROM proof_{kind}".encode()).fetchall()
    images = [image_of(kind, row[0]) for row in rows]
    return {image.key: image for image in images if image is not None}
