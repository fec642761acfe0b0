"""Real processes of the product: started as an operator would, with their output kept for a failing test."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from core.demo.embedded.children import LIBC, PR_SET_PDEATHSIG, alive, descendants

CHECKOUT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "SECRET_KEY": "for-tests-alone:qZ7wY2nK9xB4tV6mC1pL8sD3fG5hJ0rT+a",
    "ALLOWED_HOSTS": "127.0.0.1,localhost",
    "ALLOW_HTTP": "1",
}
"""What an installation on a database of one's own needs beside its servers."""


class Process:
    """A running command of this checkout; its output goes to `log`."""

    def __init__(self, argv: list[str], *, env: Mapping[str, str], log: Path, cwd: Path = CHECKOUT) -> None:
        self.argv = argv
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_die_with_the_tests,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The process id."""
        return self.popen.pid

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self.popen.poll() is None

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern: str, seconds: float = 60.0) -> "re.Match[str]":
        """Wait for a line that matches; fail with the output when it doesn't come or the process ends."""
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.running
            if found := re.search(pattern, self.output, re.MULTILINE):
                return found
            assert not ended, f"{self.argv} ended with {self.popen.returncode} before {pattern!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"{self.argv}: no {pattern!r} in {seconds} s:\n{self.output}"
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.popen.send_signal(number)

    def freeze(self) -> None:
        """Stop it, as a hanging machine would."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it with -9."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, seconds: float = 30.0) -> int:
        """End it with SIGTERM and return its exit code; fail when that takes longer than the seconds."""
        if self.running:
            self.send(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 60.0) -> int:
        """Return the exit code; fail when it does not end within the seconds."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv} has not ended after {seconds} s:\n{self.output}") from None

    def clean_up(self) -> None:
        """Leave nothing of it behind."""
        family = [*descendants(self.pid), self.pid] if self.running else []
        for pid in family:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.popen.wait()


def _die_with_the_tests() -> None:
    """Ask the kernel for a SIGTERM when pytest is killed: nothing may outlive it."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def environment(**changes: str) -> dict[str, str]:
    """Return the environment for a process of the product: this one's, without what would choose servers or rules."""
    ours = (
        *("DATABASE_URL", "REDIS_URL", "DEMO", "DEBUG", "SECRET_KEY", "ALLOW", "ORIGINS", "BEHIND_PROXY", "TIDELINE_"),
        *("DJANGO_SETTINGS_MODULE", "PORT", "MAKE", "MFLAGS", "PG"),
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**inherited, "PYTHONUNBUFFERED": "1", **changes}


def manage(*arguments: str) -> list[str]:
    """Return the command line of a management command."""
    return [sys.executable, "-W", "error", "manage.py", *arguments]
