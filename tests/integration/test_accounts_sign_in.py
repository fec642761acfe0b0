"""Guessing at passwords: bounded per name and address, without telling who exists and without locking anyone out."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.db.models import F, Sum
from django.http import HttpResponse
from django.test import Client

from core.accounts.models import User
from core.accounts.throttle import AT_ONCE, PER_ADDRESS, PER_NAME, UNDER_WAY
from tests.conftest import RunningServer
from tests.support.databases import Database
from tests.support.people import buyer, staff
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("database")

HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Passwords that are looked at in no time, except by server processes."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]


def sign_in(name: str, password: str = "wrong", *, address: str = HERE, path: str = "/sign-in/", **more: Any) -> Any:
    """Try to sign in with a browser that has no session."""
    return Client().post(path, {"username": name, "password": password, **more}, REMOTE_ADDR=address)


def guess(count: int, name: str = "anna", address: str = HERE) -> list[int]:
    """Return the statuses of so many wrong guesses, one after another."""
    return [sign_in(name, address=address).status_code for _ in range(count)]


def test_after_five_wrong_passwords_one_has_to_wait() -> None:
    """The fifth says so at once, in words and in Retry-After; then the right one waits too."""
    buyer("anna", None)
    assert guess(PER_NAME) == [200] * (PER_NAME - 1) + [429]
    refused = sign_in("anna", "demo-only", next="/orders/")
    assert refused.status_code == 429
    assert 240 < int(refused["Retry-After"]) <= 300
    page = refused.content.decode()
    assert "Come again in" in page
    assert re.search(r'name="next" value="/orders/"', page)
    assert re.search(r'name="username"[^>]*value="anna"', page)
    assert not Session.objects.exists()


def test_when_the_wait_is_over_one_may_try_again() -> None:
    """And what was counted before is forgotten."""
    buyer("anna", None)
    guess(PER_NAME)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=299))
    assert sign_in("anna", "demo-only").status_code == 429
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=2))
    assert sign_in("anna", "demo-only").status_code == 302
    assert not AccessAttempt.objects.exists()


def test_trying_while_one_has_to_wait_makes_it_no_longer() -> None:
    """Nobody can keep somebody waiting for ever."""
    buyer("anna", None)
    guess(PER_NAME)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=200))
    assert int(sign_in("anna")["Retry-After"]) <= 101
    assert int(sign_in("anna")["Retry-After"]) <= 101


def test_signing_in_starts_the_count_anew() -> None:
    """Four wrong, one right, four wrong: nobody has to wait."""
    buyer("anna", None)
    for _ in range(3):
        assert guess(PER_NAME - 1) == [200] * (PER_NAME - 1)
        assert sign_in("anna", "demo-only").status_code == 302


def test_an_account_of_ones_own_does_not_help_to_guess_at_others() -> None:
    """Signing in takes back the failures of that name alone, not those of the address."""
    buyer("mallory", None)
    statuses = []
    for number in range(PER_ADDRESS + 1):
        assert sign_in("mallory", "demo-only", address=THERE).status_code == 302
        statuses.append(sign_in(f"victim{number}").status_code)
    assert statuses[-1] == 429
    assert 429 not in statuses[: PER_ADDRESS - 1]


def test_nobody_is_locked_out_elsewhere() -> None:
    """The real Anna comes in from another address, and another name from the same one."""
    buyer("anna", None)
    buyer("berta", None)
    guess(PER_NAME)
    assert sign_in("anna", "demo-only", address=THERE).status_code == 302
    assert sign_in("berta", "demo-only").status_code == 302
    assert sign_in("anna", "demo-only").status_code == 429


def test_guessing_at_many_names_is_bounded_by_the_address() -> None:
    """One password for all the names there are; an IPv6 network counts as one address."""
    answers = [sign_in(f"user{number}").status_code for number in range(PER_ADDRESS + 1)]
    assert answers == [200] * (PER_ADDRESS - 1) + [429] * 2
    inside = [f"2001:db8:1:2::{number:x}" for number in range(PER_ADDRESS + 1)]
    answers = [sign_in(f"user{number}", address=address).status_code for number, address in enumerate(inside)]
    assert answers[-1] == 429
    assert sign_in("user0", address="2001:db8:1:3::1").status_code == 200


def test_the_answer_does_not_tell_who_exists() -> None:
    """The same words for a wrong password, for nobody, for somebody who was let go; also while waiting."""
    buyer("anna", None)
    gone = buyer("gone", None)
    gone.is_active = False
    gone.save()
    seen = []
    for name in ("anna", "nobody", "gone"):
        answers = [sign_in(name, "demo-only" if name == "gone" else "wrong") for _ in range(PER_NAME + 1)]
        seen.append([(answer.status_code, _plain(answer, name)) for answer in answers])
    assert seen[0] == seen[1] == seen[2]


def _plain(answer: HttpResponse, name: str) -> str:
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return re.sub(r"\b29\d\b|\b300\b", "soon", page.replace(f'value="{name}"', ""))


def test_the_admin_is_no_way_round() -> None:
    """Its form counts together with ours, and is answered by our page, which leads on to the admin."""
    staff("boss")
    statuses = [sign_in("boss", path=path).status_code for path in ["/admin/login/", "/sign-in/"] * 2]
    assert statuses == [200] * 4
    refused = sign_in("boss", path="/admin/login/", next="/admin/orders/")
    assert refused.status_code == 429
    assert re.search(r'action="/sign-in/"', refused.content.decode())
    assert re.search(r'name="next" value="/admin/orders/"', refused.content.decode())
    assert sign_in("boss", "demo-only").status_code == 429


def test_a_foreign_address_is_not_led_on_to() -> None:
    """The page that makes one wait keeps `next` only where it stays on this site."""
    guess(PER_NAME)
    assert "evil.example" not in sign_in("anna", next="https://evil.example/").content.decode()


def at_once(count: int, password: str) -> list[int]:
    """Return the statuses of so many attempts for one name from one address, which all begin together."""
    gate = Barrier(count)

    def attempt(_: int) -> int:
        try:
            gate.wait(60)
            return int(sign_in("anna", password).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def test_many_guesses_at_once_are_hardly_more_than_one_after_another(database: Database) -> None:
    """An attempt counts before the password is looked at: no more than so many are ever let through."""
    buyer("anna", None)
    statuses = at_once(60, "wrong")
    assert AccessAttempt.objects.aggregate(total=Sum("failures_since_start"))["total"] <= PER_NAME + AT_ONCE
    assert statuses.count(429) >= 60 - PER_NAME - AT_ONCE
    assert not AccessAttempt.objects.filter(user_agent=UNDER_WAY).exists()
    assert guess(1) == [429]


def test_many_right_passwords_at_once_are_all_let_in(database: Database) -> None:
    """A browser's tabs and a program's connections don't hold each other up."""
    buyer("anna", None)
    assert at_once(AT_ONCE, "demo-only") == [302] * AT_ONCE
    assert not AccessAttempt.objects.exists()


