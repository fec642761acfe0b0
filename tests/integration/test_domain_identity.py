"""Who is behind a session: as long as Django would accept it for a request, and in a fixed number of queries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.accounts.identity import SessionIdentities
from core.accounts.models import Customer, User
from tests.support.databases import Database
from tests.support.shop import a_customer, a_user

pytestmark = pytest.mark.usefixtures("database")

PROVIDER = SessionIdentities()
"""One for all tests, as a process has one: what it remembers must never be what is told."""


def signed_in(user: User) -> Client:
    """Return a client in which the user is signed in."""
    client = Client()
    client.force_login(user)
    return client


def key_of(client: Client) -> str:
    return str(client.session.session_key)


def load(*keys: str) -> dict[str, str | None]:
    """Return the names behind session keys."""
    return {key: identity.name for key, identity in PROVIDER.load(keys).items()}


def fingerprint(client: Client) -> str:
    (identity,) = PROVIDER.load([key_of(client)]).values()
    return identity.fingerprint


def test_a_signed_in_user_is_known_with_roles_and_customer() -> None:
    """The identity carries the user, ready for policies, without another query."""
    user = a_user(customer=a_customer())
    key = key_of(signed_in(user))
    (identity,) = SessionIdentities().load([key]).values()
    with CaptureQueriesContext(connection) as queries:
        assert (identity.session_key, identity.name, identity.user.customer_id) == (
            key,
            user.username,
            user.customer_id,
        )
    assert len(queries) == 0


def test_the_number_of_queries_does_not_depend_on_the_number_of_sessions() -> None:
    """One session or a crowd, of one user or of many: four queries for who is new, three for who was there before."""
    counts = []
    for people in (1, 12):
        users = [a_user(customer=a_customer()) for _ in range(people)]
        keys = [key_of(signed_in(user)) for user in users for _ in range(2)]
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                assert len(PROVIDER.load(keys)) == 2 * people
            counts.append(len(queries))
    assert counts == [4, 3, 4, 3]


def test_what_changes_in_the_middle_and_back_again_is_not_kept(database: Database) -> None:
    """P5: who is moved between the queries of the provider, and moved back, is told by what they are from then on."""
    here, there = a_customer(), a_customer()
    user = a_user(customer=here)
    key, provider, queries = key_of(signed_in(user)), SessionIdentities(), list[str]()

    def move(customer: Customer) -> None:
        database.execute("UPDATE accounts_user SET customer_id = %s WHERE id = %s", customer.pk, user.pk)

    def move_before_the_second(execute: Any, sql: str, *rest: Any) -> Any:
        queries.extend([sql] if 'FROM "accounts_user" WHERE' in sql else [])
        if len(queries) == 2:
            move(there)
        return execute(sql, *rest)

    with connection.execute_wrapper(move_before_the_second):
        provider.load([key])
    assert len(queries) == 2, "the user's columns are read first, and then the user"
    move(here)
    (identity,) = provider.load([key]).values()
    assert identity.user.customer_id == here.pk


def test_nobody_is_asked_for_nothing() -> None:
    """No keys, no identities; unknown keys are nobody."""
    assert load() == {}
    assert load("unknown") == {}


def signs_out(client: Client, user: User) -> None:
    client.logout()


def session_expires(client: Client, user: User) -> None:
    Session.objects.filter(pk=key_of(client)).update(expire_date=timezone.now() - timedelta(seconds=1))


def session_is_deleted(client: Client, user: User) -> None:
    Session.objects.all().delete()


def session_is_forged(client: Client, user: User) -> None:
    Session.objects.update(session_data="e30:forged:signature")


def user_is_deactivated(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def user_is_deleted(client: Client, user: User) -> None:
    user.delete()


def password_changes(client: Client, user: User) -> None:
    user.set_password("another one")
    user.save()


@pytest.mark.parametrize(
    "ending",
    [
        signs_out,
        session_expires,
        session_is_deleted,
        session_is_forged,
        user_is_deactivated,
        user_is_deleted,
        password_changes,
    ],
)
def test_each_way_of_ending_ends_this_session_and_no_other(ending: Callable[[Client, User], None]) -> None:
    """From then on the session is missing; another user's is untouched (unless all sessions were)."""
    user, other = a_user(), a_user()
    client, others = signed_in(user), signed_in(other)
    key, other_key = key_of(client), key_of(others)
    assert load(key, other_key) == {key: user.username, other_key: other.username}
    ending(client, user)
    survives = ending not in (session_is_deleted, session_is_forged)
    assert load(key, other_key) == ({other_key: other.username} if survives else {})


def test_a_session_of_a_backend_that_is_gone_is_nobody(settings: pytest.FixtureRequest) -> None:
    """What signed the user in must still be in use."""
    key = key_of(signed_in(a_user()))
    settings.AUTHENTICATION_BACKENDS = ["somewhere.else.Backend"]  # type: ignore[attr-defined]
    assert load(key) == {}


def test_a_session_in_which_nobody_signed_in_is_nobody() -> None:
    """An anonymous session with some content is not an identity."""
    client = Client()
    session = client.session
    session["seen"] = True
    session.save()
    assert load(str(session.session_key)) == {}


def test_an_old_secret_still_counts_as_a_fallback(settings: pytest.FixtureRequest) -> None:
    """Sessions survive a change of the secret key as long as the old one is a fallback."""
    client = signed_in(a_user())
    key = key_of(client)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "new"  # type: ignore[attr-defined]
    assert list(load(key)) == [key]
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    assert SessionIdentities().load([key]) == {}  # settings are another process's


def becomes_staff(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)


def becomes_superuser(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True)


def gets_a_role(user: User) -> None:
    user.groups.add(Group.objects.create(name="buyers"))


def buys_for_another(user: User) -> None:
    User.objects.filter(pk=user.pk).update(customer=a_customer())


def buys_for_nobody(user: User) -> None:
    User.objects.filter(pk=user.pk).update(customer=None)


@pytest.mark.parametrize("change", [becomes_staff, becomes_superuser, gets_a_role, buys_for_another, buys_for_nobody])
def test_the_fingerprint_changes_with_rights(change: Callable[[User], None]) -> None:
    """Whatever decides about rights shows in it."""
    user = a_user(customer=a_customer())
    client = signed_in(user)
    before = fingerprint(client)
    change(user)
    assert fingerprint(client) != before


def test_the_fingerprint_stays_when_rights_do(database: Database) -> None:
    """A new name, another session or another sign-in changes no right."""
    user = a_user(customer=a_customer())
    client = signed_in(user)
    before = fingerprint(client)
    database.execute("UPDATE accounts_user SET first_name = 'Else', last_login = now()")
    assert fingerprint(client) == before == fingerprint(signed_in(user))
    assert fingerprint(signed_in(a_user(customer=user.customer))) != before
