"""The demo's data, as it is planned: deterministic, plausible, never from the future."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

from core.demo.assortment import ASSORTMENT
from core.demo.history import Plan, plan

NOW = datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


@cache
def planned(seed: int) -> Plan:
    return plan(seed, NOW)


def test_the_same_seed_is_the_same_past() -> None:
    """And another one another."""
    assert planned(1) == plan(1, NOW)
    assert planned(1) != planned(2)


def test_materials_are_real() -> None:
    """Names and addresses are unique, densities lie between timber's and lead's, prices in what is paid."""
    assert (
        len({article.name for article in ASSORTMENT})
        == len({article.slug for article in ASSORTMENT})
        == len(ASSORTMENT)
    )
    for article in ASSORTMENT:
        assert Decimal(400) < article.density_kg_per_m3 < Decimal(11_400), article
        assert Decimal("0.005") < article.price_per_kg < Decimal(100), article
    assert "rebar-12" in {article.slug for article in ASSORTMENT}


def test_history_is_in_order_and_ends_today() -> None:
    """Each order's events follow each other, the last one not later than now."""
    for seed in range(5):
        for order in planned(seed).orders:
            moments = [event.at for event in order.events]
            assert moments == sorted(moments)
            assert order.updated_at <= NOW
            assert order.lines
        placed = [order.placed_at for order in planned(seed).orders if order.placed_at]
        assert placed == sorted(placed)
        assert NOW - placed[0] > timedelta(days=100)


def test_stock_covers_what_is_reserved() -> None:
    """In any past: nothing is oversold, some of it is low."""
    for seed in range(5):
        stock = planned(seed).stock.values()
        assert all(0 <= shelf.reserved <= shelf.on_hand for shelf in stock)
        assert 0.01 < sum(shelf.available < shelf.reorder_below for shelf in stock) / len(stock) < 0.3


def test_orders_are_plausible() -> None:
    """Every status occurs, the old ones are archived and done, none of the open ones is archived."""
    orders = planned(1).orders
    assert len(orders) == 300
    assert {order.status for order in orders} >= {"draft", "placed", "paid", "shipped", "delivered", "cancelled"}
    for order in orders:
        if order.archived:
            assert order.status in ("delivered", "cancelled")
            assert NOW - order.updated_at > timedelta(days=30)
