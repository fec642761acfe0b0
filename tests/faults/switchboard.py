"""The harness's end of the links: a process of proxies, and what it is told to do."""

import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass

from tests.faults.links import AT_ONCE, Manner
from tests.support.ports import free_port
from tests.support.processes import CHECKOUT, environment


@dataclass(frozen=True, slots=True)
class Line:
    """One link: its name, the port that it listens on, and the one behind it."""

    name: str
    port: int
    behind: int


class Switchboard:
    """All links of a stage. Start it from a thread that lives as long as it should."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def add(self, name: str, behind: int) -> int:
        """Return the port of a new link to the port behind it; before the start."""
        assert self._process is None, "links are added before the start"
        self.lines.append(Line(name, free_port(), behind))
        return self.lines[-1].port

    @property
    def names(self) -> list[str]:
        """The links' names."""
        return list(dict.fromkeys(line.name for line in self.lines))

    def start(self) -> None:
        """Start the proxies and wait until they take connections."""
        wanted = json.dumps([[line.name, line.port, line.behind] for line in self.lines])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.links", wanted],
            cwd=CHECKOUT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            start_new_session=True,
        )  # fmt: skip
        assert self._answer() == "ready"

    def behave(self, name: str, manner: Manner = AT_ONCE) -> None:
        """Let the links of that name carry in another manner; without one, as ever."""
        self._tell({"link": name, "do": "behave", "manner": asdict(manner)})

    def reset(self, name: str) -> None:
        """End all connections of the links of that name with a TCP reset."""
        self._tell({"link": name, "do": "reset"})

    def connections(self, name: str) -> int:
        """Return how many connections the links of that name carry."""
        line = next(each for each in self.lines if each.name == name)
        return self._tell({"link": line.name, "do": "count"})

    def stop(self) -> None:
        """End the proxies."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _tell(self, command: dict[str, object]) -> int:
        assert self._process is not None and self._process.stdin is not None, "not started"
        with self._turn:
            self._process.stdin.write(json.dumps(command) + "\n")
            return int(json.loads(self._answer())["connections"])

    def _answer(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the proxies have ended"
        return line
