"""One notification to everyone, 2,000 people connected to one server: commit → the last of them.

Everyone has a session, a socket and a view of their own (`notifications/mine`). The readers are two processes
beside the server. What bringing them in costs is told apart: all at once to a fresh server (a snapshot each),
and again after it was restarted (a cursor each).
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.report import Record, median, percentile
from bench.stage import Stage
from tests.support.processes import environment

READERS = 2_000
PROCESSES = 2

INSERT = "INSERT INTO notifications_notification (audience, title, level) VALUES ('everyone', %s, 'info')"


class Crowd:
    """The readers' processes, commanded together."""

    def __init__(self, processes: list["subprocess.Popen[str]"]) -> None:
        self._processes = processes

    def tell(self, command: str) -> None:
        """Send a command to all."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(command + "\n")
            process.stdin.flush()

    def answers(self) -> list[Any]:
        """Return each process's next line."""
        found = []
        for process in self._processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"bench: the readers ended with {process.wait()}")
            found.append(line.strip())
        return found


@contextmanager
def crowd(stage: Stage, session_keys: list[str]) -> Iterator[Crowd]:
    """Yield so many readers, and end them."""
    processes = []
    for number in range(PROCESSES):
        keys = stage.folder / f"keys-{number}.json"
        keys.write_text(json.dumps(session_keys[number::PROCESSES]))
        argv = [sys.executable, "-m", "bench.readers", str(keys)]
        processes.append(
            subprocess.Popen(argv, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
    try:
        yield Crowd(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(stage: Stage, times: int) -> list[Record]:
    """Return records of the way in, of so many notifications by each way, and of the way back in."""
    people = _sign_in(stage)
    stage.relay()
    port = stage.server()
    with crowd(stage, people["session_keys"]) as everybody:
        records = _come(everybody, port, "come to a fresh server")
        records.append(_ring(stage, everybody, "INSERT", times, lambda title: _insert(stage, title)))
        records.append(_ring(stage, everybody, "POST", times, lambda title: _post(port, people["token"], title)))
        stage.processes[-1].stop(60)  # with so many goodbyes to say
        records += _come(everybody, stage.server(), "come back after a restart")
    return records


def _sign_in(stage: Stage) -> Any:
    variables = environment(**{**stage.variables, "DJANGO_SETTINGS_MODULE": "core.settings"})
    argv = [sys.executable, "-m", "bench.people", str(READERS)]
    return json.loads(subprocess.run(argv, env=variables, capture_output=True, text=True, check=True).stdout)


def _come(everybody: Crowd, port: int, name: str) -> list[Record]:
    """Bring everybody in; a record of the connects and one of the rows that were then asked for."""
    start = time.monotonic()
    everybody.tell(f"connect {port}")
    answers = [json.loads(line) for line in everybody.answers()]
    connected = max(at for answer in answers for at in answer["connected"])
    shown = [at for answer in answers for at in answer["shown"]]
    resumed, refused = (sum(answer[name] for answer in answers) for name in ("resumed", "refused"))
    return [
        {"what": f"{name}: connects", "clients": len(shown), "per_second": len(shown) / (connected - start)},
        {
            "what": f"{name}: rows", "clients": len(shown), "per_second": len(shown) / (max(shown) - connected),
            "median_s": median(shown) - connected, "p99_s": percentile(shown, 0.99) - connected,
            "last_s": max(shown) - connected, "resumed": resumed, "refused": refused,
        },
    ]  # fmt: skip


def _ring(stage: Stage, everybody: Crowd, way: str, times: int, write: Callable[[str], float]) -> Record:
    """Notify everybody so many times; seconds from commit to each, of all times together, and the slowest last."""
    before = _rows(stage)
    delays: list[float] = []
    for number in range(times):
        title = f"{way} {number}"
        everybody.tell(f"expect {title}")
        everybody.answers()
        committed = write(title)
        delays += [at - committed for line in everybody.answers() for at in json.loads(line)]
    return {
        "what": f"one notification to everyone, {way}", "clients": len(delays) // times,
        "median_s": median(delays), "p99_s": percentile(delays, 0.99), "last_s": max(delays),
        "rows_written": (_rows(stage) - before) / times,
    }  # fmt: skip


def _insert(stage: Stage, title: str) -> float:
    """Write one row; return when it was committed."""
    with stage.connect() as connection:
        connection.execute(INSERT, [title])
        return time.monotonic()


def _post(port: int, token: str, title: str) -> float:
    """Push one through the API; return when it was asked for: its commit is a part of the answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/notifications",
        data=json.dumps({"to": "everyone", "title": title}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    asked = time.monotonic()
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201, answer.status
    return asked


def _rows(stage: Stage) -> int:
    with stage.connect() as connection:
        row = connection.execute("SELECT count(*) FROM notifications_notification").fetchone()
    assert row is not None
    return int(str(row[0]))