def test_odd_names_are_only_wrong() -> None:
    """What a form can be sent never breaks the sign-in."""
    for name in ("", "x" * 5000, "a\0b", "\ud7ff\uffff", "%s", "'; --", "\u202e"):
        assert sign_in(name).status_code in (200, 429)


def test_old_failures_are_forgotten_by_themselves() -> None:
    """Whoever tries to sign in next clears away what no longer counts."""
    guess(1, "one", THERE)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=6))
    guess(1, "two", HERE)
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["two"]


def test_an_administrator_can_end_the_wait() -> None:
    """By the command of django-axes, or by deleting the row in the admin."""
    buyer("anna", None)
    guess(PER_NAME)
    call_command("axes_reset_username", "anna", verbosity=0)
    assert sign_in("anna", "demo-only").status_code == 302
    guess(PER_NAME)
    boss = Client()
    boss.force_login(staff("boss"), backend="django.contrib.auth.backends.ModelBackend")
    AccessAttempt.objects.get(username="anna").delete()
    assert sign_in("anna", "demo-only").status_code == 302


def test_server_processes_count_together(server_process: Any, database: Database, redis_url: str) -> None:
    """Two servers on one database; what a client says of its address is not believed."""
    first: RunningServer = server_process()
    second: RunningServer = server_process()
    buyer("anna", None)
    statuses = []
    for number in range(PER_NAME + 1):
        server = (first, second)[number % 2]
        visitor = Visitor(server.url, {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"})
        statuses.append(visitor.sign_in("anna", "wrong"))
    assert statuses == [200] * (PER_NAME - 1) + [429] * 2


def test_behind_a_proxy_the_last_hop_counts(server_process: Any, database: Database, redis_url: str) -> None:
    """What the client wrote before it is not believed; other clients of the proxy are not affected."""
    server: RunningServer = server_process(BEHIND_PROXY="1")
    buyer("anna", None)
    User.objects.update(password=make_password("demo-only", hasher="pbkdf2_sha256"))

    def attempt(forged: str, seen: str, password: str = "wrong") -> int:
        return Visitor(server.url, {"X-Forwarded-For": f"{forged}, {seen}"}).sign_in("anna", password)

    assert [attempt(f"203.0.113.{n}", HERE) for n in range(PER_NAME)] == [200] * (PER_NAME - 1) + [429]
    assert attempt(THERE, HERE, "demo-only") == 429
    assert attempt(HERE, THERE, "demo-only") == 302
