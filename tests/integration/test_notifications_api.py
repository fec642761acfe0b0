"""Tools push notifications over HTTP, and pages list them: every refusal names its field, nothing is made twice."""

import json
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client

from core.accounts.keys import make_key
from core.accounts.models import User
from core.errors import NotEnoughStock
from core.notifications.api import Push
from core.notifications.audience import Audience
from core.notifications.models import IdempotencyKey, Notification, NotificationRead
from core.notifications.services.pushing import push
from core.notifications.services.telling import notify
from tests.support.databases import Database
from tests.support.people import buyer, sign_in, staff
from tests.support.shop import a_customer, a_user
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("database")

ADDRESS = "/api/v1/notifications"


class Tool:
    """A program with a key of its own."""

    def __init__(self, name: str = "warehouse robot") -> None:
        self.key, self.token = make_key(name, ["notifications:write"])
        self.client = Client()

    def push(self, body: Any, **headers: str) -> Any:
        """Push, and return the response."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(
            ADDRESS,
            content,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}", **named},
        )


@pytest.fixture
def tool(database: Database) -> Tool:
    """A tool that may push."""
    return Tool()


def only() -> Notification:
    """Return the only notification there is."""
    return Notification.objects.get()


def problem(response: Any) -> tuple[int, list[str]]:
    """Return status and the fields at fault of a problem."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    content = response.json()
    assert content["status"] == response.status_code
    assert content["detail"]
    return response.status_code, [error["field"] for error in content.get("errors", [])]


def test_a_tool_tells_somebody_something(tool: Tool) -> None:
    """201 with the id and where it is; all that was said is kept, nothing else is."""
    user = staff("hanne")
    said = {"title": "Lorry at gate 3", "body": "It waits.\nSince 8.", "level": "warning", "link": "/orders/SO-1/?a=b"}
    response = tool.push({"to": {"user": "hanne"}, **said})
    assert response.status_code == 201
    assert response.json() == {"id": only().pk}
    assert response.headers["Location"] == f"{ADDRESS}/{only().pk}"
    assert "Idempotency-Replayed" not in response.headers
    assert {name: getattr(only(), name) for name in said} == said
    assert (only().audience, only().user, only().about, only().archived) == ("user", user, "", False)


def test_every_audience_can_be_named(tool: Tool) -> None:
    """A user by username, a customer by name or number, a role by its group's name, staff, everyone: one row each."""
    user, customer, numbered = staff("hanne"), a_customer(name="Acme"), a_customer(name="12")
    Group.objects.create(name="packers")
    expected = [
        ({"user": "hanne"}, ("user", user.pk, None, "")),
        ({"customer": "Acme"}, ("customer", None, customer.pk, "")),
        ({"customer": customer.pk}, ("customer", None, customer.pk, "")),
        ({"customer": str(customer.pk)}, ("customer", None, customer.pk, "")),
        ({"customer": "12"}, ("customer", None, numbered.pk, "")),
        ({"role": "packers"}, ("role", None, None, "packers")),
        ({"role": "staff"}, ("role", None, None, "staff")),
        ("everyone", ("everyone", None, None, "")),
    ]
    for to, _ in expected:
        assert tool.push({"to": to, "title": "Hello"}).status_code == 201, to
    rows = Notification.objects.order_by("pk").values_list("audience", "user_id", "customer_id", "role")
    assert list(rows) == [row for _, row in expected]


GOOD: dict[str, Any] = {"to": "everyone", "title": "Hello"}

