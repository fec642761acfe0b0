"""Orders: placing them, each step, and whose they are."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from core.catalogue.services import archive, change_price
from core.errors import BadQuantity, EmptyOrder, MixedCurrencies, NotEnoughStock, NotForSale, ShopError, WrongStatus
from core.orders.models import Order, OrderEvent, Status
from core.orders.services.keeping import archive_finished, reassign
from core.orders.services.placing import place_order
from core.orders.services.progress import cancel, deliver, pay, ship, start_picking
from core.stock.services import Wanted
from tests.support.databases import Database
from tests.support.shop import a_customer, a_level, a_material, an_order, levels_of

pytestmark = pytest.mark.usefixtures("database")

STEPS: dict[str, Callable[..., Order]] = {
    "pay": pay, "pick": start_picking, "ship": ship, "deliver": deliver, "cancel": cancel,
}  # fmt: skip


def walk(order: Order, steps: str) -> Order:
    """Take the steps, separated by spaces."""
    for step in steps.split():
        order = STEPS[step](order, actor="test")
    return order


def events_of(order: Order) -> list[tuple[str, str]]:
    return list(OrderEvent.objects.filter(order=order).values_list("kind", "message"))


def test_a_placed_order_has_prices_of_the_moment_and_its_stock() -> None:
    """Lines copy name, price and warehouse; the total is exact; stock is reserved, and an event tells of it."""
    one, two = a_level(100), a_level(50, material=a_material(price_per_kg=Decimal("0.3333")))
    customer = a_customer(name="Nordlicht")
    promised_at = timezone.now() + timedelta(days=3)
    wanted = [Wanted(one.material, Decimal("12.5")), Wanted(two.material, Decimal("10.001"), two.warehouse)]
    order = place_order(customer, wanted, actor="customer1", promised_at=promised_at)
    change_price(one.material, Decimal(99))
    order.refresh_from_db()
    assert (order.status, order.customer_name, order.total, order.currency) == (
        "placed",
        "Nordlicht",
        Decimal("34.58"),
        "EUR",
    )
    assert order.promised_at == promised_at
    lines = list(order.lines.values_list("position", "material_slug", "unit_price", "total"))
    assert lines == [
        (1, one.material.slug, Decimal("2.5000"), Decimal("31.25")),
        (2, two.material.slug, Decimal("0.3333"), Decimal("3.33")),
    ]
    assert events_of(order) == [("placed", "2 lines, EUR 34.58")]
    assert (levels_of(one), levels_of(two)) == ((100, Decimal("12.5")), (50, Decimal("10.001")))


def test_order_numbers_are_never_given_twice() -> None:
    """A refused order leaves a gap at most."""
    first = an_order()
    with pytest.raises(NotEnoughStock):
        an_order(a_level(1), 2)
    assert first.number.startswith("SO-")
    assert an_order().number != first.number


def refused_without_lines() -> None:
    place_order(a_customer(), [], actor="test")


def refused_for_its_quantity() -> None:
    an_order(a_level(100), "1.0005")


def refused_for_want_of_stock() -> None:
    an_order(a_level(100), "100.001")


def refused_without_any_level() -> None:
    place_order(a_customer(), [Wanted(a_material(), Decimal(1))], actor="test")


def refused_as_archived() -> None:
    an_order(a_level(material=archive(a_material())))


def refused_in_two_currencies() -> None:
    levels = [a_level(), a_level(material=a_material(currency="USD"))]
    place_order(a_customer(), [Wanted(level.material, Decimal(1)) for level in levels], actor="test")


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (refused_without_lines, EmptyOrder),
        (refused_for_its_quantity, BadQuantity),
        (refused_for_want_of_stock, NotEnoughStock),
        (refused_without_any_level, NotEnoughStock),
        (refused_as_archived, NotForSale),
        (refused_in_two_currencies, MixedCurrencies),
    ],
)
def test_an_order_that_can_not_be_is_refused_whole(
    database: Database, attempt: Callable[[], None], error: type[ShopError]
) -> None:
    """The error says why; no order, line or event is left, and nothing is reserved."""
    with pytest.raises(error):
        attempt()
    assert not Order.objects.exists()
    assert database.execute("SELECT count(*) FROM stock_stocklevel WHERE reserved > 0") == [(0,)]


def test_the_way_of_an_order_is_told_by_its_events() -> None:
    """From placed to delivered: the goods leave when it is shipped, and each step leaves one event."""
    level = a_level(100)
    order = an_order(level, "12.500")
    walk(order, "pay pick")
    assert levels_of(level) == (100, Decimal("12.5"))
    order = walk(order, "ship deliver")
    assert levels_of(level) == (Decimal("87.5"), 0)
    assert order.status == "delivered"
    assert events_of(order) == [
        ("placed", "1 line, EUR 31.25"),
        ("paid", "EUR 31.25 received"),
        ("picking", f"in {level.warehouse.code}"),
        ("shipped", "12.5 kg left the warehouse"),
        ("delivered", ""),
    ]


@pytest.mark.parametrize("before", ["", "pay", "pay pick"])
def test_a_cancelled_order_gives_its_stock_back(before: str) -> None:
    """Until it is shipped an order can be given up, with a reason."""
    level = a_level(100)
    order = walk(an_order(level, 30), before)
    cancel(order, actor="staff", reason="ordered twice")
    assert levels_of(level) == (100, 0)
    assert events_of(order)[-1] == ("cancelled", "ordered twice")


def test_a_draft_is_cancelled_without_touching_stock() -> None:
    """What was never reserved is not given back."""
    level = a_level(100, reserved=Decimal(10))
    draft = Order.objects.create(number="D-1", customer=a_customer())
    draft.lines.create(
        position=1, material=level.material, warehouse=level.warehouse, quantity_kg=10, unit_price=1, total=10
    )
    assert cancel(draft, actor="staff").status == "cancelled"
    assert levels_of(level) == (100, 10)


ALLOWED = {
    "": {"pay", "cancel"},
    "pay": {"pick", "cancel"},
    "pay pick": {"ship", "cancel"},
    "pay pick ship": {"deliver"},
    "pay pick ship deliver": set(),
    "cancel": set(),
}
"""By the steps that were taken: those that may follow."""


@pytest.mark.parametrize("before", list(ALLOWED))
def test_only_the_next_step_can_be_taken(before: str) -> None:
    """Any other is refused with the order's status, and changes neither order nor stock nor history."""
    level = a_level(100)
    order = walk(an_order(level, 10), before)
    seen = (order.status, levels_of(level), events_of(order))
    for step in STEPS.keys() - ALLOWED[before]:
        with pytest.raises(WrongStatus, match=f"order {order.number} is {order.status}"):
            STEPS[step](order, actor="test")
        order.refresh_from_db()
        assert (order.status, levels_of(level), events_of(order)) == seen
    for step in ALLOWED[before]:
        with transaction.atomic():
            assert STEPS[step](order, actor="test").status != seen[0]
            transaction.set_rollback(True)


