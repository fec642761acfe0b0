"""Stock over HTTP: who may change it, what is done, and that what is wrong is said at its field."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from core.accounts.models import User
from core.stock.models import StockLevel, StockMovement
from tests.support.people import buyer, staff
from tests.support.shop import a_customer, a_level, a_material, a_warehouse, levels_of

pytestmark = pytest.mark.usefixtures("database")

PATHS = ("receipts", "counts", "transfers", "thresholds")
GOOD: dict[str, dict[str, Any]] = {
    "receipts": {"material": "tin", "warehouse": "HAM", "quantity_kg": "12.5"},
    "counts": {"material": "tin", "warehouse": "HAM", "counted_kg": "90"},
    "transfers": {"material": "tin", "source": "HAM", "target": "BRE", "quantity_kg": "30"},
    "thresholds": {"material": "tin", "warehouse": "HAM", "reorder_below_kg": "200"},
}


@pytest.fixture
def level() -> StockLevel:
    """100 kg of tin in HAM, 40 of them reserved; BRE has none."""
    a_warehouse(code="BRE", name="Bremen")
    return a_level(100, material=a_material(slug="tin", name="Tin"), warehouse=a_warehouse(code="HAM"), reserved=40)


@pytest.fixture
def keeper() -> User:
    """Someone who may change stock."""
    user = staff("kim")
    user.user_permissions.add(Permission.objects.get(codename="change_stocklevel"))
    return user


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def send(user: User | None, path: str, body: Any) -> tuple[int, Any]:
    answer = signed_in(user).post(f"/api/v1/stock/{path}", body, content_type="application/json")
    return answer.status_code, answer.json()


def test_what_arrives_is_told_with_its_reason(level: StockLevel, keeper: User) -> None:
    """A receipt changes the level, answers with it exactly, and leaves a movement by whom it was sent."""
    status, told = send(keeper, "receipts", {**GOOD["receipts"], "reason": "  lorry 7  "})
    assert (status, told["on_hand"], told["available"]) == (200, "112.500", "72.500")
    assert levels_of(level) == (Decimal("112.5"), 40)
    movement = StockMovement.objects.get()
    assert (movement.kind, movement.reason, movement.actor) == ("received", "lorry 7", "kim")


def test_counts_transfers_and_thresholds_are_done(level: StockLevel, keeper: User) -> None:
    """Each endpoint does what it says; a transfer answers with both levels, the source first."""
    assert send(keeper, "counts", GOOD["counts"])[1]["on_hand"] == "90.000"
    status, both = send(keeper, "transfers", GOOD["transfers"])
    assert (status, [(each["warehouse"], each["on_hand"]) for each in both]) == (
        200,
        [("HAM", "60.000"), ("BRE", "30.000")],
    )
    assert send(keeper, "thresholds", GOOD["thresholds"])[1]["reorder_below"] == "200.000"
    assert send(keeper, "counts", {**GOOD["counts"], "counted_kg": 41.5})[1]["on_hand"] == "41.500"


@pytest.mark.parametrize("path", PATHS)
def test_only_those_who_may_change_stock_do(level: StockLevel, path: str) -> None:
    """Nobody 401; a customer, and staff without the permission, 403; nothing is changed."""
    for user, expected in ((None, 401), (buyer("bea", a_customer()), 403), (staff("sam"), 403)):
        status, problem = send(user, path, GOOD[path])
        assert (status, problem["status"]) == (expected, expected)
    assert levels_of(level) == (100, 40)
    assert not StockMovement.objects.exists()


def test_a_change_from_another_site_is_refused(level: StockLevel, keeper: User) -> None:
    """Without the page's CSRF token the session alone opens nothing."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(keeper)
    answer = client.post("/api/v1/stock/receipts", GOOD["receipts"], content_type="application/json")
    assert answer.status_code == 403
    assert levels_of(level) == (100, 40)


