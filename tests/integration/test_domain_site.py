"""The site around the domain: signing in and out, security headers, static files, the admin."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.sessions.models import Session
from django.test import AsyncClient, Client
from django.urls import reverse

from core.accounts.models import ApiKey
from tests.support.databases import Database
from tests.support.shop import a_level, a_user, an_order

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def client(settings: Any) -> Client:
    """A browser that checks nothing, on a host that is allowed."""
    settings.ALLOWED_HOSTS = ["testserver"]
    return Client()


@pytest.fixture
def admin(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(a_user(is_staff=True, is_superuser=True))
    return client


def test_signing_in_needs_the_right_password(client: Client) -> None:
    """The form takes `username` and `password`; a session is made for the right ones alone."""
    user = a_user(username="staff")
    user.set_password("secret words")
    user.save()
    assert client.post("/sign-in/", {"username": "staff", "password": "wrong"}).status_code == 200
    assert not Session.objects.exists()
    answer = client.post("/sign-in/", {"username": "staff", "password": "secret words"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert Session.objects.count() == 1


def test_signing_in_leads_on_to_where_one_was_going_on_this_site(client: Client) -> None:
    """`next` is followed, but not to another host."""
    user = a_user(username="staff")
    user.set_password("secret words")
    user.save()
    for wanted, expected in (("/orders/", "/orders/"), ("https://evil.example/", "/")):
        given = {"username": "staff", "password": "secret words", "next": wanted}
        assert Client().post("/sign-in/", given)["Location"] == expected


def test_signing_out_ends_the_session_in_the_database(client: Client) -> None:
    """By POST alone, so that no link or picture can do it."""
    client.force_login(a_user())
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert not Session.objects.exists()


def test_every_response_carries_the_policy(client: Client) -> None:
    """Pages, redirects, files and errors: no inline script, nothing from elsewhere, no framing."""
    for address in ("/sign-in/", "/orders/", "/nothing-here", "/static/admin/css/base.css"):
        policy = client.get(address)["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


async def test_static_files_come_whole_under_asgi(settings: Any) -> None:
    """No warning (warnings are errors here), a type, and 304 for who has it already."""
    settings.ALLOWED_HOSTS = ["testserver"]
    browser = AsyncClient()
    found = await browser.get("/static/realtime/client.js")
    assert found.status_code == 200
    assert found["Content-Type"].startswith("text/javascript")
    assert len(found.content) == int(found["Content-Length"]) > 1000
    again = await browser.get("/static/realtime/client.js", headers={"If-Modified-Since": found["Last-Modified"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_model_has_pages_in_the_admin(admin: Client, database: Database) -> None:
    """Lists, forms to add and forms to change all open, with rows in them."""
    an_order(a_level(100))
    for model in site._registry:
        if model._meta.app_label not in ("accounts", "catalogue", "stock", "orders") or model is ApiKey:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        assert row is not None
        assert admin.get(reverse(f"{name}_changelist"), {"q": "x"}).status_code == 200, name
        assert admin.get(reverse(f"{name}_add")).status_code == 200, name
        assert admin.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, name
    assert {m.__name__ for m in site._registry} >= {"Customer", "User", "Material", "Warehouse", "StockLevel", "Order"}


def test_a_change_in_the_admin_is_captured(admin: Client, database: Database) -> None:
    """What staff change there goes live like any other change."""
    level = a_level(100)
    database.execute("TRUNCATE realtime_inbox")
    form = {"material": level.material_id, "warehouse": level.warehouse_id, "on_hand": "42", "reorder_below": "5"}
    answer = admin.post(reverse("admin:stock_stocklevel_change", args=[level.pk]), form)
    assert answer.status_code == 302
    assert database.execute("SELECT stream, kind, key FROM realtime_inbox") == [
        ("inventory", "stocklevel", str(level.pk))
    ]
