"""Changes, batches and positions: the values that travel from the log to the views.

A row's image travels as a JSON array of its captured columns, in the order of its `Capture`. It is decoded
once per process, into a dictionary by column name.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

Row = Mapping[str, Any]
"""Captured columns by name: exact numbers are `Decimal`, times are RFC 3339 strings in UTC, UUIDs strings."""


class RowKey(NamedTuple):
    """What identifies a row on the wire: the model's name in lower case and its primary key as a string."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A random mark that the relay stamped beside the last position of one assignment.

    Two logs that share a position but not its mark are different logs.
    """

    position: int
    mark: str


@dataclass(frozen=True, slots=True)
class Head:
    """A stream's row: its epoch, highest assigned and lowest retained position, and the mark of the head.

    `floor` is the lowest position from which a range `(floor, head]` can still be read; 0 in a young log.
    """

    stream: str
    epoch: str
    position: int
    floor: int
    mark: str


@dataclass(frozen=True)
class Capture:
    """The columns of one table that enter the log, and how their image is decoded.

    `columns` are the names of the table's columns, `types` the Python types that msgspec decodes them to
    (None is always allowed). `version` identifies names, types and order: two processes that disagree
    about it must not read each other's images.
    """

    kind: str
    table: str
    key: str
    columns: tuple[str, ...]
    types: tuple[Any, ...]

    @cached_property
    def version(self) -> str:
        """Eight hex digits that change whenever names, types or order of the columns do."""
        text = repr((self.table, self.key, self.columns, tuple(str(t) for t in self.types)))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @cached_property
    def _decoder(self) -> "msgspec.json.Decoder[tuple[Any, ...]]":
        return msgspec.json.Decoder(tuple[tuple(t | None for t in self.types)])  # type: ignore[misc]

    def decode(self, image: bytes | str) -> Row:
        """Return the row of an image (a JSON array in the order of `columns`).

        Raises `msgspec.ValidationError` when the image was made by another capture.
        """
        return dict(zip(self.columns, self._decoder.decode(image), strict=True))


class Change(msgspec.Struct, frozen=True):
    """One committed row change with its position. A struct: a frozen dataclass takes ten times as long to make.

    `new` is the row after it (None: deleted), `old` the row before it (None: inserted). A `reset` says
    that the table's rows are to be read anew (TRUNCATE, a migration, an image of another version): its key
    is empty and it has no rows. `ends` is true on the last change of its transaction.
    """

    position: int
    inbox_id: int
    kind: str
    key: str
    new: Row | None
    old: Row | None
    reset: bool
    ends: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """The changes `(after, head]` of one stream and epoch, whole transactions only.

    `since` is the mark at `after`, `mark` the one at `head`: a batch of another log does not join up. An empty
    range (`after == head`) is a heartbeat. `changes` is None when the batch was too large for the wire and
    travels as positions alone: the hub then reads the range from the log.
    """

    stream: str
    epoch: str
    after: int
    since: str
    head: int
    mark: str
    changes: tuple[Change, ...] | None


@dataclass(frozen=True, slots=True)
class LogRange:
    """Changes `(after, upto]` as read from the log; `upto` ends a transaction."""

    stream: str
    epoch: str
    after: int
    upto: int
    mark: Mark | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of one selection as of one database snapshot.

    Included are all changes up to `head.position`, and those whose inbox ids are in `pending`: they were
    committed and visible, but had no position yet.
    """

    head: Head
    pending: frozenset[int]
    rows: tuple[tuple[RowKey, Row], ...]
