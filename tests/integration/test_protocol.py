"""The wire protocol over real sockets, servers and processes: replies, errors and close codes."""

import json
from collections.abc import Callable

import pytest

from core.accounts.models import Customer
from core.stock.models import Warehouse
from tests.conftest import RunningServer, on_every_edge
from tests.support.caller import Caller
from tests.support.databases import Database
from tests.support.people import buyer, sign_in, staff
from tests.support.processes import Process


@pytest.fixture
def server(
    database: Database, relay_process: Callable[..., Process], server_process: Callable[..., RunningServer]
) -> RunningServer:
    """A relay and a server."""
    relay_process()
    return server_process()


@on_every_edge
def test_a_conversation(server: RunningServer, database: Database) -> None:
    """Welcome, snapshot, changes, resume from the cursor, ping, unsubscribe: as the protocol says, in order."""
    Warehouse.objects.create(code="HAM", name="Hamburg", city="Hamburg")
    session = sign_in(staff())
    with Caller(server.ws_url, session=session) as caller:
        welcome = caller.wait(lambda _: True)
        assert (welcome["type"], welcome["protocol"], welcome["user"]) == ("welcome", 1, "staff")
        snapshot = caller.subscribe("stock")
        assert snapshot["type"] == "snapshot"
        assert [row["row"]["code"] for row in snapshot["rows"]] == ["HAM"]
        database.execute("UPDATE stock_warehouse SET name = 'Port'")
        changes = caller.wait(lambda frame: frame["type"] == "changes")
        assert [change["row"]["name"] for change in changes["changes"]] == ["Port"]
        assert caller.ask(type="ping") == {"type": "pong", "id": 2}
        assert caller.ask(type="unsubscribe", topic="stock") == {"type": "unsubscribed", "topic": "stock", "id": 3}
    database.execute("UPDATE stock_warehouse SET name = 'Harbour'")
    with Caller(server.ws_url, session=session) as caller:
        caller.known.epoch["stock"], caller.known.position["stock"] = snapshot["epoch"], changes["position"]
        caller.known.rows["stock"] = {}
        cursor = {"epoch": snapshot["epoch"], "position": changes["position"]}
        resumed = caller.subscribe("stock", cursor=cursor)
        assert resumed == {"type": "resumed", "id": 1, "topic": "stock", **cursor}
        missed = caller.wait(lambda frame: frame["type"] == "changes")
        assert [change["row"]["name"] for change in missed["changes"]] == ["Harbour"]


@on_every_edge
def test_errors_and_close_codes(server: RunningServer) -> None:
    """Each mistake has its error or its close code, and disturbs no other session."""
    acme = Customer.objects.create(name="Acme")
    session, theirs = sign_in(staff()), sign_in(buyer("anna", acme))
    with Caller(server.ws_url, session=session) as undisturbed:
        undisturbed.subscribe("stock")
        with Caller(server.ws_url, session=theirs) as caller:
            for text, code, identifier in [
                ("nonsense", "bad_frame", None),
                ('{"type":"subscribe","id":"s","topic":1}', "bad_frame", "s"),
                ('{"type":"dance","id":2}', "unknown_type", 2),
                ('{"type":"subscribe","id":3,"topic":"nothing"}', "unknown_topic", 3),
                ('{"type":"subscribe","id":4,"topic":"stock"}', "forbidden", 4),
                ('{"type":"subscribe","id":5,"topic":"stock/HAM"}', "unknown_topic", 5),
                ('{"type":"subscribe","id":6,"topic":"orders/TL-1"}', "unknown_topic", 6),
                ('{"type":"subscribe","id":7,"topic":"materials","max_rate":0}', "bad_parameter", 7),
                ('{"type":"unsubscribe","id":8,"topic":"materials"}', "not_subscribed", 8),
            ]:
                caller.send_text(text)
                error = caller.wait(lambda frame: frame["type"] == "error")
                assert (error["code"], error.get("id"), error["retry"]) == (code, identifier, False)
            assert caller.subscribe("materials")["type"] == "snapshot"
            assert caller.ask(type="subscribe", topic="materials")["code"] == "already_subscribed"
            for _ in range(8):
                caller.send_text("{")
            assert caller.closed()[0] == 4500
        with Caller(server.ws_url) as caller:
            caller.send_text(b"\x00")
            assert caller.closed()[0] == 4500
        with Caller(server.ws_url) as caller:
            for _ in range(1_000):
                caller.send_text('{"type":"ping","id":1}')
            assert caller.closed()[0] == 4029
            assert any(frame.get("code") == "rate_limited" and frame["retry"] for frame in caller.frames)
        Warehouse.objects.create(code="HAM")
        undisturbed.until(lambda: len(undisturbed.rows("stock")) == 1)


def test_what_the_websocket_itself_refuses(server: RunningServer) -> None:
    """Too long a message is closed with 1009, text that is no text with 1007: on our server, which promises both."""
    with Caller(server.ws_url) as caller:
        caller.send_text(json.dumps({"type": "ping", "id": 1, "more": "x" * 2_000_000}))
        assert caller.closed()[0] == 1009
    with Caller(server.ws_url) as caller:
        caller.socket.send(b"\xff\xfe", text=True)
        assert caller.closed()[0] == 1007


ORIGINS = {
    None: None,
    "http://127.0.0.1:{port}": None,
    "https://127.0.0.1:{port}": 4503,
    "http://127.0.0.1": 4503,
    "http://127.0.0.1:1": 4503,
    "http://localhost:{port}": 4503,
    "http://evil.example": 4503,
    "http://127.0.0.1.evil.example:{port}": 4503,
}


@on_every_edge
def test_origins_and_subprotocols(server: RunningServer) -> None:
    """This site's pages and tools are let in, in our protocol; all others are accepted and closed with their code."""
    for origin, code in ORIGINS.items():
        with Caller(server.ws_url, origin=origin and origin.format(port=server.port)) as caller:
            if code is None:
                assert caller.wait(lambda _: True)["type"] == "welcome"
            else:
                assert caller.closed()[0] == code
                assert caller.frames == []
    for offers in [("graphql-ws", "other"), ()]:
        with Caller(server.ws_url, offers=offers) as caller:
            assert caller.socket.subprotocol == (offers[0] if offers else None)
            assert caller.closed()[0] == 4509
    with Caller(server.ws_url, offers=("other", "realtime.v1")) as caller:
        assert caller.socket.subprotocol == "realtime.v1"
        assert caller.wait(lambda _: True)["type"] == "welcome"


def test_a_server_that_stops_says_so(server: RunningServer) -> None:
    """SIGTERM closes every session with 4000: on our server, others close without a code of ours."""
    with Caller(server.ws_url) as caller:
        caller.subscribe("materials")
        server.process.stop()
        assert caller.closed()[0] == 4000


@on_every_edge
def test_an_anonymous_client_sees_public_topics_alone(server: RunningServer) -> None:
    """Without a cookie, or with one that nobody is signed in with, `user` is null."""
    for session in (None, "abcdefghijklmnopqrstuvwxyz012345", "../etc"):
        with Caller(server.ws_url, session=session) as caller:
            assert caller.wait(lambda _: True)["user"] is None
            assert caller.subscribe("materials")["type"] == "snapshot"
            assert caller.ask(type="subscribe", topic="stock")["code"] == "forbidden"
            assert caller.ask(type="subscribe", topic="orders/mine")["code"] == "forbidden"
