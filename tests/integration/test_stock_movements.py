"""The journal of stock movements: who did what and why, in the change's own transaction; its window stays small."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from core.errors import BadQuantity, NotEnoughStock
from core.orders.services.progress import pay, ship, start_picking
from core.stock import journal
from core.stock.models import StockLevel, StockMovement, Warehouse
from core.stock.services import adjust, receive, set_threshold, transfer
from realtime.declare import registry
from tests.support.databases import Database
from tests.support.people import staff
from tests.support.shop import a_level, a_warehouse, an_order, levels_of

pytestmark = pytest.mark.usefixtures("database")

SECONDS = 10


def told() -> list[tuple[str, Decimal, Decimal, str, str]]:
    rows = StockMovement.objects.order_by("pk")
    return [(row.kind, row.quantity_kg, row.on_hand_after, row.reason, row.actor) for row in rows]


def recent() -> list[int]:
    return list(StockMovement.objects.filter(recent=True).order_by("pk").values_list("pk", flat=True))


def test_each_service_notes_what_it_did_why_and_who() -> None:
    """Receipts, counts, transfers (two levels, two movements) and thresholds; the figures are those afterwards."""
    level, other = a_level(100), a_warehouse()
    receive(level.material, level.warehouse, Decimal("12.5"), actor="kim", reason="lorry 7")
    adjust(level.material, level.warehouse, Decimal(110), actor="kim", reason="offcuts")
    transfer(level.material, level.warehouse, other, Decimal(30), actor="sam")
    set_threshold(level.material, level.warehouse, Decimal(200), actor="sam", reason="winter")
    assert told() == [
        ("received", Decimal("12.5"), Decimal("112.5"), "lorry 7", "kim"),
        ("counted", Decimal("-2.5"), Decimal(110), "offcuts", "kim"),
        ("transferred_out", Decimal(-30), Decimal(80), "", "sam"),
        ("transferred_in", Decimal(30), Decimal(30), "", "sam"),
        ("threshold", Decimal(0), Decimal(80), "winter", "sam"),
    ]
    assert StockMovement.objects.latest("pk").reorder_below_after == 200


def test_what_is_shipped_names_its_order() -> None:
    """Goods that leave for an order are noted once they leave, not when they are reserved."""
    level = a_level(100)
    order = start_picking(pay(an_order(level, 4), actor="kim"), actor="kim")
    assert told() == []
    ship(order, actor="kim")
    assert told() == [("shipped", Decimal(-4), Decimal(96), f"order {order.number}", "kim")]


def test_a_movement_is_dated_like_its_level() -> None:
    """That is how a change of a level and its movement are known to belong together."""
    level = a_level(100)
    receive(level.material, level.warehouse, Decimal(1), actor="kim")
    level.refresh_from_db()
    assert StockMovement.objects.get().at == level.updated_at


def test_what_is_refused_or_rolled_back_leaves_no_movement() -> None:
    """The journal is written in the transaction of the change: both are there, or neither."""
    level = a_level(100, reserved=Decimal(40))
    with pytest.raises(NotEnoughStock):
        adjust(level.material, level.warehouse, Decimal(39), actor="kim")
    with pytest.raises(BadQuantity):
        set_threshold(level.material, level.warehouse, Decimal(-1), actor="kim")
    with transaction.atomic():
        receive(level.material, level.warehouse, Decimal(1), actor="kim")
        transaction.set_rollback(True)
    assert told() == []
    assert levels_of(level) == (100, 40)


def test_a_level_with_movements_can_be_deleted_and_emptied_by_plain_sql(database: Database) -> None:
    """The journal outlives what it names: it never stands in the way of who writes the stock's tables."""
    level = a_level(100)
    receive(level.material, level.warehouse, Decimal(1), actor="kim")
    database.execute("DELETE FROM stock_stocklevel")
    database.execute("TRUNCATE stock_stocklevel")
    assert StockMovement.objects.count() == 1


def test_the_window_stays_small_without_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each movement takes the oldest beyond the newest few out of the window; the journal keeps all."""
    monkeypatch.setattr(journal, "WINDOW", 3)
    level = a_level(100)
    for _ in range(5):
        receive(level.material, level.warehouse, Decimal(1), actor="kim")
    everything = list(StockMovement.objects.order_by("pk").values_list("pk", flat=True))
    assert len(everything) == 5
    assert recent() == everything[-3:]


def test_a_window_that_grew_too_large_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it came about, a few movements later the window has its size again."""
    monkeypatch.setattr(journal, "MAKE_UP", 4)
    level = a_level(100)
    for _ in range(9):
        receive(level.material, level.warehouse, Decimal(1), actor="kim")
    monkeypatch.setattr(journal, "WINDOW", 2)
    sizes = []
    for _ in range(4):
        receive(level.material, level.warehouse, Decimal(1), actor="kim")
        sizes.append(len(recent()))
    assert sizes == [6, 3, 2, 2]


def test_writers_at_once_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers close the same window: the second passes over what the first has locked, and commits before it."""
    monkeypatch.setattr(journal, "WINDOW", 2)
    levels = [a_level(100) for _ in range(3)]
    for _ in range(3):
        receive(levels[0].material, levels[0].warehouse, Decimal(1), actor="kim")
    ready, go = Event(), Event()

    def slow() -> None:
        with transaction.atomic():
            receive(levels[1].material, levels[1].warehouse, Decimal(1), actor="slow")
            ready.set()
            assert go.wait(SECONDS)

    def closing(work: Callable[[], Any]) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(closing, slow)
        assert ready.wait(SECONDS)
        second = pool.submit(
            closing, lambda: receive(levels[2].material, levels[2].warehouse, Decimal(1), actor="quick")
        )
        try:
            second.result(SECONDS)
        finally:
            go.set()
        first.result(SECONDS)
    receive(levels[0].material, levels[0].warehouse, Decimal(1), actor="kim")
    assert len(recent()) == 2
    assert [level.on_hand for level in StockLevel.objects.order_by("pk")] == [104, 101, 101]


def test_the_topic_of_the_journal_shows_the_window_and_stock_shows_what_it_did() -> None:
    """`stock/movements` is more literal than `stock/<code>`; `stock` itself has no movements."""
    user = staff()
    [part] = registry.resolve("stock/movements", user).parts
    assert (part.kind, part.alternatives) == ("stockmovement", ((("recent", True),),))
    assert {part.kind for part in registry.resolve("stock", user).parts} == {"stocklevel", "material", "warehouse"}


def test_a_warehouse_can_not_be_called_like_the_journal() -> None:
    """Its own topic would be out of reach; the admin's form says so."""
    with pytest.raises(ValidationError, match="the topic stock/movements shows something else"):
        Warehouse(code="movements", name="Hall", city="Bremen").full_clean()
    Warehouse(code="MOVE", name="Hall", city="Bremen").full_clean()
