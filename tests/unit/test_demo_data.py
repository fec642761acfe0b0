"""The demo's data, as it is planned: deterministic, plausible, never from the future."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import pytest

from core.demo.assortment import ASSORTMENT
from core.demo.history import OPEN_HOURS, Plan, plan
from core.demo.news import news
from core.demo.people import BUYERS

NOW = datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
MOMENTS = [
    *(MONDAY + timedelta(days=day, hours=hour) for day in range(7) for hour in (0, 6, 13, 20)),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
]
"""A whole week, the ends of a year and of a leap February, and where Central Europe changes its clocks."""


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


@pytest.mark.parametrize("now", MOMENTS, ids=lambda now: f"{now:%a %d %b %H:%M}")
def test_the_past_is_plausible_at_any_moment(now: datetime) -> None:
    """On a Sunday night as on a Tuesday: nothing of the future, every buyer waits for something and was told it."""
    planned = plan(2026, now)
    assert len(planned.orders) == 300
    live = [order for order in planned.orders if not order.archived and order.events]
    assert {order.status for order in live} >= {"placed", "paid", "shipped", "delivered", "cancelled"}
    assert {order.buyer for order in live} == set(range(len(BUYERS)))
    for order in planned.orders:
        moments = [event.at for event in order.events]
        assert moments == sorted(moments)
        assert order.updated_at <= now
        for event in order.events:
            if event.kind in ("picking", "shipped"):
                assert event.at.weekday() < 5 and event.at.hour in OPEN_HOURS, order
    assert all(0 <= shelf.reserved <= shelf.on_hand for shelf in planned.stock.values())
    told = news(planned, [f"SO-{index}" for index in range(300)], now)
    assert {each.buyer for each in told} >= set(range(len(BUYERS)))
    assert all(each.at <= now for each in told)
