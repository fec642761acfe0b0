"""What was, from the change log: of stock and of a material, whoever wrote it, for those who may see it."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from core.accounts.models import User
from core.stock.history import POINTS, Point, thinned
from core.stock.models import StockLevel
from core.stock.services import receive, set_threshold, transfer
from tests.support import shelf
from tests.support.databases import Database
from tests.support.people import buyer, staff
from tests.support.shop import a_customer, a_level, a_material, a_warehouse, an_order

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def level() -> StockLevel:
    """100 kg of tin in HAM, at 2.5 a kg."""
    return a_level(100, material=a_material(slug="tin", name="Tin"), warehouse=a_warehouse(code="HAM"))


def get(path: str, user: User | None) -> tuple[int, Any]:
    """Ask after a relay has given positions to all that was committed."""
    asyncio.run(shelf.drain())
    client = Client()
    if user is not None:
        client.force_login(user)
    answer = client.get(path)
    return answer.status_code, answer.json()


def lately(**parameters: int) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    status, told = get(f"/api/v1/stock/changes?{query}", User.objects.filter(is_staff=True).first() or staff())
    assert status == 200, told
    groups: list[dict[str, Any]] = told["groups"]
    return groups


def test_whoever_wrote_it_is_told_and_the_journal_says_why(level: StockLevel, database: Database) -> None:
    """A service's change has its movement; raw SQL and the ORM's update have none; newest first."""
    receive(level.material, level.warehouse, Decimal("12.5"), actor="kim", reason="lorry 7")
    database.execute("UPDATE stock_stocklevel SET on_hand = on_hand - 5")
    StockLevel.objects.update(reorder_below=50)
    found = [change for group in lately() for change in group["changes"]]
    assert [change["after"]["on_hand"] for change in found] == ["107.500", "107.500", "112.500", "100.000"]
    assert [bool(change["movement"]) for change in found] == [False, False, True, False]
    assert found[0]["after"]["reorder_below"] == "50.000"
    assert found[2]["before"]["on_hand"] == "100.000"
    assert (found[2]["movement"]["reason"], found[2]["movement"]["actor"]) == ("lorry 7", "kim")
    assert found[3]["before"] is None


def test_a_movement_explains_one_change_alone(level: StockLevel, database: Database) -> None:
    """Plain SQL leaves the level's date as the service set it, also when it undoes and redoes the same."""
    receive(level.material, level.warehouse, Decimal(10), actor="kim")
    set_threshold(level.material, level.warehouse, Decimal(30), actor="kim")
    database.execute("UPDATE stock_stocklevel SET reserved = 5")
    database.execute("UPDATE stock_stocklevel SET on_hand = on_hand - 1")
    database.execute("UPDATE stock_stocklevel SET on_hand = on_hand + 1")
    kinds = [change["movement"] and change["movement"]["kind"] for group in lately() for change in group["changes"]]
    assert kinds == [None, None, None, "threshold", "received", None]


def test_what_one_transaction_changed_is_told_together(level: StockLevel, database: Database) -> None:
    """A transfer is one group of two; a statement on many rows is a number and its newest changes."""
    other = a_level(5, material=level.material)
    transfer(level.material, level.warehouse, other.warehouse, Decimal(10), actor="kim", reason="evening out")
    groups = lately()
    assert [(group["total"], len(group["changes"])) for group in groups] == [(2, 2), (1, 1), (1, 1)]
    assert {change["movement"]["kind"] for change in groups[0]["changes"]} == {"transferred_in", "transferred_out"}
    for _ in range(23):
        a_level(1, material=level.material)
    database.execute("UPDATE stock_stocklevel SET on_hand = on_hand + 1")
    newest = lately()[0]
    assert (newest["total"], len(newest["changes"])) == (25, 10)


def test_what_was_removed_is_told(level: StockLevel, database: Database) -> None:
    """With what it was, and nothing after it."""
    database.execute("DELETE FROM stock_stocklevel")
    newest = lately()[0]["changes"][0]
    assert (newest["before"]["on_hand"], newest["after"], newest["level"]) == ("100.000", None, level.pk)


def test_emptied_tables_do_no_harm(level: StockLevel, database: Database) -> None:
    """TRUNCATE names no rows: there is nothing to tell of it, and lines go on from what is."""
    database.execute("TRUNCATE stock_stocklevel")
    assert [group["total"] for group in lately()] == [1]
    assert get("/api/v1/materials/tin/history", staff("sam"))[0] == 200


