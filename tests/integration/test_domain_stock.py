"""Stock: what the services change, and what they refuse."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from core.catalogue.services import archive, change_price, change_prices
from core.errors import BadQuantity, NotEnoughStock, SameWarehouse
from core.stock.models import StockLevel
from core.stock.services import Place, Wanted, adjust, receive, release, reserve, take, transfer
from tests.support.databases import Database
from tests.support.shop import a_level, a_material, a_warehouse, levels_of

pytestmark = pytest.mark.usefixtures("database")


def place_of(level: StockLevel) -> Place:
    return Place(level.material_id, level.warehouse_id)


def test_what_arrives_is_added() -> None:
    """A receipt raises what is on hand, leaves what is reserved, and dates the level."""
    level = a_level(100, reserved=Decimal(30))
    before = level.updated_at
    receive(level.material, level.warehouse, Decimal("12.5"), actor="test")
    assert levels_of(level) == (Decimal("112.5"), Decimal(30))
    assert level.updated_at > before


def test_the_first_receipt_makes_the_level() -> None:
    """Material that a warehouse has never had gets a level with its receipt."""
    material, warehouse = a_material(), a_warehouse()
    receive(material, warehouse, Decimal(5), actor="test")
    assert StockLevel.objects.get(material=material, warehouse=warehouse).on_hand == 5


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity", "0.0001", "100000000.001"])
def test_impossible_quantities_are_refused(quantity: str) -> None:
    """Nothing, less than nothing, more exact than a gram, or absurdly much can't arrive."""
    level = a_level(100)
    with pytest.raises(BadQuantity):
        receive(level.material, level.warehouse, Decimal(quantity), actor="test")
    assert levels_of(level) == (100, 0)


def test_a_count_sets_what_is_on_hand() -> None:
    """What was counted is on hand from then on; nothing at all can be counted too."""
    level = a_level(100)
    adjust(level.material, level.warehouse, Decimal("99.250"), actor="test")
    assert levels_of(level) == (Decimal("99.250"), 0)
    adjust(level.material, level.warehouse, Decimal(0), actor="test")
    assert levels_of(level) == (0, 0)


def test_a_count_below_what_is_reserved_is_refused() -> None:
    """Orders have a right to what they reserved: they must be cancelled first."""
    level = a_level(100, reserved=Decimal(40))
    with pytest.raises(NotEnoughStock, match=r"39\.000 kg were counted, but 40\.000 kg are reserved"):
        adjust(level.material, level.warehouse, Decimal(39), actor="test")
    adjust(level.material, level.warehouse, Decimal(40), actor="test")
    assert levels_of(level) == (40, 40)


def test_a_transfer_moves_what_is_available() -> None:
    """The sum stays, the other warehouse gets a level when it had none."""
    level, other = a_level(100, reserved=Decimal(20)), a_warehouse()
    transfer(level.material, level.warehouse, other, Decimal(80), actor="test")
    assert levels_of(level) == (20, 20)
    assert StockLevel.objects.get(material=level.material, warehouse=other).on_hand == 80


def test_a_transfer_of_what_is_reserved_is_refused_and_changes_nothing() -> None:
    """Not even the other warehouse's empty level is left behind."""
    level, other = a_level(100, reserved=Decimal(20)), a_warehouse()
    with pytest.raises(NotEnoughStock, match=r"80\.001 kg are wanted, 80\.000 kg are available"):
        transfer(level.material, level.warehouse, other, Decimal("80.001"), actor="test")
    assert levels_of(level) == (100, 20)
    assert not StockLevel.objects.filter(warehouse=other).exists()


def test_a_transfer_needs_two_warehouses_and_stock() -> None:
    """To where it lies already, or from where there is none: refused."""
    level = a_level(100)
    with pytest.raises(SameWarehouse):
        transfer(level.material, level.warehouse, level.warehouse, Decimal(1), actor="test")
    with pytest.raises(NotEnoughStock, match=r"0\.000 kg are available"):
        transfer(level.material, a_warehouse(), level.warehouse, Decimal(1), actor="test")


def test_the_fullest_warehouse_is_chosen() -> None:
    """Without a warehouse named, the one with most available serves the line, less what the order took already."""
    fuller = a_level(100)
    other = a_level(70, material=fuller.material)
    chosen = reserve([Wanted(fuller.material, Decimal(40)), Wanted(fuller.material, Decimal(40))])
    assert [level.pk for level in chosen] == [fuller.pk, other.pk]
    assert levels_of(fuller) == (100, 40)
    assert levels_of(other) == (70, 40)


