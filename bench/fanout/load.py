"""The load client (`load.c`), driven from Python."""

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.fanout.build import compiled

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Audience:
    """Who subscribes, and to what: see `load.c` and `script.h` for what the words mean.

    `lines` are what `{line}` stands for, one for each connection; `options` are further arguments.
    """

    port: int
    connections: int
    path: str = "/ws/"
    script: Sequence[str] = ()
    subprotocol: str | None = None
    headers: Sequence[str] = ()
    lines: Sequence[str] = ()
    start: str = "0"
    stream: bool = False
    at_once: int = 200
    patience_seconds: int = 30
    options: Sequence[str] = field(default_factory=list)

    def arguments(self, folder: Path) -> list[str]:
        """Return the command line, with what is long in files."""
        argv = [str(compiled("load")), f"--port={self.port}", f"--connections={self.connections}"]
        argv += [f"--path={self.path}", f"--start={self.start}", f"--at-once={self.at_once}"]
        argv.append(f"--patience={self.patience_seconds}")
        argv += [f"--header={header}" for header in self.headers]
        argv += [f"--subprotocol={self.subprotocol}"] if self.subprotocol else []
        argv += ["--stream"] if self.stream else []
        for name, text in (("script", self.script), ("lines", self.lines)):
            if text:
                (folder / name).write_text("\n".join(text) + "\n")
                argv.append(f"--{name}={folder / name}")
        return [*argv, *self.options]


class LoadFailed(Exception):
    """The load client ended, or did not answer in time."""


class Load:
    """A running load client. `reached` is the lowest number that all its connections have reached."""

    def __init__(self, audience: Audience) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tideline-load-")
        argv = audience.arguments(Path(self._folder.name))
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._changed = threading.Condition()
        self._answers: list[dict[str, Any]] = []
        self._ended = False
        self.reached = -1
        self.closed: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, name="load", daemon=True)
        self._reader.start()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def connect(self, first: int | None = None, end: int | None = None) -> dict[str, Any]:
        """Open the connections, and return how that went once each has ended its script or failed."""
        return self._ask("connect", first, end)

    def measure(self) -> dict[str, Any]:
        """Return what was counted so far, and forget it: one window ends and the next begins."""
        return self._ask("measure")

    def report(self, number: int = 0) -> dict[str, Any]:
        """Return what was counted since `measure`; `missing` is what has not arrived up to the number."""
        return self._ask("report", number)

    def stall(self, first: int, end: int) -> None:
        """Stop reading these connections, and count them apart from now on."""
        self._ask("stall", first, end)

    def resume(self, first: int, end: int) -> None:
        """Read them again."""
        self._ask("resume", first, end)

    def drop(self, first: int | None = None, end: int | None = None) -> None:
        """Cut connections without a goodbye."""
        self._ask("close", first, end)

    def wait_beyond(self, number: int, seconds: float) -> bool:
        """Wait until all have reached more than the number; False when they have not after the seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.reached > number or self._ended, seconds) and not self._ended

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()
        self._folder.cleanup()

    def _tell(self, *words: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(" ".join(str(word) for word in words if word is not None) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def _ask(self, *words: object) -> dict[str, Any]:
        self._tell(*words)
        with self._changed:
            if not self._changed.wait_for(lambda: self._answers or self._ended, PATIENCE_SECONDS):
                raise LoadFailed(f"the load client does not answer {words[0]!r} in {PATIENCE_SECONDS:.0f} s")
            if self._answers:
                return self._answers.pop(0)
        raise self._failure()

    def _failure(self) -> LoadFailed:
        assert self._process.stderr is not None
        self._process.wait()
        return LoadFailed(self._process.stderr.read().strip() or f"it ended with {self._process.returncode}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith("\n"):
                break  # it was killed
            with self._changed:
                if line.startswith("reached "):
                    self.reached = int(line[8:])
                else:
                    event = json.loads(line)
                    (self.closed if event["event"] == "closed" else self._answers).append(event)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def settle(load: Load, number: int, quiet_seconds: float = 3.0) -> bool:
    """Wait until all have reached the number; False when nothing has advanced for the quiet seconds."""
    while load.reached < number:
        if not load.wait_beyond(load.reached, quiet_seconds):
            return False
    return True


def stamp() -> int:
    """Return the clock that messages carry."""
    return time.monotonic_ns()
