"""Exact amounts: what can be said, what is refused, and how cents are rounded."""

from decimal import Decimal

import pytest

from core.errors import BadQuantity
from core.quantities import kilograms, money, price


@pytest.mark.parametrize(
    ("given", "expected"), [("1", "1.000"), ("0.001", "0.001"), ("12.50", "12.500"), (7, "7.000"), ("1E2", "100.000")]
)
def test_kilograms_are_exact_to_the_gram(given: str | int, expected: str) -> None:
    """The value is the one that was said, written with three decimals."""
    assert str(kilograms(given)) == expected


@pytest.mark.parametrize(
    "given", ["0", "-1", "-0.001", "0.0005", "1.0001", "NaN", "sNaN", "Infinity", "1E9", "1E-30", "a kilo", ""]
)
def test_impossible_quantities_are_refused(given: str) -> None:
    """With a BadQuantity and nothing else, whatever was said."""
    with pytest.raises(BadQuantity):
        kilograms(given)


def test_prices_have_four_decimals() -> None:
    """A hundredth of a cent is said, less is not."""
    assert str(price("2.45")) == "2.4500"
    with pytest.raises(BadQuantity, match=r"must be a multiple of 0\.0001"):
        price("2.45005")


@pytest.mark.parametrize(("given", "expected"), [("1.005", "1.01"), ("1.0049", "1.00"), ("0", "0.00")])
def test_money_is_rounded_to_the_cent_halves_up(given: str, expected: str) -> None:
    """As invoices do."""
    assert str(money(Decimal(given))) == expected
