"""Steps of orders over HTTP: who may take them, what comes of them, and what is said when they can't be taken."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from core.accounts.models import User
from core.orders.models import Order, OrderEvent
from core.orders.services.progress import pay, start_picking
from tests.support.databases import Database
from tests.support.people import buyer, staff
from tests.support.shop import a_customer, a_level, an_order, levels_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("database")

SECONDS = 10


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]


def seller(name: str = "hanne") -> User:
    """Make someone who may move orders."""
    user = staff(name)
    user.user_permissions.add(Permission.objects.get(codename="change_order"))
    return user


def browser(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def take(client: Client, order: Order | str, step: str, **more: Any) -> HttpResponse:
    number = order if isinstance(order, str) else order.number
    answer = client.post(f"/api/v1/orders/{number}/steps", {"step": step, **more}, content_type="application/json")
    assert isinstance(answer, HttpResponse)
    return answer


def problem(answer: HttpResponse) -> tuple[int, str]:
    """Return status and detail of a problem."""
    assert answer["Content-Type"] == "application/problem+json"
    content = answer.json()  # type: ignore[attr-defined]
    assert content["status"] == answer.status_code
    return answer.status_code, content["detail"]


def steps_of(order: Order) -> list[tuple[str, str, str]]:
    return list(OrderEvent.objects.filter(order=order).values_list("kind", "message", "actor"))


def test_an_order_is_walked_to_its_end() -> None:
    """Each step answers with the new status, moves the goods, and leaves an event in the name of who took it."""
    level = a_level(100)
    order, client = an_order(level, 30), browser(seller())
    reached = []
    for step in ("pay", "start_picking", "ship", "deliver"):
        answer = take(client, order, step)
        assert answer.status_code == 200
        reached.append(answer.json())  # type: ignore[attr-defined]
    assert reached == [
        {"number": order.number, "status": status} for status in ("paid", "picking", "shipped", "delivered")
    ]
    assert levels_of(level) == (70, 0)
    assert [(kind, actor) for kind, _, actor in steps_of(order)][1:] == [
        (status, "hanne") for status in ("paid", "picking", "shipped", "delivered")
    ]


def test_each_step_tells_the_customer_once(database: Database) -> None:
    """The table tells of the step, whoever takes it; the services add nothing to that."""
    order, client = an_order(), browser(seller())
    for step in ("pay", "start_picking", "ship", "deliver"):
        take(client, order, step)
    told = database.execute("SELECT title FROM notifications_notification WHERE customer_id IS NOT NULL ORDER BY id")
    ways = ("was placed", "was paid", "is being picked", "was shipped", "was delivered")
    assert told == [(f"{order.number} {way}",) for way in ways]


def test_an_order_is_given_up_with_a_reason() -> None:
    """The reason, without the blanks around it, is what the customer reads; the stock is given back."""
    level = a_level(100)
    order = an_order(level, 30)
    answer = take(browser(seller()), order, "cancel", reason="  ordered twice ")
    assert answer.json() == {"number": order.number, "status": "cancelled"}  # type: ignore[attr-defined]
    assert steps_of(order)[-1] == ("cancelled", "ordered twice", "hanne")
    assert levels_of(level) == (100, 0)


def test_a_step_out_of_turn_is_a_conflict_that_says_why() -> None:
    """Nothing is changed; a step that was taken already reads so."""
    order, client = an_order(), browser(seller())
    assert problem(take(client, order, "ship")) == (
        409,
        f"order {order.number} is placed: it can't become shipped from there",
    )
    take(client, order, "pay")
    assert problem(take(client, order, "pay")) == (409, f"order {order.number} is paid already")
    assert [kind for kind, _, _ in steps_of(order)] == ["placed", "paid"]


def test_goods_that_are_gone_are_not_shipped(database: Database) -> None:
    """The conflict names the material, how much is missing, and where; the order waits."""
    level = a_level(100)
    order = start_picking(pay(an_order(level, 10), actor="test"), actor="test")
    database.execute("UPDATE stock_stocklevel SET on_hand = 9")
    status, detail = problem(take(browser(seller()), order, "ship"))
    assert status == 409
    assert all(word in detail for word in (level.material.name, "10", "9.000 kg", level.warehouse.name))
    order.refresh_from_db()
    assert order.status == "picking"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "step"),
        ({"step": "burn"}, "step"),
        ({"step": "pay", "reason": "because"}, "reason"),
        ({"step": "cancel", "reason": "x" * 301}, "reason"),
        ({"step": "pay", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_body_is_told_which_field(body: dict[str, str], field: str) -> None:
    """And the order stays as it is."""
    order = an_order()
    address = f"/api/v1/orders/{order.number}/steps"
    answer = browser(seller()).post(address, body, content_type="application/json")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    order.refresh_from_db()
    assert order.status == "placed"


def test_an_order_that_is_not_there_is_not_found() -> None:
    """By its number, as it was asked for."""
    assert problem(take(browser(seller()), "SO-404", "pay")) == (404, "There is no order SO-404.")


def test_steps_are_for_those_who_may_move_orders() -> None:
    """Not for strangers, not for staff without the permission, and not for the customer whose order it is."""
    customer = a_customer()
    order = an_order(customer=customer)
    assert take(browser(None), order, "pay").status_code == 401
    allowed_buyer = buyer("mara", customer)
    allowed_buyer.user_permissions.add(Permission.objects.get(codename="change_order"))
    for user in (staff(), buyer("felix", customer), allowed_buyer):
        assert problem(take(browser(user), order, "pay"))[0] == 403
    # Nor is one told which orders there are.
    assert problem(take(browser(buyer("luc", a_customer())), "SO-404", "pay"))[0] == 403
    order.refresh_from_db()
    assert order.status == "placed"


def test_another_sites_page_can_not_take_a_step() -> None:
    """Without the CSRF token a session's cookie is worth nothing."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(seller())
    order = an_order()
    assert problem(take(client, order, "pay"))[0] == 403
    order.refresh_from_db()
    assert order.status == "placed"


