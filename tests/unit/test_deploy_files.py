"""The files of the deployment: they tell and pass what the product reads, and keep to what they promise."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from ruamel.yaml import YAML

from core import environment
from core.environment import read_environment
from core.production import fit_for_use
from realtime import metrics
from tests.support.processes import CHECKOUT

COMPOSE_ONLY = {"POSTGRES_PASSWORD", "SCHEME", "TLS_FOLDER", "HTTP_PORT", "HTTPS_PORT", "SERVER_PROCESSES"}
"""What compose.yaml alone reads of `.env`."""

DEVELOPMENT_ONLY = {"DEBUG", "DEMO", "TIDELINE_HOME"}


class Recording(Mapping[str, str]):
    """An environment that notes what is read of it."""

    def __init__(self, home: Path) -> None:
        self._home = str(home)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        if name == "TIDELINE_HOME":
            return self._home
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the environment is read by name")

    def __len__(self) -> int:
        return 1


@pytest.fixture
def read(tmp_path: Path) -> set[str]:
    """The names of all variables that the product reads."""
    recording = Recording(tmp_path)
    read_environment(recording)
    return recording.read


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """The variables of `.env.example`, also those that are commented out."""
    found = re.findall(r"^#?([A-Z_]+)=(.*)$", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml, with its anchors resolved."""
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(CHECKOUT / "compose.yaml")
    return loaded


def ours(compose: dict[str, Any]) -> dict[str, Any]:
    """Return the services that run the product's image."""
    return {name: each for name, each in compose["services"].items() if each["image"] == "tideline"}


def test_every_variable_is_in_the_example_and_no_other(read: set[str], example: dict[str, str]) -> None:
    """Nobody has to read the sources to learn of one, or sets one that does nothing."""
    assert set(example) - COMPOSE_ONLY == read


def test_every_variable_is_in_the_table(read: set[str]) -> None:
    """The module that reads them says what they mean; the operator's page has the same ones."""
    for text in (str(environment.__doc__), (CHECKOUT / "docs/OPERATE.md").read_text()):
        rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
        named = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row)}
        assert named - COMPOSE_ONLY == read


def test_every_metric_is_explained() -> None:
    """The operator's page has each one by the name under which it is scraped."""
    text = (CHECKOUT / "docs/OPERATE.md").read_text()
    scraped = re.findall(r"^# TYPE (realtime_\w+) ", generate_latest(metrics.registry).decode(), re.MULTILINE)
    assert [name for name in scraped if not name.endswith("_created") and f"`{name}`" not in text] == []


def test_compose_passes_what_is_needed(compose: dict[str, Any], read: set[str], example: dict[str, str]) -> None:
    """All but what the image knows itself and what is not for production; and reads nothing that is not explained."""
    for service in ours(compose).values():
        assert set(service["environment"]) == read - DEVELOPMENT_ONLY - {"STATIC_ROOT"}
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", (CHECKOUT / "compose.yaml").read_text()))
    assert interpolated <= set(example)
    assert interpolated >= COMPOSE_ONLY


@pytest.mark.parametrize("changes", [{}, {"ORIGINS": "http://shop.lan", "ALLOW_HTTP": "1", "SCHEME": "http"}])
def test_a_filled_in_example_starts(
    compose: dict[str, Any], example: dict[str, str], tmp_path: Path, changes: dict[str, str]
) -> None:
    """What compose makes of it is a sound production environment, over https and on a network of one's own."""
    secret = "0aGvJ7l-cXq2TnM5wRz8_sKd3PbYh6UeF1iLo9NtV4jBxWuEmQ"
    given = {**example, "SECRET_KEY": secret, "POSTGRES_PASSWORD": "secret", **changes}
    passed = {name: interpolate(str(value), given) for name, value in ours(compose)["relay"]["environment"].items()}
    found = fit_for_use(read_environment({**passed, "TIDELINE_HOME": str(tmp_path)}))
    assert found.production
    assert found.behind_proxy
    assert found.database["HOST"] == "postgres"
    assert found.https == (not changes)


def interpolate(text: str, given: dict[str, str]) -> str:
    """Put variables in as compose does."""
    return re.sub(r"\$\{([A-Z_]+):[-?]([^}]*)\}", lambda found: given.get(found[1]) or found[2], text)


def test_only_the_door_is_open(compose: dict[str, Any]) -> None:
    """No port is published but nginx's, and the servers' network leads nowhere."""
    assert [name for name, each in compose["services"].items() if "ports" in each] == ["nginx"]
    assert compose["networks"]["inside"]["internal"]
    outside = [name for name, each in compose["services"].items() if "outside" in each["networks"]]
    assert outside == ["nginx"]


def test_what_runs_is_watched_bounded_and_restarted(compose: dict[str, Any]) -> None:
    """Every service but the migration; our image brings its own health check."""
    assert "HEALTHCHECK" in (CHECKOUT / "Dockerfile").read_text()
    for name, service in compose["services"].items():
        if name == "migrate":
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped"
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert name in ours(compose) or service["healthcheck"]["test"]
        assert name == "postgres" or service["read_only"]


def test_servers_and_relay_start_after_the_migration(compose: dict[str, Any]) -> None:
    """And nginx after the servers, whose addresses it looks up once."""
    for name in ("relay", "server-1", "server-2"):
        waits = compose["services"][name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
    for waits in compose["services"]["nginx"]["depends_on"].values():
        assert waits == {"condition": "service_healthy", "restart": True}


def test_the_image_has_what_it_needs_alone() -> None:
    """No tests, no data, no secrets, no packages of development."""
    kept = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert [line for line in kept if line.startswith("!")] == [
        f"!{name}" for name in ("pyproject.toml", "uv.lock", "asgi.py", "manage.py", "realtime", "consumers", "core")
    ]
    assert "uv sync --frozen --no-default-groups" in (CHECKOUT / "Dockerfile").read_text()
