"""What was, from the change log: the changes of the last minutes, and how a material's price and stock went.

The log does not know why: the journal's movements add that, where a service wrote.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from core.catalogue.models import Material
from core.stock.models import StockLevel, StockMovement
from core.stock.rows import movement_row, stock_row
from realtime import Recorded, Row, history

STREAM = "inventory"

MOST_TOLD = 300
"""Changes of levels in one answer; earlier ones are not told."""

MOST_READ = 2_000
"""Changes of one material that its lines are drawn from."""

TOLD_TOGETHER = 10
"""A transaction that changes thousands of levels is told by its newest changes and a number."""

POINTS = 500
"""Points of one line: no plot is wider than it can show them."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A change of one level, as its rows are shown; `before` None: it is new, `after` None: it was removed."""

    level: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    movement: dict[str, Any] | None


@dataclass(slots=True)
class Together:
    """What one transaction changed of levels: when, how many, and the newest of them."""

    at: datetime
    total: int = 0
    changes: list[LevelChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lately:
    """Changes of levels, newest first; none is missing after `since`."""

    since: datetime
    until: datetime
    groups: list[Together]


@dataclass(frozen=True, slots=True)
class Point:
    """From `at` on it was `value`."""

    at: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """How a value went, oldest first, known from `since` on."""

    since: datetime
    points: list[Point]


def changes_lately(since: timedelta) -> Lately:
    """Return what changed of stock levels since so long ago, whoever wrote it."""
    recorded = history(STREAM, "stocklevel", since=since, limit=MOST_TOLD)
    return Lately(recorded.reaches_back_to, timezone.now(), list(_together(recorded)))


def price_line(material: Material, since: timedelta) -> Line:
    """Return how the material's price per kg went; it was read before, so that no change falls between."""
    recorded = history(STREAM, "material", since=since, limit=MOST_READ, where={"id": material.pk})
    moves = [(each.at, each.old, each.new) for each in reversed(recorded) if not each.reset]
    return _line(recorded.reaches_back_to, material.price_per_kg, moves, "price_per_kg")


def stock_lines(material: Material, since: timedelta) -> tuple[Line, dict[str, Line]]:
    """Return how much of the material was on hand: in all, and by the code of each warehouse that has a level."""
    levels = list(StockLevel.objects.filter(material=material).select_related("warehouse").order_by("warehouse__code"))
    recorded = history(STREAM, "stocklevel", since=since, limit=MOST_READ, where={"material": material.pk})
    moves: dict[str, list[_Move]] = {str(level.pk): [] for level in levels}
    for each in reversed(recorded):
        if each.key in moves:
            moves[each.key].append((each.at, each.old, each.new))
    since_when = recorded.reaches_back_to
    by_code = {
        level.warehouse.code: _line(since_when, level.on_hand, moves[str(level.pk)], "on_hand") for level in levels
    }
    return Line(since_when, thinned(_sum(list(by_code.values())))), by_code


_Move = tuple[datetime, Row | None, Row | None]


def _line(since: datetime, now: Decimal, moves: Sequence[_Move], column: str) -> Line:
    """Draw a value through its moves, oldest first; one that never moved has been what it is now."""
    if not moves:
        return Line(since, [Point(since, now)])
    first = moves[0][1]
    points = [Point(since, first[column])] if first is not None else []
    points += [Point(at, Decimal(0) if new is None else new[column]) for at, _, new in moves]
    return Line(since, thinned(points))


def _sum(lines: Sequence[Line]) -> list[Point]:
    """Add lines up: at each moment at which one of them moves."""
    steps = [(point.at, index, point.value) for index, line in enumerate(lines) for point in line.points]
    values: dict[int, Decimal] = {}
    points: list[Point] = []
    for at, index, value in sorted(steps, key=lambda step: step[0]):  # a line's own order stays where moments are alike
        values[index] = value
        total = sum(values.values(), Decimal(0))
        if points and points[-1].at == at:
            points[-1] = Point(at, total)
        else:
            points.append(Point(at, total))
    return points


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return the line without points that repeat a value, and above POINTS with the lowest and highest of each bucket.

    First and last stay, so that it begins and ends where it did, and no peak is lost.
    """
    moving = [point for before, point in zip([None, *points], points, strict=False) if not _same(before, point)]
    if len(moving) <= POINTS:
        return moving
    inner, size = moving[1:-1], -(-(len(moving) - 2) // ((POINTS - 2) // 2))
    kept: list[Point] = []
    for start in range(0, len(inner), size):
        bucket = sorted(inner[start : start + size], key=lambda point: point.value)
        kept += sorted({bucket[0], bucket[-1]}, key=lambda point: point.at)
    return [moving[0], *kept, moving[-1]]


def _same(before: Point | None, point: Point) -> bool:
    return before is not None and before.value == point.value


def _together(recorded: Iterable[Recorded]) -> Iterator[Together]:
    """Group changes by transaction: those of one stand side by side in the log, unless other rows are between."""
    journal = _Journal()
    group, newer = None, None
    for each in recorded:
        if each.reset:
            continue
        if group is None or newer is None or each.ends or each.position + 1 != newer.position:
            if group is not None:
                yield group
            group = Together(each.at)
        group.total += 1
        if len(group.changes) < TOLD_TOGETHER:
            group.changes.append(_change(each, journal))
        newer = each
    if group is not None:
        yield group


def _change(each: Recorded, journal: "_Journal") -> LevelChange:
    before = None if each.old is None else stock_row(each.old)
    after = None if each.new is None else stock_row(each.new)
    return LevelChange(int(each.key), before, after, journal.explain(each))


class _Journal:
    """The latest movements, by what ties them to a change of a level."""

    def __init__(self) -> None:
        newest = StockMovement.objects.order_by("-pk")[:MOST_TOLD]
        self._movements = {(str(each.level_id), each.at): each for each in newest}

    def explain(self, change: Recorded) -> dict[str, Any] | None:
        """Return the movement of a change: dated like the level, and with what is on hand after and by it."""
        old, new = change.old, change.new
        if new is None or (old is not None and old["updated_at"] == new["updated_at"]):
            return None
        movement = self._movements.get((change.key, datetime.fromisoformat(new["updated_at"])))
        if movement is None or movement.on_hand_after != new["on_hand"]:
            return None
        if movement.quantity_kg != new["on_hand"] - (old["on_hand"] if old else 0):
            return None
        return _shown(movement)


def _shown(movement: StockMovement) -> dict[str, Any]:
    columns = {column.attname: getattr(movement, column.attname) for column in StockMovement._meta.concrete_fields}
    return movement_row({**columns, "at": movement.at.astimezone(UTC).isoformat()})
