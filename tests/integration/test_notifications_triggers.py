"""Whoever writes it: an order that moves on and a level that falls below its threshold tell the right people."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from core.notifications.models import Notification
from core.orders.models import Order
from core.orders.services.keeping import reassign
from core.orders.services.progress import cancel, deliver, pay, ship, start_picking
from core.stock.models import StockLevel
from tests.support.databases import Database
from tests.support.shop import a_customer, a_level, a_material, a_warehouse, an_order

pytestmark = pytest.mark.usefixtures("database")


def told(**where: Any) -> list[tuple[str, str]]:
    """Return level and title of the notifications there are, oldest first."""
    return list(Notification.objects.filter(**where).order_by("pk").values_list("level", "title"))


def test_each_step_of_an_order_tells_its_customer(database: Database) -> None:
    """Through the services: one notification of each step, with a link to the order."""
    order = an_order()
    for step in (pay, start_picking, ship, deliver):
        order = step(order, actor="test")
    cancelled = an_order(customer=order.customer)
    cancel(cancelled, actor="test")
    number = order.number
    assert told(about=f"order:{order.pk}") == [
        ("info", f"{number} was placed"),
        ("info", f"{number} was paid"),
        ("info", f"{number} is being picked"),
        ("info", f"{number} was shipped"),
        ("success", f"{number} was delivered"),
    ]
    assert told(about=f"order:{cancelled.pk}")[-1] == ("warning", f"{cancelled.number} was cancelled")
    for each in Notification.objects.filter(about=f"order:{order.pk}"):
        assert (each.audience, each.customer_id, each.link) == ("customer", order.customer_id, f"/orders/{number}/")


def orm_save(order: Order, database: Database) -> None:
    order.status = "shipped"
    order.save()


def bulk_update(order: Order, database: Database) -> None:
    Order.objects.filter(pk=order.pk).update(status="shipped")


def plain_sql(order: Order, database: Database) -> None:
    database.execute("UPDATE orders_order SET status = 'shipped' WHERE id = %s", order.pk)


def merged(order: Order, database: Database) -> None:
    database.execute(
        "MERGE INTO orders_order o USING (SELECT %s::bigint AS id) s ON s.id = o.id "
        "WHEN MATCHED THEN UPDATE SET status = 'shipped'",
        order.pk,
    )


@pytest.mark.parametrize("write", [orm_save, bulk_update, plain_sql, merged])
def test_whoever_moves_an_order_on_the_customer_is_told_once(
    database: Database, write: Callable[[Order, Database], None]
) -> None:
    """Writing the same status again is no step."""
    order = an_order()
    Notification.objects.all().delete()
    write(order, database)
    write(order, database)
    assert told(customer=order.customer) == [("info", f"{order.number} was shipped")]


def test_orders_that_come_by_copy_are_told_too(database: Database) -> None:
    """Those that were placed; drafts and what is archived tell nobody."""
    customer = a_customer()
    with database.connect() as connection, connection.cursor() as cursor:
        columns = "number, status, customer_id, archived"
        with cursor.copy(f"COPY orders_order ({columns}) FROM STDIN") as copy:
            for row in (
                ("C-1", "placed", customer.pk, False),
                ("C-2", "draft", customer.pk, False),
                ("C-3", "placed", customer.pk, True),
            ):
                copy.write_row(row)
    assert told() == [("info", "C-1 was placed")]
    Order.objects.filter(number="C-3").update(status="paid")
    Order.objects.filter(number="C-1").update(status="draft")
    assert len(told()) == 1


def test_an_order_that_changes_hands_tells_nobody(database: Database) -> None:
    """Only who may see the order at a step is told of it: the new customer of what follows, the old one no more."""
    order, other = an_order(), a_customer()
    before = order.customer
    Notification.objects.all().delete()
    reassign(order, other, actor="test")
    assert told() == []
    database.execute("UPDATE orders_order SET status = 'paid', customer_id = %s", before.pk)
    assert told(customer=before) == [("info", f"{order.number} was paid")]
    assert told(customer=other) == []


def test_a_step_that_is_rolled_back_tells_nobody() -> None:
    """The notification is of the step's transaction."""
    order = an_order()
    Notification.objects.all().delete()
    with transaction.atomic():
        pay(order, actor="test")
        assert len(told()) == 1
        transaction.set_rollback(True)
    assert told() == []


def test_any_number_makes_a_link_and_never_stops_an_order(database: Database) -> None:
    """What plain SQL calls an order is encoded; a status that we don't know is told as it is."""
    customer = a_customer()
    database.execute(
        "INSERT INTO orders_order (number, status, customer_id) VALUES ('// é%%?#', 'placed', %s)", customer.pk
    )
    database.execute("UPDATE orders_order SET status = 'held'")
    assert told() == [("info", "// é%?# was placed"), ("info", "// é%?# is now held")]
    assert Notification.objects.values_list("link", flat=True)[0] == "/orders/%2F%2F%20%C3%A9%25%3F%23/"


