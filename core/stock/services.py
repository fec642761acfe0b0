"""Changes to stock: what comes in, what is counted, what moves, and what is reserved for orders.

Every change first locks the levels that it touches, always in the order of their primary keys, so that two
changes can wait for each other but never for ever, and what is decided from a level is still true when it is
written. Orders lock themselves before stock. What changes what is on hand, or the threshold, leaves a movement in
the journal with a reason and an actor; reserving for orders does not, for the order tells.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core.catalogue.models import Material
from core.errors import NotEnoughStock, SameWarehouse
from core.quantities import GRAM, kilograms
from core.stock.journal import Cause, record
from core.stock.models import Movement, StockLevel, Warehouse


class Place(NamedTuple):
    """Where a material lies: primary keys of the material and of the warehouse."""

    material_id: int
    warehouse_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Kilograms of a material that an order wants, out of one warehouse or (None) whichever has most."""

    material: Material
    quantity_kg: Decimal
    warehouse: Warehouse | None = None


@transaction.atomic
def receive(
    material: Material, warehouse: Warehouse, quantity_kg: Decimal, *, actor: str, reason: str = ""
) -> StockLevel:
    """Add what has arrived; the level is created where there was none."""
    quantity = kilograms(quantity_kg)
    level = _locked_level(material, warehouse)
    level.on_hand += quantity
    level.save(update_fields=["on_hand", "updated_at"])
    record(Cause(Movement.RECEIVED, reason, actor), [(level, quantity)])
    return level


@transaction.atomic
def adjust(
    material: Material, warehouse: Warehouse, counted_kg: Decimal, *, actor: str, reason: str = ""
) -> StockLevel:
    """Set what is on hand to what was counted (0 or more); NotEnoughStock when orders have reserved more."""
    counted = _from_zero(counted_kg)
    level = _locked_level(material, warehouse)
    if counted < level.reserved:
        raise NotEnoughStock(
            f"{level}: {counted} kg were counted, but {level.reserved} kg are reserved: cancel orders first"
        )
    difference, level.on_hand = counted - level.on_hand, counted
    level.save(update_fields=["on_hand", "updated_at"])
    record(Cause(Movement.COUNTED, reason, actor), [(level, difference)])
    return level


@transaction.atomic
def transfer(
    material: Material, source: Warehouse, target: Warehouse, quantity_kg: Decimal, *, actor: str, reason: str = ""
) -> tuple[StockLevel, StockLevel]:
    """Move available material to another warehouse; return both levels. NotEnoughStock when less is available."""
    quantity = kilograms(quantity_kg)
    if source == target:
        raise SameWarehouse(f"{material} lies in {source} already")
    StockLevel.objects.get_or_create(material=material, warehouse=target)
    levels = _lock([Place(material.pk, source.pk), Place(material.pk, target.pk)])
    giving, taking = levels.get(Place(material.pk, source.pk)), levels[Place(material.pk, target.pk)]
    if giving is None or giving.available < quantity:
        raise _shortage(material, str(source), quantity, giving.available if giving else Decimal(0))
    giving.on_hand -= quantity
    taking.on_hand += quantity
    _write([giving, taking])
    record(Cause(Movement.TRANSFERRED_OUT, reason, actor), [(giving, -quantity)])
    record(Cause(Movement.TRANSFERRED_IN, reason, actor), [(taking, quantity)])
    return giving, taking


@transaction.atomic
def set_threshold(
    material: Material, warehouse: Warehouse, reorder_below_kg: Decimal, *, actor: str, reason: str = ""
) -> StockLevel:
    """Set the kg (0 or more) below which a material is low in a warehouse, also where none of it lies yet."""
    threshold = _from_zero(reorder_below_kg)
    level = _locked_level(material, warehouse)
    level.reorder_below = threshold
    level.save(update_fields=["reorder_below", "updated_at"])
    record(Cause(Movement.THRESHOLD, reason, actor), [(level, Decimal(0))])
    return level