@pytest.mark.parametrize(
    ("minutes", "status"), [("1", 200), ("1440", 200), ("0", 422), ("1441", 422), ("x", 422), ("-5", 422), ("1.5", 422)]
)
def test_the_span_has_bounds(level: StockLevel, minutes: str, status: int) -> None:
    """A minute to a day; anything else is said at `minutes`."""
    user = staff("sam")
    for path in ("/api/v1/stock/changes", "/api/v1/materials/tin/history"):
        got, told = get(f"{path}?minutes={minutes}", user)
        assert got == status
        if status == 422:
            assert [error["field"] for error in told["errors"]] == ["minutes"]


def test_what_changed_is_for_staff(level: StockLevel) -> None:
    """Nobody and customers are turned away; staff without the right to change stock see it."""
    path = "/api/v1/stock/changes"
    assert get(path, None)[0] == 401
    assert get(path, buyer("bea", a_customer()))[0] == 403
    assert get(path, staff("sam"))[0] == 200


def test_a_price_is_drawn_for_anyone_and_stock_for_staff(level: StockLevel, database: Database) -> None:
    """The line begins with what held, each move is a point, and whoever is not staff learns nothing of stock."""
    path = "/api/v1/materials/tin/history"
    database.execute("UPDATE catalogue_material SET price_per_kg = 3")
    database.execute("UPDATE catalogue_material SET price_per_kg = 2.75, name = 'Zinn'")
    database.execute("UPDATE catalogue_material SET name = 'Tin'")
    asyncio.run(shelf.drain())
    database.execute("UPDATE stock_stocklevel SET on_hand = 80")
    for user in (None, buyer("bea", a_customer())):
        status, told = get(path, user)
        assert (status, told["stock"], told["currency"]) == (200, None, "EUR")
        assert [point["value"] for point in told["price"]] == ["2.5000", "3.0000", "2.7500"]
    stock = get(path, staff("sam"))[1]["stock"]
    assert [(place["code"], [point["value"] for point in place["points"]]) for place in stock["warehouses"]] == [
        ("HAM", ["100.000", "80.000"])
    ]
    assert [point["value"] for point in stock["total"]] == ["100.000", "80.000"]


def test_the_total_is_the_sum_at_each_moment(level: StockLevel, database: Database) -> None:
    """A transfer leaves it as it is; what did not move counts with what it is."""
    other = a_level(50, material=level.material, warehouse=a_warehouse(code="LEJ"))
    a_level(7, material=a_material())
    asyncio.run(shelf.drain())
    transfer(level.material, level.warehouse, other.warehouse, Decimal(30), actor="kim")
    database.execute("UPDATE stock_stocklevel SET on_hand = on_hand + 1 WHERE id = %s", other.pk)
    stock = get("/api/v1/materials/tin/history", staff("sam"))[1]["stock"]
    assert [place["code"] for place in stock["warehouses"]] == ["HAM", "LEJ"]
    assert [point["value"] for point in stock["total"]][-2:] == ["150.000", "151.000"]


def test_reserving_moves_no_line(level: StockLevel) -> None:
    """The plot shows what is on hand: points that repeat a value are left out."""
    an_order(level, 10)
    stock = get("/api/v1/materials/tin/history", staff("sam"))[1]["stock"]
    assert len(stock["total"]) == 1


def test_a_material_that_is_not_there_is_not_found() -> None:
    """404, as a problem."""
    status, problem = get("/api/v1/materials/none/history", None)
    assert (status, problem["status"]) == (404, 404)


def test_a_long_line_is_thinned_without_losing_its_ends_and_peaks() -> None:
    """At most 500 points; first, last, lowest and highest are among them, in order."""
    began = datetime(2026, 11, 20, tzinfo=UTC)
    points = [Point(began + timedelta(seconds=n), Decimal((n * 7919) % 1000)) for n in range(5000)]
    points[1234] = Point(points[1234].at, Decimal(5000))
    kept = thinned(points)
    assert len(kept) <= POINTS
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert max(point.value for point in kept) == 5000
    assert min(point.value for point in kept) == 0
    assert [point.at for point in kept] == sorted(point.at for point in kept)
    assert thinned(points[:3]) == points[:3]
    assert thinned([points[0], Point(points[1].at, points[0].value), points[2]]) == [points[0], points[2]]