@pytest.fixture
def pressing() -> Iterator[Callable[..., Any]]:
    """Take a step from a thread of its own; the result is the answer."""

    def press(client: Client, order: Order, step: str) -> HttpResponse:
        try:
            return take(client, order, step)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        yield lambda *call: pool.submit(press, *call)


@pytest.mark.parametrize("steps", [("ship", "ship"), ("ship", "cancel")])
def test_of_two_who_press_at_once_one_is_first(
    pressing: Callable[..., Any], database: Database, steps: tuple[str, str]
) -> None:
    """Both wait for the order; one moves it, the other is told what it has become, and the goods leave once at most."""
    level = a_level(100)
    order = start_picking(pay(an_order(level, 30), actor="test"), actor="test")
    people = [browser(seller("hanne")), browser(seller("ole"))]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.connect(autocommit=False) as holder:
        holder.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [order.pk])
        presses = [pressing(client, order, step) for client, step in zip(people, steps, strict=True)]
        eventually(lambda: database.execute(waiting) == [(2,)], SECONDS, what="both waiting for the order")
        holder.rollback()
    won, lost = sorted((press.result(SECONDS) for press in presses), key=lambda answer: answer.status_code)
    assert won.status_code == 200
    order.refresh_from_db()
    assert won.json()["status"] == order.status
    assert problem(lost)[0] == 409
    assert problem(lost)[1].startswith(f"order {order.number} is {order.status}")
    assert len(steps_of(order)) == 4
    assert levels_of(level) == ((70, 0) if order.status == "shipped" else (100, 0))


def test_the_board_is_for_staff_and_shows_buttons_to_those_who_may_move_orders() -> None:
    """A customer is refused; strangers are asked to sign in; `board` is no order's number."""
    assert browser(None).get("/orders/board/")["Location"] == "/sign-in/?next=/orders/board/"
    assert browser(buyer("mara", a_customer())).get("/orders/board/").status_code == 403
    looking, moving = browser(staff()).get("/orders/board/"), browser(seller()).get("/orders/board/")
    assert (looking.status_code, moving.status_code) == (200, 200)
    assert "data-may-move" not in looking.content.decode()
    assert "data-may-move" in moving.content.decode()
