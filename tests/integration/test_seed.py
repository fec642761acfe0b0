"""Demo data: all there, like a real seller's, loaded once, and never into a real database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.http import HttpRequest
from django.utils import timezone

from core.accounts.keys import find_key
from core.accounts.models import User
from core.demo.people import API_TOKEN, PASSWORD
from core.notifications.services.reading import page_of
from tests.support.databases import Database
from tests.support.processes import Process

StartProcess = Callable[..., Process]


@pytest.fixture
def demo(settings: Any) -> None:
    """What `DEMO=1` allows."""
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, embedded=False, demo=True)


@pytest.fixture
def seeded(demo: None, database: Database, capsys: pytest.CaptureFixture[str]) -> Database:
    """A database with the demo data in it."""
    call_command("seed")
    assert "Sign in as staff, admin or customer1 … customer12: demo-only" in capsys.readouterr().out
    return database


def one(database: Database, query: str) -> Any:
    ((value,),) = database.execute(query)
    return value


def test_the_demo_looks_like_a_seller(seeded: Database) -> None:
    """80 materials and more, 4 warehouses, 12 customers, 300 orders in every status, some archived."""
    assert one(seeded, "SELECT count(*) FROM catalogue_material") >= 80
    assert one(seeded, "SELECT count(DISTINCT category) FROM catalogue_material") >= 11
    assert one(seeded, "SELECT count(*) FROM stock_warehouse") == 4
    assert one(seeded, "SELECT count(*) FROM accounts_customer") == 12
    assert one(seeded, "SELECT count(*) FROM orders_order") == 300
    assert one(seeded, "SELECT count(DISTINCT status) FROM orders_order") >= 6
    assert 20 <= one(seeded, "SELECT count(*) FROM orders_order WHERE archived") <= 250
    assert one(seeded, "SELECT min(at) < now() - interval '100 days' AND max(at) <= now() FROM orders_orderevent")
    assert one(seeded, "SELECT count(*) FROM stock_stocklevel WHERE on_hand - reserved < reorder_below") > 0


def test_the_demo_keeps_the_shops_own_rules(seeded: Database) -> None:
    """Every sum is right, statuses are what the last event says, and open orders have their stock reserved."""
    assert one(seeded, "SELECT count(*) FROM orders_orderline WHERE total <> round(quantity_kg * unit_price, 2)") == 0
    assert not seeded.execute(
        "SELECT o.number FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id "
        "GROUP BY o.id HAVING o.total <> sum(l.total)"
    )
    assert not seeded.execute(
        "SELECT o.number FROM orders_order o LEFT JOIN LATERAL "
        "(SELECT kind FROM orders_orderevent e WHERE e.order_id = o.id ORDER BY at DESC, id DESC LIMIT 1) last ON true "
        "WHERE o.status <> coalesce(last.kind, 'draft')"
    )
    assert not seeded.execute(
        "SELECT s.id FROM stock_stocklevel s LEFT JOIN (orders_orderline l JOIN orders_order o ON o.id = l.order_id "
        "AND o.status IN ('placed', 'paid', 'picking')) USING (material_id, warehouse_id) "
        "GROUP BY s.id HAVING s.reserved <> coalesce(sum(l.quantity_kg), 0) OR s.reserved > s.on_hand"
    )
    assert one(seeded, "SELECT count(*) FROM orders_order WHERE (placed_at IS NULL) <> (status = 'draft')") == 0


def test_the_next_order_gets_the_next_number(seeded: Database) -> None:
    """Numbers go on where the past ended."""
    assert one(seeded, "SELECT max(number) FROM orders_order") == "SO-10300"
    assert one(seeded, "SELECT nextval('orders_number')") == 10301


def test_everyone_can_sign_in(seeded: Database) -> None:
    """The published password is everyone's; staff are staff, the others buy for their customer."""
    for username in ("staff", "admin", "customer1", "customer12", "customer1b"):
        user = authenticate(HttpRequest(), username=username, password=PASSWORD)
        assert isinstance(user, User), username
        assert user.is_staff == (username in ("staff", "admin"))
        assert (user.customer is None) == user.is_staff


def contents(database: Database) -> list[tuple[Any, ...]]:
    """Return what a second run must not change."""
    return database.execute(
        "SELECT (SELECT sum(hashtext(o::text)) FROM orders_order o),"
        " (SELECT sum(hashtext(u::text)) FROM accounts_user u),"
        " (SELECT sum(hashtext(s::text)) FROM stock_stocklevel s), (SELECT count(*) FROM realtime_inbox)"
    )


