"""What a production installation is refused for: each reason by its line, and what stays possible."""

import secrets
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from core.environment import DEVELOPMENT_KEY, read_environment
from core.production import fit_for_use, refusals, weakness_of

SOUND = {
    "DATABASE_URL": "postgresql://u:p@db/shop",
    "REDIS_URL": "redis://redis:6379/0",
    "SECRET_KEY": "V3ryL0ng-andRand0m_en0ugh.toBe:taken=for+aSecret/Key",
    "ORIGINS": "https://shop.example.com",
    "BEHIND_PROXY": "1",
}
"""An installation in which nothing is wrong."""

INSIDE = {**SOUND, "ORIGINS": "", "BEHIND_PROXY": "", "ALLOWED_HOSTS": "shop.lan", "ALLOW_HTTP": "1"}
"""One on a network without TLS, which says so."""


def lines(home: Path, variables: dict[str, str]) -> list[str]:
    return list(refusals(read_environment({"TIDELINE_HOME": str(home), **variables})))


@pytest.mark.parametrize(
    "variables",
    [
        SOUND,
        {**SOUND, "ALLOWED_HOSTS": "server-1,10.0.0.7"},
        {**SOUND, "ORIGINS": "https://a.example.com,https://b.example.com:8443"},
        INSIDE,
        {**INSIDE, "ORIGINS": "http://shop.lan:8080", "ALLOWED_HOSTS": "", "BEHIND_PROXY": "1"},
        {**INSIDE, "ORIGINS": "http://shop.lan,https://shop.example.com", "BEHIND_PROXY": "1"},
        {},
        {"DEBUG": "1"},
        {"ORIGINS": "http://127.0.0.1:9000"},
        {"DATABASE_URL": "postgresql://u:p@db/shop", "DEMO": "1"},
        {"DATABASE_URL": "postgresql://u:p@db/shop", "DEMO": "1", "DEBUG": "1", "ALLOWED_HOSTS": "*"},
    ],
)  # fmt: skip
def test_what_is_sound_starts(tmp_path: Path, variables: dict[str, str]) -> None:
    """Production over https, an internal network that says so, development and demos on this machine."""
    assert lines(tmp_path, variables) == []


@pytest.mark.parametrize(
    ("changes", "begins", "advises"),
    [
        ({"DEBUG": "1"}, "DEBUG is on", "take it away"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set", "secrets.token_urlsafe(50)"),
        ({"SECRET_KEY": DEVELOPMENT_KEY}, "SECRET_KEY is a published one", "secrets.token_urlsafe(50)"),
        ({"SECRET_KEY": "x9" * 24 + "q"}, "SECRET_KEY has 49 characters, fewer than 50", "make one"),
        ({"SECRET_KEY": "changeme" * 7}, "SECRET_KEY has 7 different characters", "make one"),
        ({"SECRET_KEY": "my-secret-key " * 4}, "SECRET_KEY repeats itself", "make one"),
        ({"REDIS_URL": ""}, "REDIS_URL is not set", "redis://host:6379/0"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS holds '*'", "write each name out"),
        ({"ALLOWED_HOSTS": "a.example.com,.example.com"}, "ALLOWED_HOSTS holds '.example.com'", "write each name out"),
        ({"ALLOWED_HOSTS": "*.example.com"}, "ALLOWED_HOSTS holds '*.example.com'", "write each name out"),
        ({"ORIGINS": ""}, "ORIGINS is not set, and no request", "https://shop.example.com"),
        ({"ORIGINS": "", "ALLOWED_HOSTS": "shop.lan"}, "ORIGINS is not set, and passwords", "ALLOW_HTTP=1"),
        ({"ORIGINS": "http://shop.lan"}, "ORIGINS holds http://shop.lan, and passwords", "ALLOW_HTTP=1"),
        ({"ORIGINS": "https://a.lan,http://b.lan"}, "ORIGINS holds http://b.lan, and passwords", "ALLOW_HTTP=1"),
        ({"BEHIND_PROXY": ""}, "ORIGINS are https, and the server itself speaks http", "BEHIND_PROXY=1"),
        ({"ALLOW_HTTP": "1", "BEHIND_PROXY": ""}, "ORIGINS are https, and the server", "BEHIND_PROXY=1"),
        ({"DEMO": "1"}, "DEMO is on, whose passwords are published, and ORIGINS are https", "take DEMO away"),
        ({"DEMO": "1", "ORIGINS": ""}, "DEMO is on, whose passwords are published, and BEHIND_PROXY is on", "take"),
        ({"DATABASE_URL": ""}, "ORIGINS are https, and DATABASE_URL is not set", "postgresql://"),
        ({"DATABASE_URL": "", "ORIGINS": ""}, "BEHIND_PROXY is on, and DATABASE_URL is not set", "postgresql://"),
    ],
)  # fmt: skip
def test_what_is_dangerous_is_one_line(tmp_path: Path, changes: dict[str, str], begins: str, advises: str) -> None:
    """It names the variable, says what is wrong with it and what to do, and shows no secret."""
    [line] = lines(tmp_path, {**SOUND, **changes})
    assert line.startswith(begins)
    assert advises in line
    assert changes.get("SECRET_KEY") is None or not changes["SECRET_KEY"] or changes["SECRET_KEY"] not in line


def test_all_reasons_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends one only to be told of the next."""
    environment = read_environment(
        {"TIDELINE_HOME": str(tmp_path), "DATABASE_URL": SOUND["DATABASE_URL"], "DEBUG": "1"}
    )
    with pytest.raises(ImproperlyConfigured) as refused:
        fit_for_use(environment)
    told = str(refused.value).splitlines()
    assert [line.split()[0] for line in told] == ["DEBUG", "SECRET_KEY", "REDIS_URL", "ORIGINS"]


@pytest.mark.parametrize(
    "make",
    [
        get_random_secret_key,
        lambda: secrets.token_urlsafe(50),
        lambda: secrets.token_hex(32),
        lambda: "".join(secrets.choice("0123456789") for _ in range(60)),
    ],
)
def test_random_secrets_are_taken(make: "type[str]") -> None:
    """Whatever usual way made them."""
    assert [weakness_of(made) for made in (make() for _ in range(50))] == [None] * 50
