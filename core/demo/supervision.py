"""Keep a few processes running: start them again with backoff when they end, and end them all in order."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.demo.embedded import EmbeddedError, children
from core.demo.embedded.children import Nap
from core.demo.embedded.folders import reason_in, size_of
from core.demo.embedded.state import CHECKOUT

Say = Callable[[str], None]
"""Prints one line for the person at the terminal."""

BACKOFF_SECONDS = (1, 2, 5, 10, 30)
"""Waits before the next start, by the number of ends in a row."""

STEADY_SECONDS = 30.0
"""A process that ran for so long counts as well when it ends: its next start comes soon."""

LOOK_SECONDS = 0.1
STOP_SECONDS = 6.0


class Service(Protocol):
    """What is supervised: an embedded server or a command."""

    @property
    def log(self) -> Path:
        """The file with its output."""

    @property
    def running(self) -> bool:
        """Tell whether its process is alive."""

    def reason(self) -> str:
        """Return the line that says best why it ended."""

    def start(self) -> None:
        """Start it; EmbeddedError when that fails."""

    def stop(self) -> None:
        """End it, and return when it has ended."""


class Command:
    """A management command of this checkout as a child; its output goes to a log of its own."""

    def __init__(self, *arguments: str, folder: Path, env: Mapping[str, str], nap: Nap) -> None:
        self.argv = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
        self.name = arguments[0]
        self.log = folder / f"{self.name}.log"
        self.env = {**env, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        self.nap = nap
        self.process: subprocess.Popen[bytes] | None = None
        self._since = 0
        self.log.unlink(missing_ok=True)

    @property
    def running(self) -> bool:
        """Tell whether its process is alive."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and return at once."""
        self._since = size_of(self.log)
        self.process = children.spawn(
            self.argv, folder=CHECKOUT, log=self.log, last_signal=signal.SIGKILL, env=self.env
        )

    def stop(self) -> None:
        """End it with SIGTERM, with SIGKILL when it does not follow."""
        if self.process:
            children.end(self.process, (signal.SIGTERM, STOP_SECONDS))

    def run(self) -> None:
        """Run it to its end; raise EmbeddedError with its last line when it fails."""
        self.start()
        try:
            self._wait()
        finally:
            self.stop()

    def _wait(self) -> None:
        assert self.process is not None
        while (code := self.process.poll()) is None:
            self.nap(LOOK_SECONDS)
        if code:
            raise EmbeddedError(f"`manage.py {self.name}` failed: {self.reason()} (exit {code}, log: {self.log})")

    def reason(self) -> str:
        """Return the line that says best why it ended."""
        return reason_in(self.log, since=self._since)

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until it has printed the text; raise EmbeddedError when it ends before or takes too long."""
        deadline = time.monotonic() + seconds
        while text not in self.log.read_text(errors="replace"):
            if not self.running:
                raise EmbeddedError(f"`manage.py {self.name}` ended: {self.reason()} (log: {self.log})")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"`manage.py {self.name}` is not ready after {seconds:.0f} s (log: {self.log})")
            self.nap(LOOK_SECONDS)


@dataclass
class Watched:
    """A service and its recent history: since when it runs, how often in a row it ended, when it is due again."""

    name: str
    service: Service
    since: float | None = None
    ends: int = 0
    due: float | None = None


@dataclass
class Supervisor:
    """Watches services in the order in which they were started, and stops them in the reverse order."""

    say: Say
    nap: Nap
    watched: list[Watched] = field(default_factory=list)

    def start(self, name: str, service: Service) -> None:
        """Start a service and watch it from now on."""
        entry = Watched(name, service)
        self.watched.append(entry)
        service.start()
        entry.since = time.monotonic()

    def watch(self) -> None:
        """Keep everything running until `nap` raises, as it does after a signal."""
        while True:
            for entry in self.watched:
                self.look(entry, time.monotonic())
            self.nap(LOOK_SECONDS)

    def look(self, entry: Watched, now: float) -> None:
        """Note that a service has ended, or start it again when that is due."""
        if entry.due is None and not entry.service.running:
            self._ended(entry, now, entry.service.reason())
        elif entry.due is not None and now >= entry.due:
            entry.due = None
            try:
                entry.service.start()
                entry.since = time.monotonic()
            except (EmbeddedError, OSError) as error:
                self._ended(entry, now, str(error))

    def stop(self) -> None:
        """Stop everything, the last started first; never leave one behind because another one fails to stop."""
        for entry in reversed(self.watched):
            try:
                entry.service.stop()
            except OSError as error:
                self.say(f"{entry.name} could not be stopped: {error}")
        self.watched.clear()

    def _ended(self, entry: Watched, now: float, reason: str) -> None:
        steady = entry.since is not None and now - entry.since > STEADY_SECONDS
        entry.since = None
        entry.ends = 1 if steady else entry.ends + 1
        wait = BACKOFF_SECONDS[min(entry.ends, len(BACKOFF_SECONDS)) - 1]
        entry.due = now + wait
        self.say(f"{entry.name} ended: {reason}; starting it again in {wait} s (log: {entry.service.log})")