def test_a_second_run_changes_nothing(seeded: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """The mark says that the data is there, whatever has become of it since."""
    seeded.execute("UPDATE stock_stocklevel SET on_hand = on_hand + 1")
    before = contents(seeded)
    call_command("seed")
    assert capsys.readouterr().out == "The demo data is already there.\n"
    assert contents(seeded) == before


def test_the_whole_load_is_one_transaction(demo: None, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that fails leaves an empty database, and the next one succeeds."""
    with monkeypatch.context() as broken:
        broken.setattr("core.demo.seeding._load_orders", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            call_command("seed")
    assert one(database, "SELECT count(*) FROM accounts_user") == 0
    call_command("seed")
    assert one(database, "SELECT count(*) FROM orders_order") == 300


@pytest.mark.parametrize(
    "found",
    [
        (
            "INSERT INTO accounts_user (username, password, first_name, last_name, email,"
            " is_staff, is_active, is_superuser, date_joined) VALUES ('boss', 'x', '', '', '', true, true, true, now())"
        ),
        "INSERT INTO accounts_customer (name) VALUES ('A real one')",
        "INSERT INTO catalogue_material (slug, price_per_kg, density_kg_per_m3) VALUES ('tin', 30, 7290)",
        "INSERT INTO stock_warehouse (code) VALUES ('HAM')",
        "INSERT INTO notifications_notification (audience, title) VALUES ('everyone', 'A real one')",
    ],
)
def test_a_database_that_could_be_real_is_refused(demo: None, database: Database, found: str) -> None:
    """One row is enough: no user with a published password enters, `DEMO=1` or not."""
    database.execute(found)
    users = one(database, "SELECT count(*) FROM accounts_user")
    with pytest.raises(CommandError, match="does not carry the demo's mark"):
        call_command("seed")
    assert one(database, "SELECT count(*) FROM accounts_user") == users
    assert one(database, "SELECT count(*) FROM demo_demomark") == 0


@pytest.mark.parametrize("command", ["seed", "trade"])
def test_a_given_database_needs_demo_too(product: StartProcess, database: Database, command: str) -> None:
    """With DATABASE_URL and without DEMO=1: one line, exit code 1, nothing loaded, even where it is empty."""
    process = product(command)
    assert process.wait() == 1
    assert process.output.startswith("CommandError: DATABASE_URL is given, and the demo's passwords are published")
    assert process.output.count("\n") == 1
    assert one(database, "SELECT count(*) FROM accounts_user") == 0


def test_a_database_without_tables_is_told_from_an_empty_one(product: StartProcess, database: Database) -> None:
    """The line says what to run first."""
    database.execute("DROP TABLE demo_demomark")
    process = product("seed", DEMO="1")
    assert process.wait() == 1
    assert process.output == "CommandError: the database has no tables yet: run `manage.py migrate` first\n"


def test_a_database_out_of_reach_is_one_line(processes: StartProcess, product: StartProcess) -> None:
    """No traceback for a server that is not there."""
    process = product("seed", DEMO="1", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert process.wait() == 1
    assert process.output.startswith("tideline: PostgreSQL is out of reach: ")
    assert process.output.count("\n") == 1


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_a_real_database_without_a_secret_key_is_one_line(product: StartProcess, command: str) -> None:
    """Nothing starts on a published key."""
    process = product(command, SECRET_KEY="")
    assert process.wait() == 1
    assert process.output.startswith("tideline: SECRET_KEY is not set: ")
    assert process.output.count("\n") == 1


def test_another_seed_is_another_past(seeded: Database) -> None:
    """The mark remembers which one it was."""
    assert one(seeded, "SELECT seed FROM demo_demomark") == 2026
    assert one(seeded, "SELECT sum(total) FROM orders_order") > Decimal(100_000)


def test_everyone_has_been_told_something(seeded: Database) -> None:
    """Every bell has a few notifications, some of them read; what is unread is of the last day."""
    people = list(User.objects.filter(is_active=True).order_by("pk"))
    assert len(people) == 16
    for user in people:
        told = page_of(user, before=None, limit=100).told
        assert 3 <= len(told) <= 40, user
        assert {True, False} == {each.read for each in told}, user
        unread = [each.notification for each in told if not each.read]
        assert all(timezone.now() - each.created_at < timedelta(days=1, minutes=5) for each in unread), user
        times = [each.notification.created_at for each in told]
        assert times == sorted(times, reverse=True)
    assert one(seeded, "SELECT count(*) FROM notifications_notification WHERE created_at > now()") == 0
    assert one(seeded, "SELECT count(*) FROM notifications_notificationread WHERE read_at > now()") == 0
    links = seeded.execute("SELECT split_part(link, '/', 3) FROM notifications_notification WHERE link ~ '^/ord'")
    assert {number for (number,) in links} <= {
        number for (number,) in seeded.execute("SELECT number FROM orders_order")
    }


def test_staff_are_in_the_roles_that_are_told_things(seeded: Database) -> None:
    """So that the bell of the demo's `staff` rings for stock, and they may move orders on."""
    user = User.objects.get(username="staff")
    assert sorted(group.name for group in user.groups.all()) == ["sales", "warehouse"]
    assert user.has_perm("stock.change_stocklevel")
    assert user.has_perm("orders.change_order")


def test_the_published_key_opens_the_demo(seeded: Database) -> None:
    """It may push notifications, and nothing else."""
    key = find_key(API_TOKEN)
    assert key is not None
    assert key.scopes == ["notifications:write"]