BAD: dict[str, tuple[Any, int, list[str]]] = {
    "no JSON": ("{", 400, []),
    "no UTF-8": (b'{"title": "\xff"}', 400, []),
    "no object": ([1], 422, ["body"]),
    "nothing": ({}, 422, ["to", "title"]),
    "unknown field": ({**GOOD, "colour": "red"}, 422, ["colour"]),
    "nobody": ({**GOOD, "to": {}}, 422, ["to"]),
    "null": ({**GOOD, "to": None}, 422, ["to"]),
    "two": ({**GOOD, "to": {"user": "a", "role": "staff"}}, 422, ["to"]),
    "another word": ({**GOOD, "to": "all"}, 422, ["to"]),
    "a list": ({**GOOD, "to": ["everyone"]}, 422, ["to"]),
    "unknown audience": ({**GOOD, "to": {"group": "staff"}}, 422, ["to.group"]),
    "unknown user": ({**GOOD, "to": {"user": "nobody"}}, 422, ["to.user"]),
    "user by number": ({**GOOD, "to": {"user": 1}}, 422, ["to.user"]),
    "no username": ({**GOOD, "to": {"user": ""}}, 422, ["to.user"]),
    "unknown customer": ({**GOOD, "to": {"customer": "Nobody"}}, 422, ["to.customer"]),
    "unknown number": ({**GOOD, "to": {"customer": 10**30}}, 422, ["to.customer"]),
    "negative number": ({**GOOD, "to": {"customer": -1}}, 422, ["to.customer"]),
    "customer true": ({**GOOD, "to": {"customer": True}}, 422, ["to.customer"]),
    "customer 1.5": ({**GOOD, "to": {"customer": 1.5}}, 422, ["to.customer"]),
    "unknown role": ({**GOOD, "to": {"role": "pilots"}}, 422, ["to.role"]),
    "no role": ({**GOOD, "to": {"role": ""}}, 422, ["to.role"]),
    "no title": ({**GOOD, "title": ""}, 422, ["title"]),
    "blank title": ({**GOOD, "title": " \t"}, 422, ["title"]),
    "long title": ({**GOOD, "title": "x" * 121}, 422, ["title"]),
    "title of lines": ({**GOOD, "title": "a\nb"}, 422, ["title"]),
    "title with NUL": ({**GOOD, "title": "a\0b"}, 422, ["title"]),
    "half a character": (r'{"to": "everyone", "title": "\ud800"}', 422, ["title"]),
    "title 5": ({**GOOD, "title": 5}, 422, ["title"]),
    "long body": ({**GOOD, "body": "x" * 2_001}, 422, ["body"]),
    "body null": ({**GOOD, "body": None}, 422, ["body"]),
    "body with escape": ({**GOOD, "body": "\x1b[31m"}, 422, ["body"]),
    "unknown level": ({**GOOD, "level": "fatal"}, 422, ["level"]),
    "relative link": ({**GOOD, "link": "orders"}, 422, ["link"]),
    "script": ({**GOOD, "link": "javascript:alert(1)"}, 422, ["link"]),
    "other host": ({**GOOD, "link": "//evil.example"}, 422, ["link"]),
    "other host, backslash": ({**GOOD, "link": "/\\evil.example"}, 422, ["link"]),
    "other host, tab": ({**GOOD, "link": "/\t/evil.example"}, 422, ["link"]),
    "http": ({**GOOD, "link": "http://shop.example"}, 422, ["link"]),
    "no host": ({**GOOD, "link": "https://"}, 422, ["link"]),
    "data": ({**GOOD, "link": "data:text/html,x"}, 422, ["link"]),
    "link with space": ({**GOOD, "link": "/a b"}, 422, ["link"]),
    "link with line break": ({**GOOD, "link": "/a\n"}, 422, ["link"]),
    "long link": ({**GOOD, "link": "/" + "x" * 2_000}, 422, ["link"]),
    "several": ({"to": {"user": 1}, "title": "", "level": 3}, 422, ["to.user", "title", "level"]),
}


@pytest.mark.parametrize(("body", "status", "fields"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(tool: Tool, body: Any, status: int, fields: list[str]) -> None:
    """A problem with the fields at fault, and nothing is made; the idempotency key is free for the next try."""
    assert problem(tool.push(body, Idempotency_Key="k")) == (status, fields)
    assert not Notification.objects.exists()
    assert tool.push(GOOD, Idempotency_Key="k").status_code == 201


@pytest.mark.parametrize("link", ["", "/", "/stock/?low=on#a", "https://shop.example", "https://a.example/x?y=//z"])
def test_links_that_are_safe_are_kept(tool: Tool, link: str) -> None:
    """A path of this site, or an https URL."""
    assert tool.push({**GOOD, "link": link}).status_code == 201
    assert only().link == link


def test_who_may_push(tool: Tool) -> None:
    """Only a key in force with the scope; a session does not do."""
    user = staff()
    client = Client()
    client.cookies["sessionid"] = sign_in(user)
    for headers in ({}, {"Authorization": "Bearer tl_00000000_" + "x" * 43}, {"Authorization": "Basic eA=="}):
        response = client.post(ADDRESS, json.dumps(GOOD), content_type="application/json", headers=headers)
        assert problem(response) == (401, [])
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert not Notification.objects.exists()


def test_the_same_key_makes_one_notification(tool: Tool) -> None:
    """A repetition is answered with the same id and says so; how its JSON is written does not matter."""
    first = tool.push(GOOD, Idempotency_Key="order-7-shipped")
    again = tool.push('{ "title":"Hello",\n "to": "everyone", "level": "info" }', Idempotency_Key="order-7-shipped")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() == {"id": only().pk}
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_key_is_for_one_notification_of_one_tool(tool: Tool) -> None:
    """Another body is refused with the header named; another tool's key of the same text is another key."""
    tool.push(GOOD, Idempotency_Key="k")
    refused = tool.push({**GOOD, "title": "Something else"}, Idempotency_Key="k")
    assert problem(refused) == (422, ["Idempotency-Key"])
    other = Tool("another tool").push({**GOOD, "title": "Something else"}, Idempotency_Key="k")
    assert other.status_code == 201
    assert Notification.objects.count() == 2
    assert tool.push(GOOD).json() != tool.push(GOOD).json()


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "tab\there", "é"])
def test_keys_are_visible_ascii(tool: Tool, key: str) -> None:
    """1 to 200 characters; anything else names the header."""
    assert problem(tool.push(GOOD, Idempotency_Key=key)) == (422, ["Idempotency-Key"])
    assert tool.push(GOOD, Idempotency_Key="!~" * 100).status_code == 201


