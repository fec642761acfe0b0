"""API keys: shown once, kept as a hash, for named purposes, ended at once; by command and in the admin."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.accounts.keys import TOKEN, BadKey, find_key, make_key, revoke_key
from core.accounts.models import ApiKey
from tests.support.databases import Database
from tests.support.people import staff
from tests.support.shop import a_user

pytestmark = pytest.mark.usefixtures("database")

WRITE = ["notifications:write"]
PUBLISHED = "tl_demo0000_this-token-is-published-and-opens-a-demo-alone"


def command(*arguments: str) -> tuple[str, str]:
    """Run `manage.py api_key` and return what it printed on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command("api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_new_key_is_found_by_its_token_alone() -> None:
    """Any other token, however near, finds none."""
    key, token = make_key("erp", WRITE)
    found = find_key(token)
    assert found == key
    other = "A" if token[-1] != "A" else "B"
    for wrong in ("", "tl_", token[:-1], token[:-1] + other, token.upper(), f"{token} ", "tl_" + "x" * 300, "tl_\0"):
        assert find_key(wrong) is None, wrong


def test_nothing_in_the_database_opens_anything(database: Database) -> None:
    """Of the token there are the prefix and the hash."""
    _, token = make_key("erp", WRITE)
    kept = str(database.execute("SELECT * FROM accounts_apikey"))
    assert token.split("_", 2)[2] not in kept
    assert TOKEN.fullmatch(token)
    assert len(token.split("_", 2)[2]) >= 43, "256 bits"


def test_a_key_needs_a_name_of_its_own_and_known_scopes() -> None:
    """The message says which scopes there are, or what to do about the name."""
    make_key("erp", WRITE)
    with pytest.raises(BadKey, match="revoke it first"):
        make_key("erp", WRITE)
    with pytest.raises(BadKey, match=r"'notify'.*there are: notifications:write"):
        make_key("other", ["notify"])
    for name, scopes in (("", WRITE), ("  ", WRITE), ("x" * 81, WRITE), ("other", [])):
        with pytest.raises(BadKey):
            make_key(name, scopes)
    assert ApiKey.objects.count() == 1


def test_a_revoked_key_opens_nothing_and_leaves_its_name() -> None:
    """At once; a new key of that name has another token."""
    _, first = make_key("erp", WRITE)
    revoke_key("erp")
    assert find_key(first) is None
    with pytest.raises(BadKey, match="no key named 'erp'"):
        revoke_key("erp")
    _, second = make_key("erp", WRITE)
    assert find_key(second)
    assert find_key(first) is None


def test_a_published_token_can_be_given() -> None:
    """As a demo needs it; it must look like any other."""
    key, token = make_key("demo", WRITE, token=PUBLISHED)
    assert (token, find_key(PUBLISHED)) == (PUBLISHED, key)
    with pytest.raises(BadKey, match="tl_"):
        make_key("short", WRITE, token="tl_demo0001_short")


def test_the_last_use_is_noted_at_most_once_a_minute() -> None:
    """A tool that calls a hundred times a second writes no row each time."""
    _, token = make_key("erp", WRITE)
    find_key(token)
    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    with CaptureQueriesContext(connection) as queries:
        find_key(token)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    find_key(token)
    again = ApiKey.objects.get().last_used_at
    assert again is not None
    assert again >= noted


def test_the_command_shows_a_token_once() -> None:
    """On standard output the token alone, to be piped; whatever else is said goes to standard error."""
    out, err = command("create", "erp", "--scope", "notifications:write")
    assert find_key(out.strip())
    assert "only now" in err
    listed, _ = command("list")
    assert "erp" in listed
    assert out.strip() not in listed
    assert "erp" in command("revoke", "erp")[0]
    assert find_key(out.strip()) is None


def test_the_command_says_what_is_wrong() -> None:
    """In a sentence, with what there is instead."""
    with pytest.raises(CommandError, match="there are: notifications:write"):
        command("create", "erp", "--scope", "everything")
    with pytest.raises(CommandError, match="no key named 'erp'"):
        command("revoke", "erp")
    with pytest.raises(CommandError, match="--scope"):
        command("create", "erp")


@pytest.fixture
def admin(settings: Any) -> Client:
    """A superuser's browser."""
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(a_user(is_staff=True, is_superuser=True))
    return client


def test_the_admin_shows_and_revokes_keys_but_makes_none(admin: Client) -> None:
    """Neither the secret nor its hash is on any page; a key isn't edited or deleted either."""
    key, token = make_key("erp", WRITE)
    pages = ["/admin/accounts/apikey/", f"/admin/accounts/apikey/{key.pk}/change/"]
    for page in map(admin.get, pages):
        assert page.status_code == 200
        assert f"tl_{key.prefix}_" in page.content.decode()
        assert token.split("_", 2)[2] not in page.content.decode()
        assert key.digest not in page.content.decode()
    assert admin.get("/admin/accounts/apikey/add/").status_code == 403
    assert admin.post(f"/admin/accounts/apikey/{key.pk}/delete/").status_code == 403
    done = admin.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]}, follow=True)
    assert "refused from now on" in done.content.decode()
    assert find_key(token) is None


def test_who_may_only_look_revokes_nothing(admin: Client) -> None:
    """The action is for those with the permission to change keys."""
    key, token = make_key("erp", WRITE)
    looker = staff("looker")
    looker.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    admin.force_login(looker)
    assert admin.get("/admin/accounts/apikey/").status_code == 200
    admin.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert find_key(token)
