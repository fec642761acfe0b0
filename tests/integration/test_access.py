"""P5: who may see what, at subscribe, on resume, and within two seconds of losing a right."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.utils import timezone

from core.accounts.models import Customer, User
from core.orders.models import Order
from core.stock.models import Warehouse
from tests.conftest import RunningServer, on_every_edge
from tests.support.caller import Caller, Frame
from tests.support.databases import Database
from tests.support.people import buyer, sign_in, staff
from tests.support.processes import Process

PROMISED_SECONDS = 2.0


@pytest.fixture
def server(
    database: Database, relay_process: Callable[..., Process], server_process: Callable[..., RunningServer]
) -> RunningServer:
    """A relay and a server."""
    relay_process()
    return server_process()


def order(number: str, customer: Customer) -> Order:
    """Make an order that was placed."""
    return Order.objects.create(number=number, customer=customer, customer_name=customer.name, status="placed")


def numbers(caller: Caller, topic: str = "orders/mine") -> set[str]:
    """Return the numbers of the orders that a client sees."""
    return {row["number"] for (kind, _), row in caller.rows(topic).items() if kind == "order"}


@on_every_edge
@pytest.mark.alone
def test_who_is_signed_in_no_longer_is_closed(server: RunningServer) -> None:
    """Signing out, expiry, deactivation and a new password close with 4501; everyone else stays."""
    ends: dict[str, Callable[[User, str], Any]] = {
        "out": lambda user, key: Session.objects.get(session_key=key).delete(),
        "expired": lambda user, key: Session.objects.filter(session_key=key).update(
            expire_date=timezone.now() - timedelta(seconds=1)
        ),
        "inactive": lambda user, key: User.objects.filter(pk=user.pk).update(is_active=False),
        "password": lambda user, key: User.objects.filter(pk=user.pk).update(password=make_password("another")),
    }
    with Caller(server.ws_url, session=sign_in(staff("stays"))) as stays:
        stays.subscribe("stock")
        for name, end in ends.items():
            user = staff(name)
            key = sign_in(user)
            with Caller(server.ws_url, session=key) as caller:
                caller.subscribe("stock")
                end(user, key)
                assert caller.closed(PROMISED_SECONDS)[0] == 4501, name
            with Caller(server.ws_url, session=key) as caller:
                assert caller.wait(lambda _: True)["user"] is None, name
        Warehouse.objects.create(code="HAM")
        stays.until(lambda: len(stays.rows("stock")) == 1)


@on_every_edge
@pytest.mark.alone
def test_a_lost_role_revokes_its_topics_alone(server: RunningServer) -> None:
    """Someone who no longer works here loses the stock, and keeps what is public."""
    user = staff()
    Warehouse.objects.create(code="HAM")
    with Caller(server.ws_url, session=sign_in(user)) as caller:
        caller.subscribe("stock")
        caller.subscribe("materials")
        User.objects.filter(pk=user.pk).update(is_staff=False)
        revoked = caller.wait(lambda frame: frame["type"] == "unsubscribed", PROMISED_SECONDS)
        assert revoked == {"type": "unsubscribed", "topic": "stock", "code": "revoked"}
        assert caller.ask(type="subscribe", topic="stock")["code"] == "forbidden"
        assert caller.ask(type="unsubscribe", topic="materials")["type"] == "unsubscribed"


@on_every_edge
@pytest.mark.alone
def test_another_customer_gives_another_view(server: RunningServer) -> None:
    """`orders/mine` of someone who changed sides: the other's orders replace the first one's, or none are left."""
    acme, bolt = Customer.objects.create(name="Acme"), Customer.objects.create(name="Bolt")
    order("A-1", acme)
    order("B-1", bolt)
    user = buyer("anna", acme)
    with Caller(server.ws_url, session=sign_in(user)) as caller:
        caller.subscribe("orders/mine")
        assert numbers(caller) == {"A-1"}
        User.objects.filter(pk=user.pk).update(customer=bolt)
        pushed = caller.wait(lambda frame: frame["type"] == "snapshot" and "id" not in frame, PROMISED_SECONDS)
        assert pushed["topic"] == "orders/mine"
        assert numbers(caller) == {"B-1"}
        order("B-2", bolt)
        caller.until(lambda: numbers(caller) == {"B-1", "B-2"})
        User.objects.filter(pk=user.pk).update(customer=None)
        caller.wait(lambda frame: frame.get("code") == "revoked", PROMISED_SECONDS)
        assert "orders/mine" not in caller.known.rows


@on_every_edge
def test_customers_see_their_own_orders_alone(server: RunningServer) -> None:
    """Changes reach those whose order it is; a reassigned one leaves here by its key, and comes whole to the other."""
    acme, bolt = Customer.objects.create(name="Acme"), Customer.objects.create(name="Bolt")
    first = order("A-1", acme)
    with (
        Caller(server.ws_url, session=sign_in(buyer("anna", acme))) as anna,
        Caller(server.ws_url, session=sign_in(buyer("bert", bolt))) as bert,
        Caller(server.ws_url, session=sign_in(buyer("cleo", None))) as cleo,
        Caller(server.ws_url, session=sign_in(staff())) as works_here,
    ):
        for caller in (anna, bert):
            assert caller.subscribe("orders/mine")["type"] == "snapshot"
        works_here.subscribe("orders")
        assert anna.subscribe("orders/A-1")["type"] == "snapshot"
        assert cleo.subscribe("orders/mine")["code"] == "forbidden"
        unknown = [bert.subscribe("orders/A-1"), bert.subscribe("orders/A-9")]
        assert [frame["code"] for frame in unknown] == ["unknown_topic"] * 2
        assert unknown[0]["message"].replace("A-1", "A-9") == unknown[1]["message"]

        Order.objects.filter(pk=first.pk).update(customer=bolt, customer_name="Bolt")
        gone = anna.wait(lambda frame: frame.get("topic") == "orders/mine" and frame["type"] == "changes")
        assert gone["changes"] == [{"kind": "order", "key": str(first.pk), "row": None}]
        come = bert.wait(lambda frame: frame["type"] == "changes")
        assert [(each["key"], each["row"]["number"]) for each in come["changes"]] == [(str(first.pk), "A-1")]
        if "orders/A-1" in anna.known.rows:
            anna.until(lambda: "orders/A-1" not in anna.known.rows)
        assert bert.subscribe("orders/A-1")["type"] == "snapshot"
        works_here.until(lambda: any(row["customer_name"] == "Bolt" for row in works_here.rows("orders").values()))

        order("A-2", acme)
        anna.until(lambda: numbers(anna) == {"A-2"})
        order("B-2", bolt)
        bert.until(lambda: numbers(bert) == {"A-1", "B-2"})
        sent_to_anna = [frame for frame in anna.frames if "Bolt" in str(frame)]
        assert sent_to_anna == []


def resume(server: RunningServer, session: str, topic: str, epoch: str, position: int) -> Frame:
    """Come back with a cursor, and return the answer."""
    with Caller(server.ws_url, session=session) as caller:
        identifier = caller.send(type="subscribe", topic=topic, cursor={"epoch": epoch, "position": position})
        caller.known.epoch[topic], caller.known.position[topic], caller.known.rows[topic] = epoch, position, {}
        return caller.wait(lambda frame: frame.get("id") == identifier)


@on_every_edge
def test_a_cursor_serves_only_where_it_was_given(server: RunningServer, database: Database) -> None:
    """Another user, another customer, the future or a dead epoch: a snapshot, and no effect on anyone else."""
    acme, bolt = Customer.objects.create(name="Acme"), Customer.objects.create(name="Bolt")
    order("A-1", acme)
    order("B-1", bolt)
    user = buyer("anna", acme)
    hers, his = sign_in(user), sign_in(buyer("arno", acme))
    with Caller(server.ws_url, session=his) as undisturbed:
        undisturbed.subscribe("orders/mine")
        with Caller(server.ws_url, session=hers) as caller:
            given = caller.subscribe("orders/mine")
        epoch, position = given["epoch"], given["position"]
        assert resume(server, hers, "orders/mine", epoch, position)["type"] == "resumed"
        assert resume(server, his, "orders/mine", epoch, position)["type"] == "snapshot"
        ahead = resume(server, hers, "orders/mine", epoch, position + 1_000_000)
        assert (ahead["type"], ahead["position"]) == ("snapshot", position)
        assert resume(server, hers, "orders/mine", epoch, 10**30)["type"] == "snapshot"
        assert resume(server, hers, "orders/mine", "dead", position)["type"] == "snapshot"
        User.objects.filter(pk=user.pk).update(customer=bolt)
        after = resume(server, hers, "orders/mine", epoch, position)
        assert (after["type"], [each["row"]["number"] for each in after["rows"]]) == ("snapshot", ["B-1"])
        order("A-2", acme)
        undisturbed.until(lambda: numbers(undisturbed) == {"A-1", "A-2"})
        assert [frame["type"] for frame in undisturbed.frames] == ["welcome", "snapshot", "changes"]


@on_every_edge
@pytest.mark.alone
def test_when_identities_cannot_be_checked_nothing_is_shown(server: RunningServer, database: Database) -> None:
    """Sessions older than 1.5 s since their check are held; nobody is closed, and all is shown after the next check."""
    with Caller(server.ws_url, session=sign_in(staff())) as caller, Caller(server.ws_url) as anonymous:
        caller.subscribe("materials")
        anonymous.subscribe("materials")
        database.execute("ALTER TABLE django_session RENAME TO out_of_reach")
        # An anonymous client has nothing to be signed out of: it shows that changes come through, and when.
        began = time.monotonic()
        while time.monotonic() - began < PROMISED_SECONDS:
            touch(database, anonymous)
        assert caller.ask(type="ping")["type"] == "pong"
        shown = caller.known.position["materials"]
        for _ in range(3):
            touch(database, anonymous)
        assert caller.ask(type="ping")["type"] == "pong"
        assert caller.known.position["materials"] == shown
        database.execute("ALTER TABLE out_of_reach RENAME TO django_session")
        caller.until(lambda: caller.known.position["materials"] >= anonymous.known.position["materials"])
        assert caller.rows("materials") == anonymous.rows("materials")


def touch(database: Database, watching: Caller) -> None:
    """Change a material, and wait until a client has seen it."""
    before = watching.known.position["materials"]
    database.execute(
        "INSERT INTO catalogue_material (slug, name, category, form, grade, price_per_kg, density_kg_per_m3)"
        " VALUES (%s, 'n', 'c', 'f', 'g', 1, 1)",
        f"m-{time.monotonic_ns()}",
    )
    watching.until(lambda: watching.known.position["materials"] > before)
