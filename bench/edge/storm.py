"""Many that come at once: signed in, subscribed, with their rows; and that come back at once, with what they had.

Coming is compared with a bare echo on plain Daphne: connect, say a word, have it back. Coming back is to two fresh
processes, as after a restart; the statements that PostgreSQL was asked are counted from its own log.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from bench.cpu import Meter
from bench.edge.figures import Figure, ratio
from bench.edge.subjects import AT_ONCE, WARM_UP, Server, bare_echo, echoing, opened, subscribed, tideline, warm_up
from bench.edge.ticks import Ticks
from bench.fanout.load import Audience, Load
from bench.report import Record, median
from bench.stage import Stage
from core.demo.embedded.folders import free_port
from tests.support.processes import environment

KEY = 3
SHARED, OWN = f"tick/{KEY}", "notifications/mine"
"""A topic whose rows are everybody's, and one whose rows are each user's own: a view for all, and a view each."""

PROCESSES = 2
SNAPSHOT = r"SELECT id FROM realtime_inbox WHERE stream"
ROWS = r'FROM "\w+" t WHERE .* LIMIT \d+'
READ = r"FROM realtime_log\s+WHERE stream"
MISSED = 20
"""So many changes are made while everybody is away."""


def run(stage: Stage, people: int, rounds: int) -> tuple[list[Figure], list[Record]]:
    """Return the figures of coming and of coming back."""
    keys = _sign_in(stage, WARM_UP + people)
    ticks = Ticks(stage, [KEY])
    relay = stage.relay()
    figures, rows = _come(stage, keys, rounds)
    for topic, views, kinds in ((SHARED, 1, 1), (OWN, people, 2)):
        more, row = _come_back(stage, ticks, keys[WARM_UP:], topic, views, kinds)
        figures += more
        rows.append(row)
    relay.stop()
    return figures, rows


def _sign_in(stage: Stage, count: int) -> list[str]:
    argv = [sys.executable, "-m", "bench.people", str(count)]
    done = subprocess.run(argv, env=environment(**stage.variables), capture_output=True, text=True, check=True)
    keys: list[str] = json.loads(done.stdout)["session_keys"]
    return keys


# Coming


def _come(stage: Stage, keys: Sequence[str], rounds: int) -> tuple[list[Figure], list[Record]]:
    warm, people = keys[:WARM_UP], keys[WARM_UP:]

    def signed_in(topic: str) -> Callable[[int, int, int], Audience]:
        return lambda port, count, at_once: subscribed(
            port, count, at_once, topic, warm if count == WARM_UP else people
        )

    subjects: list[tuple[str, Callable[[Stage], AbstractContextManager[Server]], Any]] = [
        ("bare echo on plain Daphne", bare_echo, echoing),
        ("Tideline, signed in, a view for all", tideline, signed_in(SHARED)),
        ("Tideline, signed in, a view each", tideline, signed_in(OWN)),
    ]
    rows = [_round(stage, *subject, len(people)) for _ in range(rounds) for subject in subjects]
    rates = [median([row["connects_per_second"] for row in rows if row["subject"] == name]) for name, _, _ in subjects]
    figures = [
        Figure("connect and echo, bare echo on plain Daphne", rates[0], "connects/s"),
        Figure("connect, authenticate, subscribe, snapshot: a view for all", rates[1], "connects/s"),
        Figure("connect, authenticate, subscribe, snapshot: a view each", rates[2], "connects/s"),
        Figure("a view for all, beside the bare echo", ratio(rates[1], rates[0]), "times", 0.5, "at least"),
        Figure("a view each, beside the bare echo", ratio(rates[2], rates[0]), "times"),
    ]
    return figures, rows


def _round(
    stage: Stage,
    name: str,
    start: Callable[[Stage], AbstractContextManager[Server]],
    come: Callable[[int, int, int], Audience],
    people: int,
) -> Record:
    with start(stage) as server:
        warm_up(come(server.port, WARM_UP, AT_ONCE))
        meter = Meter({"server": server.pids})
        with Load(come(server.port, people, AT_ONCE)) as load:
            answer = opened(load)
            used = meter.seconds()["server"]
    return {
        "subject": name, "clients": people, "connects_per_second": answer["connects_per_second"],
        "cpu_ms_each": used * 1000 / people, "p50_ms": answer["p50_ms"], "p99_ms": answer["p99_ms"],
    }  # fmt: skip


# Coming back


def _come_back(
    stage: Stage, ticks: Ticks, keys: Sequence[str], topic: str, views: int, kinds: int
) -> tuple[list[Figure], Record]:
    """Return how it is to come back to a topic with so many views, each of rows of so many kinds."""
    port, people = free_port(), len(keys)
    two = ("--processes", str(PROCESSES))
    audience = Audience(
        port, people, subprotocol="realtime.v1", at_once=people, start="snapshot", lines=keys,
        headers=["Cookie: sessionid={line}"], options=['--count="type":"resumed"', '--count="type":"snapshot"'],
        script=[
            f'text {{"type":"subscribe","id":1,"topic":"{topic}"{{cursor}}}}', 'wait "last":true || "type":"changes"',
        ],
    )  # fmt: skip
    with Load(audience) as load:
        with tideline(stage, *two, port=port):
            opened(load)
            load.drop()
        ticks.write(200.0, MISSED / 200.0)
        with _statements(stage) as asked, tideline(stage, *two, port=port) as server:
            meter = Meter({"server": server.pids})
            load.measure()
            answer = opened(load)
            used, window = meter.seconds()["server"], load.report()
            snapshots, queries, reads, everything = asked(SNAPSHOT), asked(ROWS), asked(READ), asked("")
    resumed, fresh = window["counts"]
    title = "a view for all" if views == 1 else "a view each"
    back = f"{people:,} come back at once to {PROCESSES} processes, {title}"
    figures = [
        Figure(f"{back}: all live", answer["seconds"], "s", 3),
        Figure(f"{back}: queries of rows", queries, "", kinds * (PROCESSES if views == 1 else views)),
        Figure(f"{back}: transactions for them", snapshots, ""),
        Figure(f"{back}: reads of the log", reads, "", PROCESSES),
        Figure(f"{back}: resumed", resumed, "", people, "at least"),
    ]
    return figures, {
        "subject": back, "clients": people, "seconds": answer["seconds"], "p50_ms": answer["p50_ms"],
        "p99_ms": answer["p99_ms"], "cpu_ms_each": used * 1000 / people, "resumed": resumed, "fresh": fresh,
        "snapshot_queries": queries, "snapshot_transactions": snapshots, "log_reads": reads, "statements": everything,
    }  # fmt: skip


@contextmanager
def _statements(stage: Stage) -> Iterator[Callable[[str], int]]:
    """Have PostgreSQL log the statements of connections that begin now; yield how many matched a pattern so far."""
    log = stage.postgres.log
    with stage.connect() as connection:
        connection.execute("ALTER DATABASE bench SET log_statement = 'all'")
        since = log.stat().st_size

        def asked(pattern: str) -> int:
            with log.open("rb") as lines:
                lines.seek(since)
                entries = re.split(r"^\d{4}-\d\d-\d\d .*? LOG:  ", lines.read().decode(), flags=re.MULTILINE)
            return sum(bool(re.match("statement|execute", each) and re.search(pattern, each)) for each in entries)

        try:
            yield asked
        finally:
            connection.execute("ALTER DATABASE bench RESET log_statement")
