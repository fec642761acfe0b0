"""What a quantity costs: the price per kg that it earns, net, tax and total. Pure, in exact decimals."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from core.quantities import PRICE_STEP, money

Break = tuple[Decimal, Decimal]
"""From so many kg on, so many percent less."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a quantity costs; `net` is rounded to the cent first, `tax` is of that, `total` their sum."""

    unit_price: Decimal
    net: Decimal
    tax: Decimal
    total: Decimal


def unit_price(price_per_kg: Decimal, breaks: Iterable[Break], quantity_kg: Decimal) -> Decimal:
    """Return the price per kg of a quantity: less the discount of the largest break that it reaches, to 0.0001."""
    reached = [(start, discount) for start, discount in breaks if start <= quantity_kg]
    discount = max(reached)[1] if reached else Decimal(0)
    discounted = (price_per_kg * (100 - discount) / 100).quantize(PRICE_STEP, ROUND_HALF_UP)
    return max(discounted, PRICE_STEP)


def price_of(each_kg: Decimal, quantity_kg: Decimal, tax_percent: Decimal) -> Price:
    """Return what a quantity costs at a price per kg, with tax."""
    net = money(each_kg * quantity_kg)
    tax = money(net * tax_percent / 100)
    return Price(each_kg, net, tax, net + tax)
