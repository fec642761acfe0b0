"""The supervisor starts again what ended, later each time, and stops everything in order."""

import time
from pathlib import Path

import pytest

from core.demo.embedded import EmbeddedError
from core.demo.embedded.folders import reason_in
from core.demo.supervision import BACKOFF_SECONDS, STEADY_SECONDS, Supervisor, Watched


class FakeService:
    """A service that does what the test says."""

    def __init__(self, log: Path, history: list[str], name: str = "it") -> None:
        self.log = log
        self.history = history
        self.name = name
        self.running = True
        self.failure: Exception | None = None

    def reason(self) -> str:
        """Return the last line of the log."""
        return reason_in(self.log)

    def start(self) -> None:
        """Start, or fail as told."""
        self.history.append(f"start {self.name}")
        if self.failure:
            raise self.failure
        self.running = True

    def stop(self) -> None:
        """Stop, or fail as told."""
        self.history.append(f"stop {self.name}")
        if self.failure:
            raise self.failure


@pytest.fixture
def said() -> list[str]:
    """The lines that the supervisor printed."""
    return []


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    """A running service."""
    return FakeService(tmp_path / "it.log", [])


def test_a_service_that_ended_is_started_again_after_a_wait(service: FakeService, said: list[str]) -> None:
    """One clear line says why and when; nothing happens before."""
    supervisor, entry = Supervisor(said.append, time.sleep), Watched("it", service, since=0.5)
    service.running = False
    service.log.write_text("first line\nwhat went wrong\n")
    supervisor.look(entry, 1.0)
    assert said == [f"it ended: what went wrong; starting it again in 1 s (log: {service.log})"]
    supervisor.look(entry, 1.9)
    assert service.history == []
    supervisor.look(entry, 2.0)
    assert service.history == ["start it"]
    supervisor.look(entry, 2.1)
    assert len(said) == 1


def test_the_waits_grow_and_stay(service: FakeService, said: list[str]) -> None:
    """Each end in a row waits longer, up to the last wait; a start that fails counts as one."""
    supervisor, entry = Supervisor(said.append, time.sleep), Watched("it", service, since=0.5)
    service.running = False
    service.failure = EmbeddedError("it can't")
    waits = []
    now = 1.0
    for _ in range(7):
        supervisor.look(entry, now)
        assert entry.due is not None
        waits.append(entry.due - now)
        now = entry.due
    assert waits == [*BACKOFF_SECONDS, BACKOFF_SECONDS[-1], BACKOFF_SECONDS[-1]]
    assert "it ended: it can't; starting it again in 30 s" in said[-1]


def test_a_long_life_forgives(service: FakeService, said: list[str]) -> None:
    """After a steady while the next start comes soon again."""
    supervisor, entry = Supervisor(said.append, time.sleep), Watched("it", service, since=100.0, ends=4)
    service.running = False
    supervisor.look(entry, 100.0 + STEADY_SECONDS + 1)
    assert entry.due == 100.0 + STEADY_SECONDS + 1 + BACKOFF_SECONDS[0]


def test_everything_is_stopped_in_reverse_order(tmp_path: Path, said: list[str]) -> None:
    """Also when one of them fails to stop."""
    history: list[str] = []
    supervisor = Supervisor(said.append, time.sleep)
    services = [FakeService(tmp_path / "log", history, name) for name in ("database", "relay", "server")]
    for each in services:
        supervisor.start(each.name, each)
    services[1].failure = OSError("no permission")
    history.clear()
    supervisor.stop()
    assert history == ["stop server", "stop relay", "stop database"]
    assert said == ["relay could not be stopped: no permission"]