def a_stocked_level(**fields: Any) -> StockLevel:
    """Return a level 100 kg of which 40 are reserved, to be reordered below 50."""
    return a_level(100, reserved=Decimal(40), reorder_below=Decimal(50), **fields)


def test_a_level_below_its_threshold_tells_the_warehouse(database: Database) -> None:
    """What is available counts: on hand without what is reserved; numbers and link are fit to be read."""
    level = a_stocked_level(material=a_material(name="Rebar Ø 12 mm"), warehouse=a_warehouse(name="Hamburg Port"))
    database.execute("UPDATE stock_stocklevel SET reserved = 1050.5, on_hand = 2345.25, reorder_below = 1300")
    (told_once,) = Notification.objects.all()
    assert (told_once.audience, told_once.role, told_once.level) == ("role", "warehouse", "warning")
    assert told_once.title == "Low stock: Rebar Ø 12 mm"
    assert told_once.body == "Hamburg Port: 1,294.75 kg available, below the threshold of 1,300 kg."
    assert told_once.link == "/stock/?text=Rebar%20%C3%98%2012%20mm"
    assert told_once.about == f"stocklevel:{level.pk}"


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        ("on_hand = 90", 0),
        ("on_hand = 89.999", 1),
        ("reserved = 50", 0),
        ("reserved = 50.001", 1),
        ("reorder_below = 60", 0),
        ("reorder_below = 60.001", 1),
        ("on_hand = 0, reorder_below = 0, reserved = 0", 0),
        ("on_hand = 0, reorder_below = 0, reserved = 1", 1),
        ("updated_at = now()", 0),
    ],
)
def test_only_what_crosses_the_threshold_is_told(database: Database, change: str, told_of: int) -> None:
    """Whichever of the three numbers moves; exactly at the threshold is not below it."""
    a_stocked_level()
    database.execute(f"UPDATE stock_stocklevel SET {change}")
    assert len(told()) == told_of


def test_a_level_is_told_of_once_in_an_hour(database: Database) -> None:
    """Filled up and emptied again: nobody is told twice, archived or not; after an hour they are."""
    level, other = a_stocked_level(), a_stocked_level()
    low, fine = "UPDATE stock_stocklevel SET on_hand = 80", "UPDATE stock_stocklevel SET on_hand = 100"
    for statement in (low, low, fine, low):
        database.execute(statement)
    assert sorted(Notification.objects.values_list("about", flat=True)) == sorted(
        f"stocklevel:{each.pk}" for each in (level, other)
    )
    aged = "UPDATE notifications_notification SET archived = true, created_at = now() - interval"
    database.execute(f"{aged} '59 minutes'")
    for statement in (fine, low):
        database.execute(statement)
    assert len(told()) == 2
    database.execute(f"{aged} '61 minutes' WHERE about = %s", f"stocklevel:{level.pk}")
    for statement in (fine, low):
        database.execute(statement)
    assert len(told(about=f"stocklevel:{level.pk}")) == 2
    assert len(told(about=f"stocklevel:{other.pk}")) == 1


def test_one_statement_that_empties_many_levels_tells_of_each(database: Database) -> None:
    """Once each; ten times as many take about ten times as long, not a hundred times."""
    material, warehouse = a_material(), a_warehouse()
    database.execute(
        "INSERT INTO catalogue_material (slug, name, price_per_kg, density_kg_per_m3) "
        "SELECT 'm-' || n, 'M ' || n, 1, 1 FROM generate_series(1, 1100) n"
    )
    database.execute(
        "INSERT INTO stock_stocklevel (material_id, warehouse_id, on_hand, reorder_below) "
        "SELECT id, %s, 10, 5 FROM catalogue_material WHERE id <> %s",
        warehouse.pk,
        material.pk,
    )
    few = milliseconds(database, "SELECT min(id), min(id) + 99 FROM stock_stocklevel")
    many = milliseconds(database, "SELECT min(id) + 100, max(id) FROM stock_stocklevel")
    assert Notification.objects.count() == Notification.objects.values("about").distinct().count() == 1100
    print(few, many)
    assert many < 40 * few, (few, many)


def milliseconds(database: Database, range_of_ids: str) -> float:
    """Return how long PostgreSQL takes for one statement that empties the levels from one id to another."""
    ((first, last),) = database.execute(range_of_ids)
    ((plan,),) = database.execute(
        f"EXPLAIN (ANALYZE, FORMAT JSON) UPDATE stock_stocklevel SET on_hand = 0 WHERE id BETWEEN {first} AND {last}"
    )
    return float(plan[0]["Execution Time"])


def test_what_is_replayed_is_not_told_again(database: Database) -> None:
    """A session that replays rows as they were (a restore, a replica) replays what people were told, too."""
    a_stocked_level()
    with database.connect(autocommit=False) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE stock_stocklevel SET on_hand = 0")
    assert told() == []
