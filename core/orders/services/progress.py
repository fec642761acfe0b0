"""Moving orders on: each step locks the order, then (where goods move) the stock, and leaves an event."""

from collections.abc import Mapping
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from core.errors import WrongStatus
from core.orders.models import Order, OrderEvent, Status
from core.stock.services import Place, release, take

STEPS: Mapping[str, frozenset[str]] = {
    Status.PAID: frozenset({Status.PLACED}),
    Status.PICKING: frozenset({Status.PAID}),
    Status.SHIPPED: frozenset({Status.PICKING}),
    Status.DELIVERED: frozenset({Status.SHIPPED}),
    Status.CANCELLED: frozenset({Status.DRAFT, Status.PLACED, Status.PAID, Status.PICKING}),
}
"""By the status that is reached: those from which it can be."""

RESERVING = frozenset({Status.PLACED, Status.PAID, Status.PICKING})
"""An order in one of these has its stock reserved."""


@transaction.atomic
def pay(order: Order, *, actor: str) -> Order:
    """Note that the order was paid."""
    order = _locked(order, Status.PAID)
    return _reach(order, Status.PAID, f"{order.currency} {order.total:,} received", actor)


@transaction.atomic
def start_picking(order: Order, *, actor: str) -> Order:
    """Note that the goods are being picked."""
    order = _locked(order, Status.PICKING)
    codes = sorted(set(order.lines.values_list("warehouse__code", flat=True)))
    return _reach(order, Status.PICKING, f"in {', '.join(codes)}", actor)


@transaction.atomic
def ship(order: Order, *, actor: str) -> Order:
    """Take the goods out of stock; NotEnoughStock when they are no longer there."""
    order = _locked(order, Status.SHIPPED)
    goods = _goods(order)
    take(goods, actor=actor, reason=f"order {order.number}")
    weight = sum((quantity for _, quantity in goods), Decimal(0))
    return _reach(order, Status.SHIPPED, f"{weight.normalize():,f} kg left the warehouse", actor)


@transaction.atomic
def deliver(order: Order, *, actor: str) -> Order:
    """Note that the goods have arrived."""
    order = _locked(order, Status.DELIVERED)
    return _reach(order, Status.DELIVERED, "", actor)


@transaction.atomic
def cancel(order: Order, *, actor: str, reason: str = "") -> Order:
    """Give up an order that has not been shipped, and give its stock back."""
    order = _locked(order, Status.CANCELLED)
    if order.status in RESERVING:
        release(_goods(order))
    return _reach(order, Status.CANCELLED, reason, actor)


def _locked(order: Order, target: Status) -> Order:
    fresh = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    if fresh.status == target:
        raise WrongStatus(f"order {fresh.number} is {fresh.status} already")
    if fresh.status not in STEPS[target]:
        raise WrongStatus(f"order {fresh.number} is {fresh.status}: it can't become {target} from there")
    return fresh


def _goods(order: Order) -> list[tuple[Place, Decimal]]:
    rows = order.lines.values_list("material_id", "warehouse_id", "quantity_kg")
    return [(Place(material, warehouse), quantity) for material, warehouse, quantity in rows]


def _reach(order: Order, status: Status, message: str, actor: str) -> Order:
    order.status = status
    order.save(update_fields=["status", "updated_at"])
    OrderEvent.objects.create(order=order, kind=status, message=message, actor=actor, at=timezone.now())
    return order
