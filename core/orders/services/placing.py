"""Placing orders."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from core.accounts.models import Customer
from core.errors import EmptyOrder, MixedCurrencies, NotForSale
from core.orders.models import Order, OrderEvent, OrderLine, Status
from core.quantities import kilograms, money
from core.stock.models import StockLevel
from core.stock.services import Wanted, reserve


@transaction.atomic
def place_order(
    customer: Customer, wanted: Sequence[Wanted], *, actor: str, promised_at: datetime | None = None
) -> Order:
    """Place an order at the prices of this moment and reserve its stock: all of it, or nothing is changed.

    Raises EmptyOrder, BadQuantity, NotEnoughStock, NotForSale or MixedCurrencies.
    """
    if not wanted:
        raise EmptyOrder("an order needs at least one line")
    levels = reserve(wanted)
    if gone := [level.material for level in levels if level.material.archived]:
        raise NotForSale(f"{gone[0]} is no longer sold")
    currencies = sorted({level.material.currency for level in levels})
    if len(currencies) > 1:
        raise MixedCurrencies(f"one order can't be in {' and '.join(currencies)}: place one for each")
    lines = [_line(n, level, each) for n, (level, each) in enumerate(zip(levels, wanted, strict=True), start=1)]
    now = timezone.now()
    order = Order.objects.create(
        number=next_number(),
        status=Status.PLACED,
        customer=customer,
        customer_name=customer.name,
        total=sum(line.total for line in lines),
        currency=currencies[0],
        placed_at=now,
        promised_at=promised_at,
        archived=False,
    )
    for line in lines:
        line.order = order
    OrderLine.objects.bulk_create(lines)
    message = f"{len(lines)} {'line' if len(lines) == 1 else 'lines'}, {order.currency} {order.total:,}"
    OrderEvent.objects.create(order=order, kind=Status.PLACED, message=message, actor=actor, at=now)
    return order


def next_number() -> str:
    """Return the next order number; one that is not used leaves a gap."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('orders_number')")
        return f"SO-{cursor.fetchone()[0]}"


def _line(position: int, level: StockLevel, wanted: Wanted) -> OrderLine:
    quantity = kilograms(wanted.quantity_kg)
    return OrderLine(
        position=position,
        material=level.material,
        warehouse=level.warehouse,
        material_name=level.material.name,
        material_slug=level.material.slug,
        quantity_kg=quantity,
        unit_price=level.material.price_per_kg,
        total=money(quantity * level.material.price_per_kg),
    )
