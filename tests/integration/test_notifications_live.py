"""Notifications live: whoever they are for gets each exactly once, also after an absence, and nobody else does."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from core.accounts.keys import make_key
from core.accounts.models import User
from core.notifications.audience import Audience
from core.notifications.models import Notification
from core.notifications.services.keeping import archive
from core.notifications.services.reading import mark_all_read, mark_read
from core.notifications.services.telling import notify
from tests.conftest import RunningServer, on_every_edge
from tests.support.caller import Caller
from tests.support.databases import Database
from tests.support.people import buyer, sign_in, staff
from tests.support.processes import Process
from tests.support.shop import a_customer

TOPIC = "notifications/mine"
PROMISED_SECONDS = 2.0

StartServer = Callable[..., RunningServer]


@pytest.fixture
def server(database: Database, relay_process: Callable[..., Process], server_process: StartServer) -> RunningServer:
    """A relay and a server."""
    relay_process()
    return server_process()


@contextmanager
def listening(server: RunningServer, *users: User) -> Iterator[list[Caller]]:
    """Connect each of these people, with their notifications open."""
    with ExitStack() as stack:
        callers = [stack.enter_context(Caller(server.ws_url, session=sign_in(user))) for user in users]
        for caller in callers:
            assert caller.subscribe(TOPIC)["type"] == "snapshot"
        yield callers


def all_until(callers: Sequence[Caller], arrived: Callable[[Caller], bool], seconds: float = 5.0) -> None:
    """Let each of these take frames until it has arrived there."""
    for caller in callers:
        caller.until(partial(arrived, caller), seconds)


def titles(caller: Caller) -> set[str]:
    """Return the titles of the notifications that a client has."""
    return {row["title"] for (kind, _), row in caller.rows(TOPIC).items() if kind == "notification"}


def sees(expected: set[str], caller: Caller) -> bool:
    """Tell whether a client has exactly these."""
    return titles(caller) == expected


def unread(caller: Caller) -> set[str]:
    """Return the titles of those that are not read, as the bell counts them."""
    rows = caller.rows(TOPIC)
    read = {row["notification_id"] for (kind, _), row in rows.items() if kind == "notificationread"}
    return {row["title"] for (kind, _), row in rows.items() if kind == "notification" and row["id"] not in read}


def arrivals(caller: Caller) -> Counter[str]:
    """Return how often each title came in a change or a snapshot."""
    come: Counter[str] = Counter()
    for frame in caller.frames:
        for each in [*frame.get("changes", []), *frame.get("rows", [])]:
            if each["kind"] == "notification" and each["row"] is not None:
                come[each["row"]["title"]] += 1
    return come


@on_every_edge
def test_each_audience_is_told_and_no_other(server: RunningServer, database: Database) -> None:
    """Two of one customer, another's, staff with a role, a group that calls itself staff: to each what is theirs."""
    acme, bolt = a_customer(name="Acme"), a_customer(name="Bolt")
    packers, named_staff = Group.objects.create(name="packers"), Group.objects.create(name="staff")
    anna, arno, bert, cleo = buyer("anna", acme), buyer("arno", acme), buyer("bert", bolt), buyer("cleo", None)
    hanne, otto = staff("hanne"), staff("otto")
    hanne.groups.add(packers)
    cleo.groups.add(named_staff)
    with listening(server, anna, arno, bert, cleo, hanne, otto) as callers:
        with transaction.atomic():
            notify(Audience.of_user(anna), "to Anna")
            notify(Audience.of_customer(acme), "to Acme")
            notify(Audience.of_role("packers"), "to packers")
            notify(Audience.of_role("staff"), "to staff")
        database.execute("INSERT INTO notifications_notification (audience, title) VALUES ('everyone', 'to everyone')")
        all_until(callers, lambda caller: "to everyone" in titles(caller))
        theirs = [titles(caller) - {"to everyone"} for caller in callers]
        assert theirs == [
            {"to Anna", "to Acme"},
            {"to Acme"},
            set(),
            set(),
            {"to packers", "to staff"},
            {"to staff"},
        ]
        for caller in callers:
            assert set(arrivals(caller)) == titles(caller), "nobody is sent what is not theirs, not even for a moment"
    assert Notification.objects.count() == 5


@on_every_edge
def test_whoever_is_not_signed_in_is_told_nothing(server: RunningServer) -> None:
    """The topic is forbidden to anonymous clients, and not there for the deactivated."""
    user = staff()
    User.objects.filter(pk=user.pk).update(is_active=False)
    for session in (None, sign_in(user)):
        with Caller(server.ws_url, session=session) as caller:
            assert caller.subscribe(TOPIC)["code"] == "forbidden"


@on_every_edge
@pytest.mark.alone
def test_a_role_counts_from_when_it_is_given_until_it_is_taken(server: RunningServer) -> None:
    """Within two seconds of the commit, on an open connection; a renamed role is another one."""
    user, group = staff(), Group.objects.create(name="packers")
    notify(Audience.of_role("packers"), "before")
    notify(Audience.of_role("movers"), "to movers")
    with listening(server, user) as (caller,):
        assert titles(caller) == set()
        changes: list[tuple[Callable[[], Any], set[str]]] = [
            (lambda: user.groups.add(group), {"before"}),
            (lambda: Group.objects.filter(pk=group.pk).update(name="movers"), {"to movers"}),
            (lambda: user.groups.clear(), set()),
            (lambda: user.groups.add(group), {"to movers"}),
            (lambda: group.delete(), set()),
        ]
        for change, expected in changes:
            change()
            all_until([caller], partial(sees, expected), PROMISED_SECONDS)
        notify(Audience.of_role("packers"), "after")
        notify(Audience.of_user(user), "to me")
        caller.until(lambda: "to me" in titles(caller))
        assert titles(caller) == {"to me"}


