"""Processes that an operator's supervisor would keep running: killed ones are started again at once.

All are started by one thread, because a child dies with the thread that started it.
"""

import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tests.support.processes import Process
from tests.support.waiting import eventually

T = TypeVar("T")

LOOK_SECONDS = 0.01
APART_SECONDS = 0.1
"""Two starts of one process are so far apart at least."""


class Unit:
    """One process under supervision; its output goes on in one log, whatever happens to it."""

    def __init__(self, name: str, argv: list[str], env: Mapping[str, str], log: Path, ready: str) -> None:
        self.name = name
        self.argv = argv
        self.env = dict(env)
        self.log = log
        self.wanted = False
        self.starts = 0
        self.process: Process | None = None
        self._ready = ready
        self._started_at = 0.0
        self._said = 0

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self.process is not None and self.process.running

    @property
    def live(self) -> Process:
        """The process, which must have been started."""
        assert self.process is not None, f"{self.name} has not been started"
        return self.process

    @property
    def is_ready(self) -> bool:
        """Tell whether the process that runs now has said that it is ready."""
        return self.running and re.search(self._ready, self._output()) is not None

    def begin(self) -> None:
        """Start it; in the supervisor's thread."""
        self._said = self.log.stat().st_size if self.log.exists() else 0
        self._started_at = time.monotonic()
        self.starts += 1
        self.process = Process(self.argv, env=self.env, log=self.log)

    def due(self) -> bool:
        """Tell whether it is to be started now."""
        return self.wanted and not self.running and time.monotonic() - self._started_at > APART_SECONDS

    def kill(self) -> None:
        """Kill it with -9; the supervisor starts it again."""
        self.live.popen.kill()

    def freeze(self) -> None:
        """Stop it, as a hanging machine would."""
        with suppress(ProcessLookupError):
            self.live.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        with suppress(ProcessLookupError):
            self.live.thaw()

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Wait until it says that it is ready."""
        eventually(lambda: self.is_ready, seconds, what=f"{self.name} is ready (its log: {self.log})")

    def _output(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self._said)
            return file.read().decode(errors="replace")


class Supervisor:
    """Keeps units running, in a thread of its own; `call` runs anything else in that thread."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self._asked: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, unit: Unit) -> None:
        """Start a unit, and keep it running."""
        if unit not in self.units:
            self.units.append(unit)
        unit.wanted = True

    def stop(self, unit: Unit, seconds: float = 10.0) -> None:
        """End a unit with SIGTERM, and leave it so; a frozen one is killed."""
        unit.wanted = False
        if unit.process is None:
            return
        if unit.running:
            unit.process.popen.terminate()
        try:
            unit.process.wait(seconds)
        except AssertionError:
            unit.process.clean_up()

    def replace(self, unit: Unit, argv: list[str], env: Mapping[str, str]) -> None:
        """Run a unit with another command from now on."""
        self.stop(unit)
        unit.argv, unit.env = argv, dict(env)
        self.start(unit)

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the thread that starts processes, and return what it returns."""
        asked: Future[T] = Future()
        self._asked.put((asked, function))
        return asked.result()

    def close(self) -> None:
        """End everything."""
        for unit in self.units:
            unit.wanted = False
        for unit in self.units:
            if unit.process is not None:
                unit.process.clean_up()
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            with suppress(queue.Empty):
                asked, function = self._asked.get(timeout=LOOK_SECONDS)
                try:
                    asked.set_result(function())
                except BaseException as error:  # noqa: BLE001 - it is the caller's
                    asked.set_exception(error)
            for unit in self.units:
                if unit.due():
                    unit.begin()
