"""One factory for each of the shop's models: what a test does not say is plausible and unlike the last one."""

from decimal import Decimal
from itertools import count
from typing import Any

from core.accounts.models import Customer, User
from core.catalogue.models import Material
from core.orders.models import Order
from core.orders.services.placing import place_order
from core.stock.models import StockLevel, Warehouse
from core.stock.services import Wanted

numbers = count(1)


def a_customer(**fields: Any) -> Customer:
    """Return a new customer."""
    return Customer.objects.create(
        **{"name": f"Buyer {next(numbers)} GmbH", "city": "Kassel", "country": "DE", **fields}
    )


def a_user(**fields: Any) -> User:
    """Return a new user who can't sign in with any password."""
    return User.objects.create(**{"username": f"user{next(numbers)}", "password": "!", **fields})


def a_material(**fields: Any) -> Material:
    """Return a new material, EUR 2.50 per kg."""
    number = next(numbers)
    given = {"slug": f"rebar-{number}", "name": f"Rebar {number}", "category": "Rebar", "form": "bar", "grade": "B500B"}
    priced = {"price_per_kg": Decimal("2.5"), "density_kg_per_m3": Decimal(7850), "currency": "EUR", "archived": False}
    return Material.objects.create(**{**given, **priced, **fields})


def a_warehouse(**fields: Any) -> Warehouse:
    """Return a new warehouse."""
    number = next(numbers)
    return Warehouse.objects.create(**{"code": f"W{number}", "name": f"Hall {number}", "city": "Hamburg", **fields})


def a_level(on_hand: int | str = 100, **fields: Any) -> StockLevel:
    """Return a new level of a new material in a new warehouse, unless these are given."""
    fields.setdefault("material", fields.get("material") or a_material())
    fields.setdefault("warehouse", fields.get("warehouse") or a_warehouse())
    return StockLevel.objects.create(
        **{"on_hand": Decimal(on_hand), "reserved": Decimal(0), "reorder_below": Decimal(10), **fields}
    )


def an_order(level: StockLevel | None = None, quantity_kg: int | str = 10, customer: Customer | None = None) -> Order:
    """Return a newly placed order of one line, out of the level's warehouse."""
    level = level or a_level()
    wanted = Wanted(level.material, Decimal(quantity_kg), level.warehouse)
    return place_order(customer or a_customer(), [wanted], actor="test")


def levels_of(level: StockLevel) -> tuple[Decimal | int, Decimal | int]:
    """Return what is on hand and what is reserved now."""
    level.refresh_from_db()
    return level.on_hand, level.reserved
