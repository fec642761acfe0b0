"""What a piece of a size holds: its volume, from its shape and its dimensions."""

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext

from core.catalogue.models import Shape

PI = Decimal("3.14159265358979323846264338327950288419716939937510")
MM3_PER_M3 = Decimal(10) ** 9
DIGITS = 50

Dimension = Decimal | None

VOLUMES: Mapping[str, Callable[[Decimal, Decimal, Decimal], Decimal]] = {
    Shape.SHEET: lambda length, width, height: length * width * height,
    Shape.SQUARE_BAR: lambda length, width, height: length * width * height,
    Shape.ROUND_BAR: lambda length, diameter, _: length * PI * diameter * diameter / 4,
    Shape.TUBE: lambda length, outer, wall: length * PI * wall * (outer - wall),
}
"""By shape: from length, width (diameter) and height (wall) in mm to mm³."""


def volume_m3(shape: str, length_mm: Decimal, width_mm: Decimal, height_mm: Dimension) -> Decimal:
    """Return the volume of one piece in m³, with more digits than any weight to the gram needs."""
    with localcontext(prec=DIGITS):
        return VOLUMES[shape](length_mm, width_mm, height_mm or Decimal(0)) / MM3_PER_M3