def come_back(server: RunningServer, user: User, left: Caller) -> Caller:
    """Return a new connection that goes on from where another one left; the caller of this closes it."""
    caller = Caller(server.ws_url, session=sign_in(user)).__enter__()
    epoch, position = left.known.epoch[TOPIC], left.known.position[TOPIC]
    caller.known.epoch[TOPIC], caller.known.position[TOPIC] = epoch, position
    caller.known.rows[TOPIC] = dict(left.rows(TOPIC))
    caller.send(type="subscribe", topic=TOPIC, cursor={"epoch": epoch, "position": position})
    return caller


@on_every_edge
def test_each_comes_exactly_once_live_and_after_an_absence(
    server: RunningServer, server_process: StartServer, database: Database
) -> None:
    """A server that never saw what was missed reads it from the log; past the log's floor it sends a snapshot."""
    user = staff()
    with listening(server, user) as (first,):
        for number in range(5):
            notify(Audience.of_user(user), f"live {number}")
        first.until(lambda: len(titles(first)) == 5)
        assert set(arrivals(first).values()) == {1}
    for number in range(5):
        notify(Audience.everyone() if number % 2 else Audience.of_role("staff"), f"away {number}")
    mark_read(user, [Notification.objects.get(title="live 0").pk])
    second = come_back(server_process(), user, first)
    with second:
        second.until(lambda: len(titles(second)) == 10)
        assert second.frames[1]["type"] == "resumed"
        assert arrivals(second) == Counter({f"away {number}": 1 for number in range(5)})
        assert "live 0" not in unread(second)
        notify(Audience.of_user(user), "live again")
        second.until(lambda: "live again" in titles(second))
    notify(Audience.of_user(user), "long away")
    with listening(server, user) as (current,):
        current.until(lambda: "long away" in titles(current))
    database.execute("UPDATE realtime_stream SET floor = head WHERE name = 'notifications'")
    with come_back(server_process(), user, second) as third:
        third.until(lambda: "long away" in titles(third))
        assert third.frames[1]["type"] == "snapshot"
        assert (titles(third), unread(third)) == (titles(current), unread(current))
        assert set(arrivals(third).values()) == {1}


@on_every_edge
def test_what_is_rolled_back_is_never_told(server: RunningServer) -> None:
    """The caller's transaction decides."""
    user = staff()
    with listening(server, user) as (caller,):
        with transaction.atomic():
            notify(Audience.of_user(user), "never")
            transaction.set_rollback(True)
        notify(Audience.of_user(user), "now")
        caller.until(lambda: "now" in titles(caller))
        assert set(arrivals(caller)) == {"now"}


@on_every_edge
def test_what_is_read_on_one_device_is_read_on_all(server: RunningServer) -> None:
    """Both connections of the user are in step; another reader of the same row is not touched."""
    user, other = staff("hanne"), staff("otto")
    told = [notify(Audience.everyone(), str(number)) for number in range(4)]
    with listening(server, user, user, other) as (laptop, phone, theirs):
        mark_read(user, [told[0].pk, told[2].pk])
        all_until([laptop, phone], lambda caller: unread(caller) == {"1", "3"})
        mark_all_read(user, up_to=told[2].pk)
        all_until([laptop, phone], lambda caller: unread(caller) == {"3"})
        mark_read(other, [told[3].pk])
        theirs.until(lambda: unread(theirs) == {"0", "1", "2"})
        read_of_others = [
            each
            for frame in theirs.frames
            for each in frame.get("changes", [])
            if each["kind"] == "notificationread" and each["row"] and each["row"]["notification_id"] != told[3].pk
        ]
        assert read_of_others == []
        assert unread(laptop) == {"3"}


@on_every_edge
def test_archived_ones_leave_with_what_says_that_they_were_read(server: RunningServer, database: Database) -> None:
    """The topic holds what is live; nothing of what was archived stays behind."""
    user = staff()
    told = [notify(Audience.everyone(), str(number)) for number in range(3)]
    mark_read(user, [told[0].pk, told[2].pk])
    with listening(server, user) as (caller,):
        assert len(caller.rows(TOPIC)) == 5
        archive(before=told[2].created_at)
        caller.until(lambda: titles(caller) == {"2"})
        assert len(caller.rows(TOPIC)) == 2


@on_every_edge
@pytest.mark.alone
def test_a_push_over_http_rings_for_all_it_is_for(server: RunningServer) -> None:
    """One row; in two tabs of one user and with another user, while the tool is answered."""
    user, other = staff("hanne"), staff("otto")
    _, token = make_key("tool", ["notifications:write"])
    body = json.dumps({"to": {"role": "staff"}, "title": "Lorry at gate 3", "level": "warning", "link": "/stock/"})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with listening(server, user, user, other) as callers:
        with urlopen(Request(f"{server.url}/api/v1/notifications", body.encode(), headers), timeout=30) as answer:
            made, at = json.loads(answer.read())["id"], time.monotonic()
        all_until(callers, lambda caller: "Lorry at gate 3" in titles(caller), PROMISED_SECONDS)
        for caller in callers:
            shown = caller.rows(TOPIC)["notification", str(made)]
            assert shown.keys() == {"id", "title", "body", "level", "link", "audience", "created_at"}
        assert time.monotonic() - at < PROMISED_SECONDS
    assert Notification.objects.count() == 1