@transaction.atomic
def reserve(wanted: Iterable[Wanted]) -> list[StockLevel]:
    """Reserve all that is wanted or nothing; return the level that each comes from, in the same order.

    NotEnoughStock names the first material of which no single warehouse has enough.
    """
    requests = list(wanted)
    levels = _lock_materials({request.material.pk for request in requests})
    chosen = []
    for request in requests:
        level = _choose(request, levels.get(request.material.pk, []))
        level.reserved += kilograms(request.quantity_kg)
        chosen.append(level)
    _write({level.pk: level for level in chosen}.values())
    return chosen


@transaction.atomic
def release(quantities: Iterable[tuple[Place, Decimal]]) -> None:
    """Give back what was reserved."""
    freed = _summed(quantities)
    levels = _lock(freed)
    for place, level in levels.items():
        level.reserved = max(level.reserved - freed[place], Decimal(0))  # plain SQL may have taken it away before
    _write(levels.values())


@transaction.atomic
def take(quantities: Iterable[tuple[Place, Decimal]], *, actor: str, reason: str = "") -> None:
    """Take reserved material off the shelves; NotEnoughStock when it is no longer there."""
    taken = _summed(quantities)
    levels = _lock(taken)
    for place, quantity in taken.items():
        level = levels.get(place)
        if level is None or level.on_hand < quantity:
            material, warehouse = (
                Material.objects.get(pk=place.material_id),
                Warehouse.objects.get(pk=place.warehouse_id),
            )
            raise _shortage(material, str(warehouse), quantity, level.on_hand if level else Decimal(0))
        level.on_hand -= quantity
        level.reserved = max(level.reserved - quantity, Decimal(0))
    _write(levels.values())
    record(Cause(Movement.SHIPPED, reason, actor), [(levels[place], -quantity) for place, quantity in taken.items()])


def _from_zero(amount: Decimal) -> Decimal:
    return kilograms(amount) if amount else Decimal(0).quantize(GRAM)


def _locked_level(material: Material, warehouse: Warehouse) -> StockLevel:
    StockLevel.objects.get_or_create(material=material, warehouse=warehouse)
    return _lock([Place(material.pk, warehouse.pk)])[Place(material.pk, warehouse.pk)]


def _lock(places: Iterable[Place]) -> dict[Place, StockLevel]:
    condition = Q(pk__in=[])
    for place in places:
        condition |= Q(material_id=place.material_id, warehouse_id=place.warehouse_id)
    return {Place(level.material_id, level.warehouse_id): level for level in _locked(condition)}


def _lock_materials(material_ids: Iterable[int]) -> dict[int, list[StockLevel]]:
    found: dict[int, list[StockLevel]] = {}
    for level in _locked(Q(material_id__in=list(material_ids))):
        found.setdefault(level.material_id, []).append(level)
    return found


def _locked(condition: Q) -> list[StockLevel]:
    # PostgreSQL locks rows as the sort gives them out: for every caller in the same order.
    locked = StockLevel.objects.select_for_update(of=("self",), no_key=True)
    return list(locked.select_related("material", "warehouse").filter(condition).order_by("pk"))


def _choose(request: Wanted, levels: list[StockLevel]) -> StockLevel:
    quantity = kilograms(request.quantity_kg)
    if request.warehouse is not None:
        levels = [level for level in levels if level.warehouse_id == request.warehouse.pk]
    best = max(levels, key=lambda level: level.available, default=None)
    if best is None or best.available < quantity:
        where = str(request.warehouse or "any one warehouse")
        raise _shortage(request.material, where, quantity, best.available if best else Decimal(0))
    return best


def _shortage(material: Material, where: str, wanted: Decimal, available: Decimal) -> NotEnoughStock:
    return NotEnoughStock(
        f"{material}: {wanted} kg are wanted, {max(available, Decimal(0)).quantize(GRAM)} kg are available in {where}"
    )


def _summed(quantities: Iterable[tuple[Place, Decimal]]) -> dict[Place, Decimal]:
    totals: dict[Place, Decimal] = {}
    for place, quantity in quantities:
        totals[place] = totals.get(place, Decimal(0)) + quantity
    return totals


def _write(levels: Iterable[StockLevel]) -> None:
    changed = list(levels)
    now = timezone.now()
    for level in changed:
        level.updated_at = now
    if changed:
        StockLevel.objects.bulk_update(changed, ["on_hand", "reserved", "updated_at"])