def test_what_is_lost_can_not_be_shipped(database: Database) -> None:
    """When plain SQL took the goods away, shipping is refused and the order waits."""
    level = a_level(100)
    order = walk(an_order(level, 10), "pay pick")
    database.execute("UPDATE stock_stocklevel SET on_hand = 9")
    with pytest.raises(NotEnoughStock):
        ship(order, actor="test")
    order.refresh_from_db()
    assert order.status == Status.PICKING


def test_a_reassigned_order_is_the_other_customers() -> None:
    """The name on it changes with it, and its history tells."""
    order, other = an_order(), a_customer(name="Other AG")
    reassign(order, other, actor="staff")
    order.refresh_from_db()
    assert (order.customer, order.customer_name) == (other, "Other AG")
    assert events_of(order)[-1] == ("reassigned", "to Other AG")


def test_finished_orders_are_archived_after_their_time(database: Database) -> None:
    """Open ones and those that ended lately stay in the live lists."""
    old, late, open_one = walk(an_order(), "cancel"), walk(an_order(), "pay pick ship deliver"), an_order()
    database.execute("UPDATE orders_order SET updated_at = now() - interval '9 days' WHERE id <> %s", late.pk)
    assert archive_finished(before=timezone.now() - timedelta(days=8)) == 1
    archived = dict(Order.objects.values_list("pk", "archived"))
    assert archived == {old.pk: True, late.pk: False, open_one.pk: False}


def since(order: Order) -> datetime:
    order.refresh_from_db()
    return order.status_since


def test_an_order_knows_since_when_it_has_its_status(database: Database) -> None:
    """Whoever changes the status, service or plain SQL, begins its time anew; any other change leaves it."""
    order = an_order()
    placed = since(order)
    database.execute("UPDATE orders_order SET total = total + 1, status = status, updated_at = now()")
    assert since(order) == placed
    pay(order, actor="test")
    paid = since(order)
    assert paid > placed
    database.execute("UPDATE orders_order SET status = 'shipped'")
    assert since(order) > paid
    with database.connect(autocommit=False) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE orders_order SET status = 'delivered', status_since = '2020-01-01'")
        connection.commit()
    assert since(order) > paid