def test_a_repetition_after_the_recipient_is_gone_is_told_of_the_same(tool: Tool) -> None:
    """What was asked for counts, not what would come of it now."""
    group = Group.objects.create(name="packers")
    body = {"to": {"role": "packers"}, "title": "Hello"}
    first = tool.push(body, Idempotency_Key="k")
    group.delete()
    assert tool.push(body, Idempotency_Key="k").json() == first.json()
    assert problem(tool.push(body, Idempotency_Key="k2")) == (422, ["to.role"])
    assert IdempotencyKey.objects.count() == 1


class Browser:
    """Somebody's page."""

    def __init__(self, user: User) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.client.cookies["sessionid"] = sign_in(user)
        self.client.cookies["csrftoken"] = self.token = "c" * 32

    def get(self, address: str = ADDRESS, **query: Any) -> Any:
        """Ask."""
        return self.client.get(address, query)

    def read(self, **body: Any) -> Any:
        """Note what was read."""
        return self.client.post(
            f"{ADDRESS}/read", json.dumps(body), content_type="application/json", headers={"X-CSRFToken": self.token}
        )


def titles(page: Any) -> list[str]:
    """Return the titles on a page, in order."""
    return [each["title"] for each in page.json()["notifications"]]


def test_a_list_holds_all_that_somebody_was_told(database: Database) -> None:
    """Through every audience that is theirs and no other, newest first, archived ones too, with what they have read."""
    acme, bolt = a_customer(), a_customer()
    anna, bert = buyer("anna", acme), buyer("bert", bolt)
    told = [
        notify(Audience.of_user(anna), "to Anna", body="b", level="error", link="/x/"),
        notify(Audience.of_user(bert), "to Bert"),
        notify(Audience.of_customer(acme), "to Acme"),
        notify(Audience.of_customer(bolt), "to Bolt"),
        notify(Audience.of_role("staff"), "to staff"),
        notify(Audience.everyone(), "to everyone"),
    ]
    database.execute("UPDATE notifications_notification SET archived = true WHERE id = %s", told[2].pk)
    page = Browser(anna)
    assert page.read(ids=[each.pk for each in told[:2]]).json() == {"noted": 1}
    answer = page.get()
    assert titles(answer) == ["to everyone", "to Acme", "to Anna"]
    assert answer.json()["next"] is None
    assert [(each["read"], each["archived"]) for each in answer.json()["notifications"]] == [
        (False, False),
        (True, True),
        (True, False),
    ]
    shown = answer.json()["notifications"][2]
    assert shown | {"created_at": ""} == {
        "id": told[0].pk,
        "title": "to Anna",
        "body": "b",
        "level": "error",
        "link": "/x/",
        "audience": "user",
        "archived": False,
        "read": True,
        "created_at": "",
    }
    assert page.get(f"{ADDRESS}/{told[0].pk}").json() == shown
    assert problem(page.get(f"{ADDRESS}/{told[1].pk}")) == (404, [])
    assert problem(page.get(f"{ADDRESS}/{10**9}")) == (404, [])
    assert titles(Browser(bert).get()) == ["to everyone", "to Bolt", "to Bert"]


def test_pages_follow_each_other_without_a_gap() -> None:
    """Each page says where the next one begins; what comes meanwhile stands before the first."""
    user = staff()
    page = Browser(user)
    for number in range(7):
        notify(Audience.of_user(user) if number % 2 else Audience.everyone(), str(number))
    seen, before = [], None
    while True:
        answer = page.get(limit=3, **({} if before is None else {"before": before}))
        seen += titles(answer)
        notify(Audience.everyone(), "later")
        before = answer.json()["next"]
        if before is None:
            break
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert titles(page.get(before=1)) == []