WRONG: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("receipts", {"quantity_kg": "1.250,5"}, 422, "quantity_kg", "“1.250,5” is not a plain number: write it like"),
    ("receipts", {"quantity_kg": "1e3"}, 422, "quantity_kg", "not a plain number"),
    ("receipts", {"quantity_kg": "NaN"}, 422, "quantity_kg", "not a plain number"),
    ("receipts", {"quantity_kg": ""}, 422, "quantity_kg", "say how many kilograms"),
    ("receipts", {"quantity_kg": None}, 422, "quantity_kg", "say how many kilograms"),
    ("receipts", {"quantity_kg": True}, 422, "quantity_kg", "say how many kilograms"),
    ("receipts", {"quantity_kg": ["1"]}, 422, "quantity_kg", "say how many kilograms"),
    ("receipts", {"quantity_kg": "0"}, 422, "quantity_kg", "must be positive"),
    ("receipts", {"quantity_kg": "-3"}, 422, "quantity_kg", "must be positive"),
    ("receipts", {"quantity_kg": "0.0001"}, 422, "quantity_kg", "must be a multiple of 0.001"),
    ("receipts", {"quantity_kg": "100000000.001"}, 422, "quantity_kg", "at most 100,000,000"),
    ("receipts", {"quantity_kg": "9" * 40}, 422, "quantity_kg", "not a plain number"),
    ("receipts", {"material": "tinn"}, 422, "material", "no material “tinn”"),
    ("receipts", {"material": 7}, 422, "material", "valid string"),
    ("receipts", {"warehouse": "XXX"}, 422, "warehouse", "no warehouse “XXX”, but BRE, HAM"),
    ("receipts", {"reason": "x" * 201}, 422, "reason", "at most 200"),
    ("receipts", {"quantity": "1"}, 422, "quantity", "not permitted"),
    ("counts", {"counted_kg": "39.999"}, 409, "counted_kg", "40.000 kg are reserved: cancel orders first"),
    ("counts", {"counted_kg": "-1"}, 422, "counted_kg", "must be positive"),
    ("transfers", {"quantity_kg": "60.001"}, 409, "quantity_kg", "60.000 kg are available in"),
    ("transfers", {"target": "HAM"}, 409, "target", "already"),
    ("transfers", {"target": "XXX"}, 422, "target", "no warehouse"),
    ("transfers", {"source": "BRE", "target": "HAM"}, 409, "quantity_kg", "0.000 kg are available in Bremen"),
    ("thresholds", {"reorder_below_kg": "-1"}, 422, "reorder_below_kg", "must be positive"),
]


@pytest.mark.parametrize(("path", "change", "status", "field", "words"), WRONG)
def test_what_is_wrong_is_said_at_its_field(
    level: StockLevel, keeper: User, path: str, change: dict[str, Any], status: int, field: str, words: str
) -> None:
    """The problem names the field and says what to do; nothing is changed and nothing is noted."""
    got, problem = send(keeper, path, {**GOOD[path], **change})
    assert got == status
    assert [error["field"] for error in problem["errors"]] == [field]
    assert words in problem["errors"][0]["message"]
    assert levels_of(level) == (100, 40)
    assert StockLevel.objects.count() == 1
    assert not StockMovement.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_every_field_that_is_missing_is_named(level: StockLevel, keeper: User, path: str) -> None:
    """An empty body is told all that it lacks."""
    status, problem = send(keeper, path, {})
    assert status == 422
    assert {error["field"] for error in problem["errors"]} == set(GOOD[path])


def test_nothing_at_all_can_be_counted_and_a_threshold_can_be_taken_away(keeper: User) -> None:
    """Zero is a count and a threshold, though it is no receipt."""
    a_level(100, material=a_material(slug="tin"), warehouse=a_warehouse(code="HAM"))
    assert send(keeper, "counts", {**GOOD["counts"], "counted_kg": "0"})[1]["on_hand"] == "0.000"
    assert send(keeper, "thresholds", {**GOOD["thresholds"], "reorder_below_kg": "0"})[1]["reorder_below"] == "0.000"
