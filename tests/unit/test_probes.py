"""A relay's probes: what each says of a relay that gets on, that waits for PostgreSQL, that hangs."""

import json
import time
from dataclasses import dataclass

import pytest

from realtime.drivers.probes import LATE_SECONDS, STUCK_SECONDS, Probes


@dataclass
class Relay:
    """A relay as it is probed: how long ago it moved, and looked."""

    moved_ago: float
    looked_ago: float | None

    @property
    def moved_at(self) -> float:
        return time.monotonic() - self.moved_ago

    @property
    def looked_at(self) -> float | None:
        return None if self.looked_ago is None else time.monotonic() - self.looked_ago


@pytest.mark.parametrize(
    ("moved_ago", "looked_ago", "health", "readiness"),
    [
        (0, 0, 200, 200),
        (0, None, 200, 503),
        (LATE_SECONDS / 2, LATE_SECONDS / 2, 200, 200),
        (0, LATE_SECONDS + 1, 200, 503),
        (STUCK_SECONDS / 2, STUCK_SECONDS / 2, 200, 503),
        (STUCK_SECONDS + 1, STUCK_SECONDS + 1, 503, 503),
    ],
)
def test_health_and_readiness(moved_ago: float, looked_ago: float | None, health: int, readiness: int) -> None:
    """One that tries in vain lives and is not ready; one in which nothing moves is not even well."""
    probes = Probes(Relay(moved_ago, looked_ago))
    for path, expected in (("/healthz", health), ("/readyz", readiness)):
        found = probes.answer("GET", path)
        assert found.status == expected
        assert bool(json.loads(found.body)["reasons"]) == (expected != 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "/healthz", 200), ("GET", "/metrics", 200), ("GET", "/", 404), ("POST", "/healthz", 405)],
)
def test_what_else_is_asked(method: str, path: str, status: int) -> None:
    """What is not there says what is."""
    assert Probes(Relay(0, 0)).answer(method, path).status == status
