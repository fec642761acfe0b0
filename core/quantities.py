"""Exact amounts: kilograms to the gram, prices to a hundredth of a cent."""

from decimal import ROUND_HALF_UP, Decimal

from core.errors import BadQuantity

GRAM = Decimal("0.001")
PRICE_STEP = Decimal("0.0001")
CENT = Decimal("0.01")
LARGEST = Decimal(10) ** 8
"""Nothing that is sold by weight comes in a hundred thousand tonnes; columns hold a thousand times as much."""


def kilograms(amount: Decimal | int | str) -> Decimal:
    """Return a positive quantity in kg; raise BadQuantity unless it is positive and exact to the gram."""
    return _checked(amount, GRAM, "kg")


def price(amount: Decimal | int | str) -> Decimal:
    """Return a positive price per kg; raise BadQuantity unless it is positive and has at most four decimals."""
    return _checked(amount, PRICE_STEP, "per kg")


def money(amount: Decimal) -> Decimal:
    """Return an amount rounded to the cent, halves up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def _checked(amount: Decimal | int | str, step: Decimal, unit: str) -> Decimal:
    try:
        value = Decimal(amount)
    except ArithmeticError as error:
        raise BadQuantity(f"{amount!r} is not a number") from error
    if not value.is_finite() or not 0 < value <= LARGEST:
        raise BadQuantity(f"{amount} {unit} must be positive and at most {LARGEST:,}")
    if value != value.quantize(step):
        raise BadQuantity(f"{amount} {unit} must be a multiple of {step}")
    return value.quantize(step)
