"""Signing out, a new password and another role, as sockets on two server processes feel them within two seconds."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group

from core.notifications.models import AudienceKind, Notification
from tests.conftest import RunningServer, on_every_edge
from tests.support.caller import Caller
from tests.support.databases import Database
from tests.support.people import buyer, staff
from tests.support.processes import Process
from tests.support.visitor import Visitor

PROMISED_SECONDS = 2.0


@dataclass(frozen=True)
class Pair:
    """Two server processes on one database."""

    one: RunningServer
    other: RunningServer

    def sockets(self, visitor: Visitor) -> tuple[Caller, Caller]:
        """Return a socket on each server, of a browser's session."""
        return Caller(self.one.ws_url, session=visitor.session), Caller(self.other.ws_url, session=visitor.session)


@pytest.fixture
def pair(
    database: Database, relay_process: Callable[..., Process], server_process: Callable[..., RunningServer]
) -> Pair:
    """A relay and two servers."""
    relay_process()
    return Pair(server_process(), server_process())


def arrived(server: RunningServer, name: str, password: str = "demo-only") -> Visitor:
    """Return a browser in which someone has signed in at this server."""
    visitor = Visitor(server.url)
    assert visitor.sign_in(name, password) == 302
    return visitor


def who(server: RunningServer, visitor: Visitor) -> str | None:
    """Return whom the server welcomes with the session that the browser has now."""
    with Caller(server.ws_url, session=visitor.session) as caller:
        name: str | None = caller.wait(lambda frame: frame["type"] == "welcome")["user"]
        return name


def titles(caller: Caller) -> list[str]:
    """Return the titles of the notifications that a socket knows."""
    return [row["title"] for (kind, _), row in caller.rows("notifications/mine").items() if kind == "notification"]


@on_every_edge
@pytest.mark.alone
def test_signing_out_ends_the_sockets_of_that_session_everywhere(pair: Pair) -> None:
    """On both servers, within two seconds; another browser of the same user stays."""
    staff("boss")
    leaving, staying = arrived(pair.one, "boss"), arrived(pair.other, "boss")
    here, there = pair.sockets(leaving)
    still, _ = pair.sockets(staying)
    with here, there, still:
        for caller in (here, there, still):
            caller.subscribe("stock")
        assert leaving.sign_out() == 302
        assert here.closed(PROMISED_SECONDS)[0] == 4501
        assert there.closed(PROMISED_SECONDS)[0] == 4501
        assert still.ask(type="ping")["type"] == "pong"
    assert who(pair.other, staying) == "boss"


@on_every_edge
@pytest.mark.alone
def test_a_new_password_ends_all_other_sessions_and_keeps_ones_own(pair: Pair) -> None:
    """The others' sockets close on both servers within two seconds; the browser that changed it goes on."""
    staff("boss")
    changing, other = arrived(pair.one, "boss"), arrived(pair.other, "boss")
    here, there = pair.sockets(other)
    with here, there:
        for caller in (here, there):
            caller.subscribe("stock")
        status, _ = changing.submit(
            "/password/", old_password="demo-only", new_password1="ebb-and-flow-7", new_password2="ebb-and-flow-7"
        )
        assert status == 302
        assert here.closed(PROMISED_SECONDS)[0] == 4501
        assert there.closed(PROMISED_SECONDS)[0] == 4501
    assert who(pair.one, other) is None
    assert who(pair.other, changing) == "boss"
    assert changing.get("/password/changed/")[0] == 200
    assert arrived(pair.other, "boss", "ebb-and-flow-7").session


@on_every_edge
@pytest.mark.alone
def test_another_role_is_felt_by_open_sockets(pair: Pair) -> None:
    """Within two seconds whoever is given a role sees what is said to it, and whoever loses it sees it no more."""
    user, role = buyer("anna", None), Group.objects.create(name="night shift")
    Notification.objects.create(audience=AudienceKind.ROLE, role=role.name, title="The gate stays open")
    here, there = pair.sockets(arrived(pair.one, "anna"))
    with here, there:
        for caller in (here, there):
            caller.subscribe("notifications/mine")
            assert titles(caller) == []
        for change, expected in ((user.groups.add, ["The gate stays open"]), (user.groups.remove, [])):
            change(role)
            for caller in (here, there):
                caller.until(lambda c=caller, e=expected: titles(c) == e, PROMISED_SECONDS)  # type: ignore[misc]
