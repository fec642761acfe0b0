"""The stock over HTTP, for its pages: receive, count, transfer, set thresholds, and what changed lately."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from pydantic import BeforeValidator, ConfigDict

from core.accounts.authentication import SignedIn
from core.accounts.policies import is_staff, may_change_stock
from core.catalogue.models import Material
from core.errors import BadQuantity, NotEnoughStock, SameWarehouse, ShopError
from core.problems import FieldError, Problem
from core.stock import services
from core.stock.history import Line, changes_lately, price_line, stock_lines
from core.stock.models import StockLevel, Warehouse
from realtime import LogUnavailable

PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)

MINUTES_MOST = 24 * 60

router = Router(tags=["stock"], auth=SignedIn(may_change_stock))


def plain_decimal(given: Any) -> Decimal:
    """Return what was written as a plain decimal number; ValueError says how to write it."""
    text = str(given).strip() if isinstance(given, str | int | float) and not isinstance(given, bool) else ""
    if not text:
        raise ValueError("say how many kilograms, as a plain number such as 1250.5")
    if not PLAIN.fullmatch(text):
        raise ValueError(f"“{text[:40]}” is not a plain number: write it like 1250.5, without separators")
    return Decimal(text)


materials = Router(tags=["materials"])

Kilograms = Annotated[Decimal, BeforeValidator(plain_decimal)]
Minutes = Annotated[int, Query(ge=1, le=MINUTES_MOST, description="How far back.")]
Reason = Annotated[str, Field(max_length=200)]


class Change(Schema):
    """What all changes of stock name. Unknown fields are refused: one that was mistyped would be lost."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    material: str
    reason: Reason = ""


class Receipt(Change):
    """Goods that arrived."""

    warehouse: str
    quantity_kg: Kilograms


class Count(Change):
    """What was found on the shelves."""

    warehouse: str
    counted_kg: Kilograms


class Transfer(Change):
    """Goods that go from one warehouse to another."""

    source: str
    target: str
    quantity_kg: Kilograms


class Threshold(Change):
    """Below how much available it is time to reorder."""

    warehouse: str
    reorder_below_kg: Kilograms


class Level(Schema):
    """A stock level after the change; exact numbers as strings."""

    id: int
    material: str
    warehouse: str
    on_hand: Decimal
    reserved: Decimal
    available: Decimal
    reorder_below: Decimal

    @classmethod
    def of(cls, level: StockLevel) -> "Level":
        """Return the level as it is told."""
        return cls(
            id=level.pk,
            material=level.material.slug,
            warehouse=level.warehouse.code,
            on_hand=level.on_hand,
            reserved=level.reserved,
            available=level.available,
            reorder_below=level.reorder_below,
        )


@router.post("/receipts", response=Level)
def receive(request: HttpRequest, receipt: Receipt) -> Level:
    """Add goods that arrived to what is on hand."""
    material, warehouse = _material(receipt), _warehouse("warehouse", receipt.warehouse)
    with naming({BadQuantity: "quantity_kg"}):
        level = services.receive(material, warehouse, receipt.quantity_kg, **_cause(request, receipt))
    return Level.of(level)


@router.post("/counts", response=Level)
def count(request: HttpRequest, count: Count) -> Level:
    """Set what is on hand to what was counted."""
    material, warehouse = _material(count), _warehouse("warehouse", count.warehouse)
    with naming({BadQuantity: "counted_kg", NotEnoughStock: "counted_kg"}):
        level = services.adjust(material, warehouse, count.counted_kg, **_cause(request, count))
    return Level.of(level)


@router.post("/transfers", response=list[Level])
def transfer(request: HttpRequest, transfer: Transfer) -> list[Level]:
    """Move available goods to another warehouse; the source's level comes first."""
    material = _material(transfer)
    source, target = _warehouse("source", transfer.source), _warehouse("target", transfer.target)
    with naming({BadQuantity: "quantity_kg", NotEnoughStock: "quantity_kg", SameWarehouse: "target"}):
        levels = services.transfer(material, source, target, transfer.quantity_kg, **_cause(request, transfer))
    return [Level.of(level) for level in levels]


