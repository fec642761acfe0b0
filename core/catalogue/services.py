"""Changes to the catalogue."""

from decimal import Decimal

from django.db import transaction
from django.db.models import DecimalField, F
from django.db.models.functions import Greatest, Round

from core.catalogue.models import Material
from core.errors import BadQuantity
from core.quantities import PRICE_STEP, price


@transaction.atomic
def change_price(material: Material, new_price: Decimal) -> Material:
    """Set the price per kg for orders from now on; raise BadQuantity for an impossible one."""
    material = Material.objects.select_for_update(no_key=True).get(pk=material.pk)
    material.price_per_kg = price(new_price)
    material.save(update_fields=["price_per_kg"])
    return material


def change_prices(category: str, factor: Decimal) -> int:
    """Multiply the prices of a category's current materials; return how many there are. Prices stay above zero."""
    if not factor.is_finite() or factor <= 0:
        raise BadQuantity(f"a price factor must be positive, not {factor}")
    scaled = Round(F("price_per_kg") * factor, precision=4, output_field=DecimalField(max_digits=12, decimal_places=4))
    materials = Material.objects.filter(category=category, archived=False)
    return materials.update(price_per_kg=Greatest(scaled, PRICE_STEP))


@transaction.atomic
def archive(material: Material) -> Material:
    """Take a material out of the catalogue: no new orders, what lies in stock stays."""
    material = Material.objects.select_for_update(no_key=True).get(pk=material.pk)
    material.archived = True
    material.save(update_fields=["archived"])
    return material
