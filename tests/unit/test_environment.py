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
    assert found.production
    assert not read(home, **REAL, DEMO="1").production
    assert not read(home).production


def test_production_has_no_secret_of_its_own(home: Path) -> None:
    """Only a demo gets the published one; `core.production` then refuses to start."""
    given = {**REAL, "SECRET_KEY": ""}
    assert read(home, **given).secret_key == ""
    assert read(home, **given, DEMO="1").secret_key == DEVELOPMENT_KEY
    assert read(home, **given, DEBUG="1").secret_key == ""


def test_a_secret_may_begin_with_a_dollar(home: Path) -> None:
    """It is nobody's name."""
    assert read(home, **{**REAL, "SECRET_KEY": "$HOME is where"}).secret_key == "$HOME is where"


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


def test_more_hosts_are_answered_beside_those_of_the_origins(home: Path) -> None:
    """Inside a deployment a server has other names."""
    found = read(home, **REAL, ORIGINS="https://a.test", ALLOWED_HOSTS="server-1, 10.0.0.7")
    assert found.allowed_hosts == ["a.test", "server-1", "10.0.0.7"]


@pytest.mark.parametrize(
    "given", ["https://*.example.com", "shop.example.com", "ftp://a", "https://a/path", "https://"]
)
def test_an_impossible_origin_is_named(home: Path, given: str) -> None:
    """The message shows the value and how it should look."""
    with pytest.raises(ImproperlyConfigured, match="is not like https://shop"):
        read(home, **REAL, ORIGINS=given)
