"""Units that quantities are given in, and what a quantity of a material weighs.

Units are converted by `pint`, in exact decimals: a pound is 0.45359237 kg, a cubic foot 0.028316846592 m³. There is
one rounding, of the final weight to the gram, halves up; a quantity that is less than half a gram is refused.
Why so: docs/decisions/weights-are-rounded-once.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import Enum

import pint

from core.errors import BadQuantity, BadUnit
from core.quantities import GRAM, LARGEST

DIGITS = 50
"""Of intermediate results: more than any product of the digits that columns and topics hold."""

EXACT = Decimal("1E-20")
"""Pint takes a foot for a third of a yard, which no decimal is; by treaty all units here are exact long before this."""

registry: "pint.UnitRegistry[Decimal]" = pint.UnitRegistry(non_int_type=Decimal, cache_folder=None)


class Measure(Enum):
    """What a unit measures."""

    WEIGHT = "weight"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by its code; `factor` is what one of it is in kg, or in m³."""

    code: str
    name: str
    measure: Measure
    factor: Decimal


def _unit(code: str, name: str, measure: Measure, defined: str) -> Unit:
    base = "kilogram" if measure is Measure.WEIGHT else "meter ** 3"
    with localcontext(prec=DIGITS):
        factor = Decimal(registry.Quantity(Decimal(1), defined).to(base).magnitude)
        return Unit(code, name, measure, factor.quantize(EXACT))


UNITS: Mapping[str, Unit] = {
    unit.code: unit
    for unit in (
        _unit("kg", "kilograms", Measure.WEIGHT, "kilogram"),
        _unit("g", "grams", Measure.WEIGHT, "gram"),
        _unit("t", "tonnes", Measure.WEIGHT, "metric_ton"),
        _unit("lb", "pounds", Measure.WEIGHT, "pound"),
        _unit("m3", "cubic metres", Measure.VOLUME, "meter ** 3"),
        _unit("l", "litres", Measure.VOLUME, "liter"),
        _unit("ft3", "cubic feet", Measure.VOLUME, "foot ** 3"),
    )
}
"""By code, as topics and the API name them."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a quantity is: `kg` to the gram, `m3` exactly (None: the material has no density), and pieces."""

    kg: Decimal
    m3: Decimal | None
    pieces: int | None = None


def weigh(quantity: Decimal, unit: str, *, density: Decimal | None, pieces: Mapping[str, Decimal]) -> Weighed:
    """Return what so much of a material is.

    `unit` is a code of UNITS or one of `pieces`, which maps the codes of the material's sizes to the volume of one
    piece in m³. `density` is in kg/m³, None for a material that is sold by weight alone. Raises BadQuantity for a
    quantity that can't be (not positive, no whole number of pieces, too little, too much), BadUnit for a unit that
    there is not or that this material can't be measured in.
    """
    if not quantity.is_finite() or quantity <= 0:
        raise BadQuantity(f"the quantity must be more than 0, not {_brief(quantity)}")
    with localcontext(prec=DIGITS):
        if (known := UNITS.get(unit)) is not None and known.measure is Measure.WEIGHT:
            kg = quantity * known.factor
            return Weighed(_gram(kg, quantity, unit), None if density is None else kg / density)
        m3 = quantity * (known.factor if known else _piece(quantity, unit, pieces))
        if density is None:
            raise BadUnit(f"this material has no density, so {unit} can't be weighed: use kg, g, t or lb")
        return Weighed(_gram(m3 * density, quantity, unit), m3, None if known else int(quantity))


def _piece(quantity: Decimal, unit: str, pieces: Mapping[str, Decimal]) -> Decimal:
    if unit not in pieces:
        sizes = f"; sizes of this material: {', '.join(sorted(pieces))}" if pieces else ""
        raise BadUnit(f"there is no unit “{unit[:24]}”: use one of {', '.join(UNITS)}{sizes}")
    if quantity != quantity.to_integral_value():
        raise BadQuantity(f"pieces are whole: {_brief(quantity)} of {unit} can't be cut here")
    return pieces[unit]


def _gram(kg: Decimal, quantity: Decimal, unit: str) -> Decimal:
    if kg > LARGEST:
        raise BadQuantity(f"{_brief(quantity)} {unit} is more than can be ordered at once, {LARGEST:,} kg")
    rounded = kg.quantize(GRAM, ROUND_HALF_UP)
    if not rounded:
        raise BadQuantity(f"{_brief(quantity)} {unit} is less than a gram, the least that is sold")
    return rounded


def _brief(quantity: Decimal) -> str:
    """Return a number as it is written, or where that is long by its power of ten."""
    return f"{quantity:f}" if quantity.is_finite() and -12 < quantity.adjusted() < 15 else f"{quantity:.3e}"
