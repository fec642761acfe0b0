"""The environment: what the process is told, what holds otherwise, and what is refused."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.demo.embedded.state import RunLock, RunState
from core.environment import DEVELOPMENT_KEY, Environment, read_environment

REAL = {"DATABASE_URL": "postgresql://u:p@db.example.com:5433/shop", "REDIS_URL": "redis://r", "SECRET_KEY": "s"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which nothing runs."""
    return tmp_path / "home"


def read(home: Path, **variables: str) -> Environment:
    return read_environment({"TIDELINE_HOME": str(home), **variables})


def test_nothing_given_is_development_without_servers(home: Path) -> None:
    """Commands that need no server work; a database setting is there, with which connecting fails at once."""
    found = read(home)
    assert (found.database_url, found.redis_url, found.embedded) == (None, None, True)
    assert (found.debug, found.demo, found.secret_key, found.log_format) == (False, False, DEVELOPMENT_KEY, "text")
    assert {"localhost", "127.0.0.1"} <= set(found.allowed_hosts)
    assert found.database["HOST"] == str(home / "postgresql-is-not-running")


def test_running_embedded_servers_are_used(home: Path) -> None:
    """While a run holds its lock its state counts; after it is gone, whatever ended it, it does not."""
    lock = RunLock(home)
    lock.acquire()
    RunState("postgresql://t:x@127.0.0.1:5/tideline", "redis://127.0.0.1:6", 8000, 1).write(home)
    found = read(home)
    assert (found.database_url, found.redis_url) == ("postgresql://t:x@127.0.0.1:5/tideline", "redis://127.0.0.1:6")
    assert found.embedded
    assert read(home, **REAL).database_url == REAL["DATABASE_URL"]
    lock.release()
    assert read(home).database_url is None


def test_a_given_database_is_production(home: Path) -> None:
    """Its parts arrive, logs are JSON, and it is not embedded."""
    found = read(home, **REAL)
    wanted = {"HOST": "db.example.com", "PORT": 5433, "NAME": "shop", "USER": "u", "PASSWORD": "p"}
    assert {name: found.database[name] for name in wanted} == wanted
    assert (found.embedded, found.log_format, found.allowed_hosts) == (False, "json", [])


@pytest.mark.parametrize("excuse", ["DEMO", "DEBUG"])
def test_a_real_database_needs_a_secret_key(home: Path, excuse: str) -> None:
    """Only a demo or a developer gets the published one."""
    given = {**REAL, "SECRET_KEY": ""}
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        read(home, **given)
    assert read(home, **given, **{excuse: "1"}).secret_key == DEVELOPMENT_KEY


def test_secrets_do_not_show(home: Path) -> None:
    """An error page or a log that prints the environment tells no password."""
    text = repr(read(home, **{**REAL, "SECRET_KEY": "very-secret"}))
    assert "very-secret" not in text
    assert "db.example.com" not in text


@pytest.mark.parametrize(
    ("given", "origins", "hosts"),
    [
        ("https://a.test", ["https://a.test"], ["a.test"]),
        ("https://a.test/, http://b.test:81", ["https://a.test", "http://b.test:81"], ["a.test", "b.test"]),
        ("", [], []),
    ],
)  # fmt: skip
def test_origins_decide_hosts_and_cookies(home: Path, given: str, origins: list[str], hosts: list[str]) -> None:
    """Hosts follow from them, and secure cookies where all are https."""
    found = read(home, **REAL, ORIGINS=given)
    assert (found.origins, found.allowed_hosts) == (origins, hosts)
    assert found.https == (given == "https://a.test")


@pytest.mark.parametrize("given", ["shop.example.com", "ftp://a", "https://a/path", "https://"])
def test_an_impossible_origin_is_named(home: Path, given: str) -> None:
    """The message shows the value and how it should look."""
    with pytest.raises(ImproperlyConfigured, match="is not like https://shop"):
        read(home, **REAL, ORIGINS=given)