def test_all_up_to_leaves_later_ones_unread() -> None:
    """What came after the page was drawn is not read; what is archived is no news and gets no row."""
    user, other = staff(), a_user()
    first, second = notify(Audience.everyone(), "1"), notify(Audience.of_user(user), "2")
    Notification.objects.filter(pk=first.pk).update(archived=True)
    theirs = notify(Audience.of_user(other), "other")
    third = notify(Audience.everyone(), "3")
    later = notify(Audience.everyone(), "4")
    page = Browser(user)
    assert page.read(all_up_to=third.pk).json() == {"noted": 2}
    assert page.read(all_up_to=third.pk).json() == {"noted": 0}
    noted = NotificationRead.objects.values_list("notification_id", flat=True)
    assert sorted(noted) == [second.pk, third.pk]
    assert {theirs.pk, later.pk}.isdisjoint(noted)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["body"]),
        ({"ids": [1], "all_up_to": 1}, ["body"]),
        ({"ids": "1"}, ["ids"]),
        ({"ids": [0]}, ["ids.0"]),
        ({"ids": [2**63]}, ["ids.0"]),
        ({"ids": list(range(1, 1_002))}, ["ids"]),
        ({"all_up_to": 2**63}, ["all_up_to"]),
        ({"all": 1}, ["all"]),
    ],
)
def test_reading_names_what_is_wrong(body: Any, fields: list[str]) -> None:
    """A problem with the fields at fault."""
    assert problem(Browser(staff()).read(**body)) == (422, fields)


@pytest.mark.parametrize(
    ("query", "field"), [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"before": "x"}, "before")]
)
def test_lists_name_what_is_wrong(query: Any, field: str) -> None:
    """A problem with the parameter at fault."""
    assert problem(Browser(staff()).get(**query)) == (422, [field])


def test_an_empty_list_of_ids_is_no_error() -> None:
    """There was nothing to note."""
    assert Browser(staff()).read(ids=[]).json() == {"noted": 0}


def test_nobody_reads_without_a_session_or_token() -> None:
    """401 without a session, 403 without the CSRF token; a key of a tool opens no list."""
    assert problem(Client().get(ADDRESS)) == (401, [])
    page = Browser(staff())
    page.token = "wrong"
    assert problem(page.read(ids=[1])) == (403, [])
    tool = Tool()
    assert problem(Client().get(ADDRESS, headers={"Authorization": f"Bearer {tool.token}"})) == (401, [])


def asking(tool: Tool, answers: list[Any], body: Any) -> Thread:
    """Push with the key `k` in a thread of its own."""

    def ask() -> None:
        try:
            answers.append(tool.push(body, Idempotency_Key="k"))
        finally:
            connection.close()

    thread = Thread(target=ask)
    thread.start()
    return thread


def waiting(database: Database) -> bool:
    """Tell whether somebody waits for another transaction's idempotency key."""
    return bool(
        database.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
            "AND query LIKE 'INSERT INTO notifications_idempotencykey%'"
        )
    )


@pytest.mark.parametrize("outcome", ["same", "other", "fails"])
def test_of_two_at_once_with_one_key_one_makes_it(tool: Tool, database: Database, outcome: str) -> None:
    """The second comes while the first is under way: it waits, and is told of the same, or makes it if that failed."""
    answers: list[Any] = []
    asked = Push(**GOOD)
    thread: Thread | None = None

    def tell_slowly() -> Notification:
        nonlocal thread
        notification = asked.tell()
        thread = asking(tool, answers, {**GOOD, "title": "Else"} if outcome == "other" else GOOD)
        eventually(lambda: waiting(database))
        if outcome == "fails":
            raise NotEnoughStock("whatever the caller did failed")
        return notification

    with suppress(NotEnoughStock):
        push(tell_slowly, api_key=tool.key, key="k", asked=asked.dict())
    assert thread is not None
    thread.join(10)
    (answer,) = answers
    if outcome == "other":
        assert problem(answer) == (422, ["Idempotency-Key"])
    else:
        assert answer.json() == {"id": only().pk}
        assert answer.headers.get("Idempotency-Replayed") == ("true" if outcome == "same" else None)
    assert only().title == "Hello"
    assert IdempotencyKey.objects.get().notification == only()


def test_many_at_once_with_one_key_make_one(tool: Tool) -> None:
    """However they interleave: one row, one id, and all but one are told that it is a repetition."""
    answers: list[Any] = []
    threads = [asking(tool, answers, GOOD) for _ in range(8)]
    for thread in threads:
        thread.join(20)
    assert {answer.json()["id"] for answer in answers} == {only().pk}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


def test_a_key_and_its_notification_are_rolled_back_together(tool: Tool) -> None:
    """Within a larger transaction that fails, neither is left, and the key can be used again."""
    asked = Push(**GOOD)
    with transaction.atomic():
        assert not push(asked.tell, api_key=tool.key, key="k", asked=asked.dict()).replayed
        transaction.set_rollback(True)
    assert not Notification.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert "Idempotency-Replayed" not in tool.push(GOOD, Idempotency_Key="k").headers
