"""What is live of the catalogue and the stock: the stream `inventory`, and its topics."""

from typing import Any

from core.accounts.policies import is_staff
from core.catalogue.models import Material, MaterialSize, PriceBreak
from core.catalogue.rows import material_row
from core.stock.models import StockLevel, StockMovement, Warehouse
from core.stock.rows import movement_row, stock_row, warehouse_row
from realtime import Rows, Stream, Watch, anyone

# Each list is the one of the table's WatchTable in a migration; a system check compares them.
MATERIAL = [
    "id", "slug", "name", "category", "form", "grade", "price_per_kg", "currency", "density_kg_per_m3", "archived",
    "lead_time_days",
]  # fmt: skip
PRICE_BREAK = ["id", "material", "from_kg", "discount_percent"]
MATERIAL_SIZE = ["id", "material", "code", "shape", "length_mm", "width_mm", "height_mm"]
WAREHOUSE = ["id", "code", "name", "city", "dispatch_days"]
STOCK_LEVEL = ["id", "material", "warehouse", "on_hand", "reserved", "reorder_below", "updated_at"]
STOCK_MOVEMENT = [
    "id", "level", "material", "warehouse", "kind", "quantity_kg", "on_hand_after", "reorder_below_after",
    "reason", "actor", "at", "recent",
]  # fmt: skip

inventory = Stream(
    "inventory",
    watch=[
        Watch(Material, columns=MATERIAL),
        Watch(PriceBreak, columns=PRICE_BREAK),
        Watch(MaterialSize, columns=MATERIAL_SIZE),
        Watch(Warehouse, columns=WAREHOUSE),
        Watch(StockLevel, columns=STOCK_LEVEL),
        Watch(StockMovement, columns=STOCK_MOVEMENT),
    ],
)


@inventory.topic("materials", policy=anyone)
def materials(user: Any) -> list[Rows]:
    """Everything that is for sale."""
    return [Rows(Material, where={"archived": False}, project=material_row)]


@inventory.topic("materials/<slug:slug>", policy=anyone)
def material(user: Any, slug: str) -> list[Rows]:
    """One material, also when it is no longer for sale."""
    Material.objects.only("pk").get(slug=slug)
    return [Rows(Material, where={"slug": slug}, project=material_row)]


@inventory.topic("materials/<slug:slug>/stock", policy=is_staff)
def stock_of_material(user: Any, slug: str) -> list[Rows]:
    """The stock of one material in every warehouse, with the warehouses."""
    found = Material.objects.only("pk").get(slug=slug)
    return [Rows(StockLevel, where={"material": found.pk}, project=stock_row), Rows(Warehouse, project=warehouse_row)]


@inventory.topic("stock", policy=is_staff)
def stock(user: Any) -> list[Rows]:
    """All stock, with the materials and warehouses that it names."""
    return [
        Rows(StockLevel, project=stock_row),
        Rows(Material, project=material_row),
        Rows(Warehouse, project=warehouse_row),
    ]


@inventory.topic("stock/movements", policy=is_staff)
def stock_movements(user: Any) -> list[Rows]:
    """The latest movements, with their reasons: as many as `journal.WINDOW` says."""
    return [Rows(StockMovement, where={"recent": True}, project=movement_row)]


@inventory.topic("stock/<code:warehouse>", policy=is_staff)
def stock_of_warehouse(user: Any, warehouse: str) -> list[Rows]:
    """The stock of one warehouse, with the materials that it names."""
    found = Warehouse.objects.only("pk").get(code=warehouse)
    return [
        Rows(StockLevel, where={"warehouse": found.pk}, project=stock_row),
        Rows(Material, project=material_row),
        Rows(Warehouse, where={"id": found.pk}, project=warehouse_row),
    ]
