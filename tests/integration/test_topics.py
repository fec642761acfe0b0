"""Topics: what each shows to whom, and that what is not someone's looks like what does not exist."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from psycopg.rows import dict_row

from core.accounts.models import User
from core.orders.models import GoodsReturn, Order, Shipment, ShipmentLine
from realtime.declare import registry
from realtime.errors import Forbidden, PeerError, UnknownTopic
from realtime.pure.selection import Selection
from tests.support.databases import Database
from tests.support.shop import a_customer, a_level, a_material, a_user, a_warehouse, an_order

pytestmark = pytest.mark.usefixtures("database")

NAMES = (
    "materials", "materials/tin", "materials/none", "stock", "stock/HAM", "stock/none",
    "orders", "orders/mine", "orders/A-1", "orders/B-1", "orders/none", "nothing", "",
)  # fmt: skip

STAFF = "sees sees unknown sees sees unknown sees forbidden sees sees unknown unknown unknown"
BUYER = "sees sees unknown forbidden unknown unknown forbidden sees sees unknown unknown unknown unknown"
NOBODY = "sees sees unknown forbidden unknown unknown forbidden forbidden unknown unknown unknown unknown unknown"


@pytest.fixture
def shop(database: Database) -> None:
    """A material, a warehouse, and one order of each of two customers."""
    level = a_level(1000, material=a_material(slug="tin"), warehouse=a_warehouse(code="HAM"))
    for name in ("A", "B"):
        order = an_order(level, 1, a_customer(name=name))
        Order.objects.filter(pk=order.pk).update(number=f"{name}-1")


def staff() -> User:
    return a_user(is_staff=True)


def buyer_of(name: str) -> User:
    return a_user(customer=Order.objects.get(number=f"{name}-1").customer)


def buyer() -> User:
    return buyer_of("A")


def without_customer() -> User:
    return a_user()


def inactive_staff() -> User:
    return a_user(is_staff=True, is_active=False)


def answer(name: str, user: Any) -> str:
    try:
        registry.resolve(name, user)
    except PeerError as error:
        return {Forbidden: "forbidden", UnknownTopic: "unknown"}[type(error)]
    return "sees"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("who", "expected"),
    [(staff, STAFF), (buyer, BUYER), (without_customer, NOBODY), (AnonymousUser, NOBODY), (inactive_staff, NOBODY)],
)
def test_who_may_see_what(who: Callable[[], Any], expected: str) -> None:
    """A fixed topic that is not the user's is forbidden; one with parameters is unknown, like one that is not there."""
    user = who()
    assert dict(zip(NAMES, expected.split(), strict=True)) == {name: answer(name, user) for name in NAMES}


@pytest.mark.usefixtures("shop")
def test_another_customers_order_looks_like_none() -> None:
    """Code and message tell nothing: they are the same but for the name that was asked for."""
    user = buyer()

    def message(name: str) -> str:
        with pytest.raises(UnknownTopic) as caught:
            registry.resolve(name, user)
        return caught.value.message.replace(name, "…")

    assert message("orders/B-1") == message("orders/none")


def filters(selection: Selection) -> dict[str, list[dict[str, Any]]]:
    return {part.kind: [dict(alternative) for alternative in part.alternatives] for part in selection.parts}


@pytest.mark.usefixtures("shop")
def test_two_customers_never_share_a_selection_and_two_staff_do() -> None:
    """`orders/mine` is a selection for each customer; people of one customer share it."""
    mine = registry.resolve("orders/mine", buyer_of("A"))
    assert mine == registry.resolve("orders/mine", buyer_of("A"))
    assert mine != registry.resolve("orders/mine", buyer_of("B"))
    assert registry.resolve("stock", staff()) == registry.resolve("stock", staff())


@pytest.mark.usefixtures("shop")
def test_the_permission_for_one_order_rests_on_its_row() -> None:
    """A customer's selection ends when the order is no longer theirs; staff's when it is deleted."""
    order, user = Order.objects.get(number="A-1"), buyer()
    theirs, ours = registry.resolve("orders/A-1", user), registry.resolve("orders/A-1", staff())
    assert filters(theirs) == {
        "order": [{"id": order.pk, "customer_id": order.customer_id}],
        "orderline": [{"order_id": order.pk}],
        "orderevent": [{"order_id": order.pk}],
        "shipment": [{"order_id": order.pk}],
        "shipmentline": [{"order_id": order.pk}],
        "goodsreturn": [{"order_id": order.pk}],
    }
    assert filters(ours)["order"] == [{"id": order.pk}]
    for selection in (theirs, ours):
        assert [part.kind for part in selection.parts if part.anchor] == ["order"]


@pytest.mark.usefixtures("shop")
def test_live_lists_leave_out_what_is_archived() -> None:
    """Lists that would grow for ever show what is current."""
    user = buyer()
    assert filters(registry.resolve("materials", user)) == {"material": [{"archived": False}]}
    assert filters(registry.resolve("orders/mine", user)) == {
        "order": [{"archived": False, "customer_id": user.customer_id}]
    }
    assert filters(registry.resolve("orders", staff())) == {"order": [{"archived": False}]}


def a_row(database: Database, query: str) -> dict[str, Any]:
    connection: Any = database.connect(row_factory=dict_row)
    with connection as reader:
        return dict(reader.execute(query).fetchone())


SHOWN = {
    "material": "id slug name category form grade price_per_kg currency density_kg_per_m3 archived lead_time_days",
    "warehouse": "id code name city dispatch_days",
    "stocklevel": "id material_id warehouse_id on_hand reserved available reorder_below low updated_at",
    "order": "id number status customer_id customer_name total currency placed_at updated_at promised_at archived"
    " status_since net tax_percent tax tax_note",
    "orderline": "id order_id position material_name material_slug quantity_kg unit_price total quantity unit"
    " shipped_kg returned_kg",
    "orderevent": "id order_id kind message actor at",
    "shipment": "id order_id number carrier tracking at",
    "shipmentline": "id order_id shipment_id line_id quantity_kg",
    "goodsreturn": "id order_id line_id quantity_kg reason at",
}
"""By kind: the fields that clients are written against."""


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("name", ["materials", "stock", "stock/HAM", "orders", "orders/A-1"])
def test_rows_have_the_fields_that_clients_know(database: Database, name: str) -> None:
    """Each projection works on the captured columns alone."""
    order = Order.objects.get(number="A-1")
    line, shipment = order.lines.all()[0], Shipment.objects.create(order=order, number=1)
    ShipmentLine.objects.create(order=order, shipment=shipment, line=line, quantity_kg=1)
    GoodsReturn.objects.create(order=order, line=line, quantity_kg=1, restocked=True)
    captures = registry.captures()
    for part in registry.resolve(name, staff()).parts:
        capture = captures[part.kind]
        row = a_row(database, f"SELECT {', '.join(capture.columns)} FROM {capture.table} LIMIT 1")
        assert list(part.projection.project(row)) == SHOWN[part.kind].split()


@pytest.mark.usefixtures("shop")
def test_low_stock_is_told(database: Database) -> None:
    """`available` is what is not reserved; below the reorder point it is low, at it it is not."""
    (part,) = [part for part in registry.resolve("stock", staff()).parts if part.kind == "stocklevel"]
    for reserved, low in ((990, False), (991, True)):
        database.execute("UPDATE stock_stocklevel SET reserved = %s", reserved)
        shown = part.projection.project(a_row(database, "SELECT * FROM stock_stocklevel"))
        assert (shown["available"], shown["low"]) == (1000 - reserved, low)