def test_all_is_reserved_or_nothing() -> None:
    """When the second material is short, the first stays free."""
    plenty, short = a_level(100), a_level(5)
    with pytest.raises(
        NotEnoughStock, match=f"{short.material}: 6.000 kg are wanted, 5.000 kg are available in any one"
    ):
        reserve([Wanted(plenty.material, Decimal(10)), Wanted(short.material, Decimal(6))])
    assert levels_of(plenty) == (100, 0)


def test_what_one_order_takes_twice_counts_twice() -> None:
    """Two lines of one level can't together reserve more than it has."""
    level = a_level(10)
    with pytest.raises(NotEnoughStock):
        reserve([Wanted(level.material, Decimal(6)), Wanted(level.material, Decimal(6))])
    assert levels_of(level) == (10, 0)


def test_release_gives_back_and_take_takes_away() -> None:
    """Released stock is available again; taken stock is gone from both figures."""
    level = a_level(100, reserved=Decimal(50))
    release([(place_of(level), Decimal(20)), (place_of(level), Decimal(10))])
    assert levels_of(level) == (100, 20)
    take([(place_of(level), Decimal(20))], actor="test")
    assert levels_of(level) == (80, 0)


def test_stock_that_plain_sql_lost_can_be_released_but_not_taken(database: Database) -> None:
    """A cancelled order must not fail for it; a lorry can't leave with what is not there."""
    level = a_level(100, reserved=Decimal(50))
    database.execute("UPDATE stock_stocklevel SET reserved = 10, on_hand = 30")
    with pytest.raises(NotEnoughStock, match=r"50 kg are wanted, 30\.000 kg are available"):
        take([(place_of(level), Decimal(50))], actor="test")
    release([(place_of(level), Decimal(50))])
    assert levels_of(level) == (30, 0)


def test_the_database_knows_no_negative_stock() -> None:
    """Whoever writes, nobody can store less than nothing."""
    level = a_level(10)
    with pytest.raises(IntegrityError, match="on_hand_is_not_negative"):
        StockLevel.objects.filter(pk=level.pk).update(on_hand=-1)


def test_plain_sql_may_leave_out_what_has_a_default(database: Database) -> None:
    """A row needs only what tells it from others: the database fills in the rest."""
    database.execute("INSERT INTO catalogue_material (slug, price_per_kg, density_kg_per_m3) VALUES ('tin', 30, 7290)")
    database.execute("INSERT INTO stock_warehouse (code) VALUES ('XXL')")
    database.execute(
        "INSERT INTO stock_stocklevel (material_id, warehouse_id, on_hand) "
        "SELECT m.id, w.id, 3 FROM catalogue_material m, stock_warehouse w"
    )
    database.execute("INSERT INTO accounts_customer (name) VALUES ('Someone')")
    database.execute("INSERT INTO orders_order (number, customer_id) SELECT 'X-1', id FROM accounts_customer")
    rows = database.execute("SELECT status, total, currency, archived, updated_at IS NOT NULL FROM orders_order")
    assert rows == [("draft", 0, "EUR", False, True)]
    assert StockLevel.objects.get().available == 3


def test_a_price_changes_for_one_material_or_for_a_category() -> None:
    """Prices keep four decimals and stay above zero; archived materials keep theirs."""
    one, other, gone = a_material(), a_material(), a_material(archived=True)
    cheap, copper = a_material(price_per_kg=Decimal("0.0001")), a_material(category="Copper")
    change_price(one, Decimal("3.1234"))
    assert change_prices("Rebar", Decimal("1.01")) == 3
    prices = {m.pk: m.price_per_kg for m in type(one).objects.all()}
    assert prices[one.pk] == Decimal("3.1546")
    assert prices[other.pk] == Decimal("2.5250")
    assert (prices[gone.pk], prices[copper.pk]) == (Decimal("2.5"), Decimal("2.5"))
    assert prices[cheap.pk] == Decimal("0.0001")
    with pytest.raises(BadQuantity):
        change_price(one, Decimal(0))
    with pytest.raises(BadQuantity):
        change_prices("Rebar", Decimal("-1"))


def test_an_archived_material_is_marked() -> None:
    """Archiving takes a material out of the catalogue and leaves its stock."""
    level = a_level(10)
    assert archive(level.material).archived
    assert levels_of(level) == (10, 0)
