"""Live trade: it goes on whatever happens to the database, and keeps the data plausible."""

import re
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from core.accounts.models import ApiKey, User
from core.demo.trading import housekeeping, selling
from core.demo.trading.trader import WEIGHTS, Trader
from core.errors import ShopError
from core.notifications.models import IdempotencyKey, Notification
from core.notifications.services.reading import mark_all_read
from tests.support.databases import TEMPLATE, Database, django_uses, make_template
from tests.support.processes import Process, manage
from tests.support.waiting import eventually


@pytest.fixture
def market(settings: Any, database: Database) -> Database:
    """A database with the demo data in it, in which trade is allowed."""
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, embedded=False, demo=True)
    call_command("seed", verbosity=0)
    return database


def inbox(database: Database) -> int:
    ((count,),) = database.execute("SELECT count(*) FROM realtime_inbox")
    return int(count)


def trader(**fields: Any) -> Trader:
    return Trader(**{"rate": 1e6, "stop": Event(), "random": Random(5), **fields})


def test_each_action_changes_something(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is something to do for each of them in fresh demo data, and what they do is captured."""
    # How many orders are finished depends on the weekday: after a weekend they are fewer than the lists may show.
    monkeypatch.setattr(selling, "FINISHED_ORDERS", 20)
    random = Random(1)
    for action in WEIGHTS:
        before = inbox(market)
        assert any(action(random) for _ in range(20)), action.__name__
        assert inbox(market) > before, action.__name__


def test_trade_keeps_the_data_plausible(market: Database) -> None:
    """After hundreds of actions stock is neither negative nor oversold, and reserved for exactly the open orders."""
    traded = trader()
    while traded.actions < 400:
        traded.run(seconds=0.5)
    assert market.execute("SELECT id FROM stock_stocklevel WHERE on_hand < 0 OR reserved > on_hand") == []
    assert not market.execute(
        "SELECT s.id FROM stock_stocklevel s LEFT JOIN (orders_orderline l JOIN orders_order o ON o.id = l.order_id "
        "AND o.status IN ('placed', 'paid', 'picking')) USING (material_id, warehouse_id) "
        "GROUP BY s.id HAVING s.reserved <> coalesce(sum(l.quantity_kg), 0)"
    )
    ((live,),) = market.execute("SELECT count(*) FROM orders_order WHERE NOT archived")
    assert live < 2 * (selling.OPEN_ORDERS + selling.FINISHED_ORDERS)


def test_the_rate_is_kept(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many actions a second, however long one takes; what an outage cost is not made up for in a burst."""
    clock = 0.0

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal clock
            clock += timeout or 0
            return False

    def act(self: Trader) -> None:
        nonlocal clock
        self.actions += 1
        clock += 60 if self.actions == 10 else 0.01

    monkeypatch.setattr(Trader, "_act", act)
    traded = trader(rate=5.0, stop=Waiting(), clock=lambda: clock)
    traded.run(seconds=70)
    # 10 before the minute that the tenth took, 1 second made up for, 8 seconds at the rate.
    assert 50 <= traded.actions <= 60


def test_a_refusal_of_the_shop_is_no_failure(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one action is refused another is tried at once."""
    seen: Counter[str] = Counter()

    def refused(_: Random) -> bool:
        seen["refused"] += 1
        raise ShopError("not today")

    def possible(_: Random) -> bool:
        seen["done"] += 1
        traded.stop.set()
        return True

    monkeypatch.setattr("core.demo.trading.trader.WEIGHTS", {refused: 1_000_000, possible: 1})
    traded = trader()
    traded.run()
    assert seen == {"refused": 1, "done": 1}
    assert traded.actions == 1


def test_an_empty_shop_has_nothing_to_do(market: Database) -> None:
    """When somebody empties the tables by hand, trade idles and does not fall over."""
    market.execute("TRUNCATE catalogue_material, stock_warehouse, stock_stocklevel, orders_order CASCADE")
    traded = trader(rate=50.0)
    traded.run(seconds=0.3)
    assert traded.actions == 0
    assert traded.outages == 0


def test_old_archived_orders_are_deleted(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo can run for months: past a bound the oldest archived orders go, with lines and events."""
    monkeypatch.setattr(selling, "ARCHIVED_ORDERS", 20)
    for _ in range(3):
        selling.archive_old(Random(1))
    assert market.execute("SELECT count(*) FROM orders_order WHERE archived") == [(20,)]
    assert market.execute("SELECT min(id) FROM orders_order WHERE archived") > [(1,)]


def test_live_notifications_stay_few(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trade tells people much: each audience keeps its newest, old archived ones are deleted."""
    monkeypatch.setattr(housekeeping, "ARCHIVED_NOTIFICATIONS", 20)
    market.execute(
        "INSERT INTO notifications_notification (audience, title)"
        " SELECT 'everyone', 'news ' || n FROM generate_series(1, 100) n"
    )
    user = User.objects.get(username="staff")
    mark_all_read(user, up_to=10**9)
    oldest = Notification.objects.get(title="news 1")
    key = ApiKey.objects.get()
    IdempotencyKey.objects.create(api_key=key, key="k", fingerprint="", notification=oldest)
    for _ in range(3):
        selling.archive_old(Random(1))
    live = market.execute(
        "SELECT count(*) FROM notifications_notification WHERE NOT archived"
        " GROUP BY audience, user_id, customer_id, role ORDER BY 1 DESC"
    )
    assert live[0] == (housekeeping.LIVE_NOTIFICATIONS,)
    assert sum(count for (count,) in live) < 200
    assert Notification.objects.filter(archived=True).count() == 20
    assert Notification.objects.filter(title="news 100", archived=False).exists()
    assert not IdempotencyKey.objects.exists()


def test_a_database_without_the_mark_is_refused(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it turns up behind the same address while trade goes on."""
    traded = trader()

    def exchanged(_: Random) -> bool:
        market.execute("DELETE FROM demo_demomark")
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("core.demo.trading.trader.WEIGHTS", {exchanged: 1})
    before = inbox(market)
    with pytest.raises(CommandError, match="does not carry the demo's mark"):
        traded.run()
    with pytest.raises(CommandError, match="does not carry the demo's mark"):
        call_command("trade")
    assert inbox(market) == before


@pytest.fixture
def trading(product: Callable[..., Process]) -> Callable[..., Process]:
    """Start `manage.py trade` as a process."""
    return lambda *arguments, **variables: product("trade", *arguments, DEMO="1", **variables)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(market: Database, trading: Callable[..., Process], number: signal.Signals) -> None:
    """It says what it did and exits with 0."""
    process = trading("--rate", "50")
    process.wait_for("Trading: 50 actions a second.")
    before = inbox(market)
    eventually(lambda: inbox(market) > before)
    process.send(number)
    assert process.wait() == 0
    assert "Traded: " in process.output


def test_it_ends_after_its_seconds(market: Database, trading: Callable[..., Process]) -> None:
    """`--seconds` bounds it."""
    process = trading("--rate", "20", "--seconds", "0.5")
    assert process.wait() == 0
    assert "0 outages" in process.output


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "fast"])
def test_an_impossible_rate_is_refused(rate: str) -> None:
    """The error names the value."""
    with pytest.raises(CommandError, match="is not a positive number"):
        call_command("trade", "--rate", rate)


def test_trade_outlives_a_restart_of_its_database(
    servers: Any, processes: Callable[..., Process], django_db_blocker: Any, settings: Any
) -> None:
    """PostgreSQL is killed and started again: trade waits, then goes on by itself."""
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, embedded=False, demo=True)
    server = servers.postgres()
    database = Database(server, TEMPLATE)
    with django_db_blocker.unblock():
        make_template(server)
        with django_uses(database):
            call_command("seed", verbosity=0)
    process = processes("trade", manage("trade", "--rate", "50"), DATABASE_URL=database.url, DEMO="1")
    before = inbox(database)
    eventually(lambda: inbox(database) > before, 20)
    server.kill()
    process.wait_for("trade waits")
    server.start()
    before = inbox(database)
    eventually(lambda: inbox(database) > before, 20)
    assert process.stop() == 0
    assert re.search(r"Traded: \d+ actions, [1-9]\d* outages", process.output)
