"""What changes stock and prices: receipts, transfers, counts, and the market."""

from collections.abc import Iterable
from decimal import Decimal
from random import Random

from django.db import connection

from core.catalogue.models import Material
from core.catalogue.services import change_price, change_prices
from core.demo.assortment import ASSORTMENT
from core.quantities import GRAM, PRICE_STEP
from core.stock.models import StockLevel, Warehouse
from core.stock.services import receive, transfer

ARTICLES = {article.slug: article for article in ASSORTMENT}

BUYER = "purchasing"
"""Who the demo's receipts and transfers are by."""

DELIVERIES = ("weekly delivery", "delivery from the mill", "lorry from the port", "backorder arrived")

FULL = 2
"""A level above this many times its reorder point is not filled up."""


def receive_goods(random: Random) -> bool:
    """Fill up the emptiest of a few levels: a few, so that some stay low for a while."""
    levels = [level for level in _some_levels(4) if level.reorder_below > 0]
    if not levels:
        return False
    emptiest = min(levels, key=lambda level: level.available / level.reorder_below)
    if emptiest.available > emptiest.reorder_below * FULL:
        return False
    quantity = _round(emptiest.reorder_below * Decimal(random.choice((0.25, 0.5, 0.5, 1, 1.5))))
    receive(emptiest.material, emptiest.warehouse, quantity, actor=BUYER, reason=random.choice(DELIVERIES))
    return True


def move_between_warehouses(random: Random) -> bool:
    """Move some of what one warehouse has plenty of to another that keeps it too."""
    levels = [level for level in _some_levels(20) if level.available > level.reorder_below > 0]
    if not levels:
        return False
    plenty = max(levels, key=lambda level: level.available / level.reorder_below)
    others = Warehouse.objects.filter(stock_levels__material=plenty.material).exclude(pk=plenty.warehouse_id)
    target = others.order_by("?").first()
    quantity = _round((plenty.available - plenty.reorder_below) * Decimal(random.uniform(0.1, 0.4)))
    if target is None or quantity <= 0:
        return False
    transfer(plenty.material, plenty.warehouse, target, quantity, actor=BUYER, reason="evening out stock")
    return True


def count_shelves(random: Random) -> bool:
    """Correct a few levels by what was counted, in plain SQL: offcuts and spillage, never below what is reserved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stock_stocklevel SET on_hand = greatest(round(on_hand * %s, 3), reserved), updated_at = now() "
            "WHERE id IN (SELECT id FROM stock_stocklevel ORDER BY random() LIMIT %s)",
            [Decimal(random.uniform(0.985, 1.003)), random.randint(1, 5)],
        )
        return int(cursor.rowcount) > 0


def move_price(random: Random) -> bool:
    """Let one price move, by up to 3 % and back towards its level."""
    material = Material.objects.filter(archived=False).order_by("?").first()
    if material is None:
        return False
    step = random.gauss(0, 0.012) + 0.1 * _below_level([material])
    new_price = (material.price_per_kg * Decimal(1 + max(min(step, 0.03), -0.03))).quantize(PRICE_STEP)
    changed = change_price(material, max(new_price, PRICE_STEP))
    return changed.price_per_kg != material.price_per_kg  # a cheap material's small step rounds to none


def move_market(random: Random) -> bool:
    """Let all prices of a category move together, in one bulk update."""
    categories = sorted(set(Material.objects.filter(archived=False).values_list("category", flat=True)))
    if not categories:
        return False
    category = random.choice(categories)
    step = random.uniform(-0.008, 0.008) + 0.2 * _below_level(Material.objects.filter(category=category))
    return change_prices(category, Decimal(1 + max(min(step, 0.02), -0.02)).quantize(Decimal("0.00001"))) > 0


def _some_levels(count: int) -> list[StockLevel]:
    return list(StockLevel.objects.select_related("material", "warehouse").order_by("?")[:count])


def _below_level(materials: Iterable[Material]) -> float:
    """Return by what share prices are below those of the assortment, on average; 0 for unknown materials."""
    known = [(ARTICLES[each.slug].price_per_kg, each.price_per_kg) for each in materials if each.slug in ARTICLES]
    return sum(float(1 - price / level) for level, price in known) / len(known) if known else 0.0


def _round(quantity: Decimal) -> Decimal:
    """Return a quantity as goods are handed over: by 5 kg, small ones by the gram."""
    step = Decimal(5) if quantity >= 100 else GRAM
    return (quantity / step).quantize(Decimal(1)) * step