@router.post("/thresholds", response=Level)
def set_threshold(request: HttpRequest, threshold: Threshold) -> Level:
    """Set below how much available a material is low in a warehouse."""
    material, warehouse = _material(threshold), _warehouse("warehouse", threshold.warehouse)
    with naming({BadQuantity: "reorder_below_kg"}):
        level = services.set_threshold(material, warehouse, threshold.reorder_below_kg, **_cause(request, threshold))
    return Level.of(level)


class ChangeTold(Schema):
    """A change of one level; rows as in the topic `stock`, the movement as in `stock/movements`."""

    level: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    movement: dict[str, Any] | None


class TogetherTold(Schema):
    """What changed together: how many levels, and the newest of these changes."""

    at: datetime
    total: int
    changes: list[ChangeTold]


class LatelyTold(Schema):
    """What changed, newest first; `complete` unless earlier changes than `since` are not told."""

    since: datetime
    until: datetime
    complete: bool
    groups: list[TogetherTold]


class PointTold(Schema):
    """From `at` on it was `value`."""

    at: datetime
    value: Decimal


class PlaceTold(Schema):
    """What was on hand in one warehouse."""

    code: str
    points: list[PointTold]


class StockTold(Schema):
    """What was on hand in all, and in each warehouse that has a level."""

    total: list[PointTold]
    warehouses: list[PlaceTold]


class HistoryTold(Schema):
    """How price (per kg) and stock (kg; null for who is not staff) went, known from `since` on."""

    since: datetime
    until: datetime
    currency: str
    price: list[PointTold]
    stock: StockTold | None


@router.get("/changes", response=LatelyTold, auth=SignedIn(is_staff))
def changes(request: HttpRequest, minutes: Minutes = 15) -> Any:
    """Tell what changed of stock levels in the last minutes, whoever wrote it; with its movement where there is one."""
    span = timedelta(minutes=minutes)
    with reading():
        lately = changes_lately(span)
    complete = lately.until - lately.since >= span - timedelta(seconds=1)  # of two clocks
    return {"since": lately.since, "until": lately.until, "complete": complete, "groups": lately.groups}


@materials.get("/{slug}/history", response=HistoryTold)
def history(request: HttpRequest, slug: str, minutes: Minutes = 60) -> HistoryTold:
    """Tell how a material's price went, and to staff its stock; at most 500 points a line."""
    material = get_object_or_404(Material, slug=slug)
    span = timedelta(minutes=minutes)
    with reading():
        price = price_line(material, span)
        stock = stock_lines(material, span) if is_staff(request.user) else None
    return HistoryTold(
        since=max([price.since, *([stock[0].since] if stock else [])]),
        until=timezone.now(),
        currency=material.currency,
        price=_points(price),
        stock=stock
        and StockTold(
            total=_points(stock[0]),
            warehouses=[PlaceTold(code=code, points=_points(line)) for code, line in stock[1].items()],
        ),
    )


@contextmanager
def reading() -> Iterator[None]:
    """Say that the log is out of reach as what it is: to be asked again."""
    try:
        yield
    except LogUnavailable as error:
        detail = "The log of changes can't be read just now; ask again in a moment."
        raise Problem(503, detail, headers={"Retry-After": "2"}) from error


def _points(line: Line) -> list[PointTold]:
    return [PointTold(at=point.at, value=point.value) for point in line.points]


@contextmanager
def naming(fields: Mapping[type[ShopError], str]) -> Iterator[None]:
    """Let a refusal name the field that it is about, so that a form can say it there."""
    try:
        yield
    except ShopError as error:
        field = fields.get(type(error))
        if field is None:
            raise
        status = 422 if isinstance(error, BadQuantity) else 409
        raise Problem(status, str(error), errors=[FieldError(field, str(error))]) from error


def _material(change: Change) -> Material:
    try:
        return Material.objects.get(slug=change.material)
    except Material.DoesNotExist:
        raise Problem.of_field("material", f"there is no material “{change.material[:80]}”") from None


def _warehouse(field: str, code: str) -> Warehouse:
    try:
        return Warehouse.objects.get(code=code)
    except Warehouse.DoesNotExist:
        known = ", ".join(Warehouse.objects.values_list("code", flat=True)[:20])
        raise Problem.of_field(field, f"there is no warehouse “{code[:40]}”, but {known}") from None


def _cause(request: HttpRequest, change: Change) -> dict[str, str]:
    return {"actor": request.user.get_username(), "reason": change.reason}
