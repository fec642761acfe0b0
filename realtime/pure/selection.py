"""What a topic resolves to for a given user: rows of a stream, how they are filtered and how they are shown.

Selections are values: two subscriptions share a view exactly when their selections are equal. Functions
take part in equality through their name and version alone.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from realtime.pure.changes import Row, RowKey

Project = Callable[[Row], Mapping[str, Any]]
"""Pure: the captured columns of a row in, what a client is shown out."""

Derive = Callable[[Mapping[str, Mapping[str, Row]], Mapping[str, Any]], Mapping[RowKey, Mapping[str, Any]]]
"""Pure: the source rows by kind and key and the topic's parameters in, the derived rows out."""

Alternative = tuple[tuple[str, Any], ...]
"""Equalities that must all hold, as (column, value) sorted by column; a value None never matches."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A named, versioned pure function from captured columns to what a client is shown."""

    name: str
    version: str
    project: Project = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Derivation:
    """A named, versioned pure function from a view's source rows to the rows that it shows."""

    name: str
    version: str
    parameters: tuple[tuple[str, Any], ...]
    derive: Derive = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one kind in a selection.

    A row belongs to it when at least one alternative matches; the empty alternative `()` matches every row.
    The subscription's permission rests on the rows of an `anchor` part: when none is left in the view, the
    subscription is revoked.
    """

    kind: str
    alternatives: tuple[Alternative, ...]
    projection: Projection
    anchor: bool = False

    def matches(self, row: Row | None) -> bool:
        """Tell whether the row (None: no row) belongs to this part."""
        if row is None:
            return False
        return any(
            all(value is not None and row[column] == value for column, value in alternative)
            for alternative in self.alternatives
        )


@dataclass(frozen=True)
class Selection:
    """The rows of one stream that a topic shows to a user; at most one part for each kind."""

    stream: str
    parts: tuple[Part, ...]
    derivation: Derivation | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits over everything that decides what is shown, stable across processes."""
        return hashlib.sha256(repr((self.stream, self.parts, self.derivation)).encode()).hexdigest()[:16]

    @cached_property
    def part_of(self) -> dict[str, Part]:
        """The parts by kind."""
        return {part.kind: part for part in self.parts}
