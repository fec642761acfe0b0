"""Routing: from a changed row to the views that select it, by lookup instead of a scan.

Each alternative of a part is a shape (its columns) and the values that the columns must have. All
alternatives of one shape share a table from values to views, so that a change costs one lookup for each
shape of its kind, whatever the number of views.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Generic, TypeVar

from realtime.pure.changes import Row
from realtime.pure.selection import Alternative, Part

T = TypeVar("T", bound=Hashable)

NOTHING: Mapping[Any, None] = {}


def _getter(columns: tuple[str, ...]) -> Callable[[Row], Any]:
    return itemgetter(*columns) if columns else lambda row: ()


@dataclass(slots=True)
class Shape(Generic[T]):
    """The alternatives over the same columns; the value of a single column stands for itself, not in a tuple."""

    columns: tuple[str, ...]
    table: dict[Any, dict[T, None]] = field(default_factory=dict)
    get: Callable[[Row], Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.get = _getter(self.columns)

    def find(self, row: Row) -> Mapping[T, None]:
        """Return the targets that select the row."""
        try:
            return self.table.get(self.get(row)) or NOTHING
        except TypeError:  # A JSON array or object in a filtered column equals no filter's value.
            return NOTHING


class Index(Generic[T]):
    """Which targets (views) select a row; targets are found in the order in which they were added."""

    def __init__(self) -> None:
        self._shapes: dict[str, dict[tuple[str, ...], Shape[T]]] = {}

    def add(self, part: Part, target: T) -> None:
        """Let the target be found by the rows of a part. An alternative with a value None matches no row."""
        for columns, values in _lookups(part):
            shapes = self._shapes.setdefault(part.kind, {})
            shape = shapes.get(columns)
            if shape is None:
                shape = shapes[columns] = Shape(columns)
            shape.table.setdefault(values, {})[target] = None

    def remove(self, part: Part, target: T) -> None:
        """Undo `add` of the same part."""
        for columns, values in _lookups(part):
            shapes = self._shapes[part.kind]
            targets = shapes[columns].table[values]
            targets.pop(target, None)
            if not targets:
                del shapes[columns].table[values]
                if not shapes[columns].table:
                    del shapes[columns]
                    if not shapes:
                        del self._shapes[part.kind]

    def find(self, kind: str, row: Row | None) -> Mapping[T, None]:
        """Return each target that selects the row once (None: no row), as the keys of a mapping."""
        shapes = self._shapes.get(kind)
        if row is None or shapes is None:
            return NOTHING
        found: Mapping[T, None] = NOTHING
        for shape in shapes.values():
            if hit := shape.find(row):
                found = {**found, **hit} if found else hit
        return found


def _lookups(part: Part) -> dict[tuple[tuple[str, ...], Any], None]:
    return dict.fromkeys(_lookup(one) for one in part.alternatives if all(value is not None for _, value in one))


def _lookup(alternative: Alternative) -> tuple[tuple[str, ...], Any]:
    columns = tuple(column for column, _ in alternative)
    values = tuple(value for _, value in alternative)
    return columns, values[0] if len(values) == 1 else values
