"""The processor use of very many connections: kept, and told something once a second.

Idle it is that of a window of some pings, beside the naive way that is pinged as often or more.
"""

import time

from bench.cpu import Meter
from bench.edge.figures import Figure, ratio
from bench.edge.subjects import AT_ONCE, Server, joined, naive, opened, subscribed, tideline
from bench.edge.ticks import Ticks
from bench.fanout.load import Load, settle
from bench.report import Record
from bench.stage import Stage

SPARED = 0.02
"""Plain Daphne drops a handshake that it has no time for in five seconds: so many may be missing there."""

SHARING = 100
"""So many connections share a topic; each topic changes once a second."""


def run(stage: Stage, connections: int, seconds: float, shared_seconds: float) -> tuple[list[Figure], list[Record]]:
    """Return the processor use of so many idle connections here and there, and of a change a second for each here."""
    topics = max(1, connections // SHARING)
    ticks = Ticks(stage, range(topics))
    with naive(stage) as server, Load(joined(server.port, connections, AT_ONCE)) as load:
        opened(load, refused=SPARED)
        there = _use(server, load, seconds)
    relay = stage.relay()
    everyone = f"tick/{{i%{topics}}}"
    with tideline(stage) as server, Load(subscribed(server.port, connections, AT_ONCE, everyone)) as load:
        opened(load)
        here = _use(server, load, seconds)
        shared = _shared(server, load, ticks, topics, shared_seconds)
    relay.stop()
    expected = connections * round(topics * shared_seconds) / topics
    mistakes = float(sum(shared[name] for name in ("lost", "doubled", "reordered", "missing")))
    figures = [
        Figure(f"idle processor use at {connections:,}: naive", there["cpu_percent"], "% of a core"),
        Figure(f"idle processor use at {connections:,}: Tideline", here["cpu_percent"], "% of a core"),
        Figure("idle processor use, beside naive", ratio(_each(here), _each(there)), "times", 1 / 3),
        Figure(f"a change/s to each of {connections:,}: deliveries", shared["deliveries"], "", expected, "at least"),
        Figure("a change/s to each: lost, doubled, reordered or missing", mistakes, "", 0),
        Figure("a change/s to each: processor use", shared["cpu_percent"], "% of a core"),
        Figure("a change/s to each: p99 from the write", shared["p99_ms"], "ms"),
    ]
    return figures, [there, here, shared]


def _use(server: Server, load: Load, seconds: float) -> Record:
    time.sleep(2.0)
    meter = Meter({"server": server.pids})
    load.measure()
    time.sleep(seconds)
    used, window = meter.seconds()["server"], load.report()
    return {
        "subject": server.name,
        "load": "idle",
        "connections": window["connections"],
        "cpu_percent": 100 * used / window["seconds"],
        "pings_per_second": window["pings"] / window["seconds"],
        "closed": sum(window["closes"].values()),
    }


def _shared(server: Server, load: Load, ticks: Ticks, topics: int, seconds: float) -> Record:
    ticks.write(topics, 2.0)
    settle(load, ticks.number)
    meter = Meter({"server": server.pids})
    load.measure()
    ticks.write(topics, seconds)
    used = meter.seconds()["server"]
    settle(load, ticks.number)
    window = load.report(ticks.number)
    return {
        "subject": server.name,
        "load": "a change a second each",
        "connections": window["connections"],
        "cpu_percent": 100 * used / seconds,
        "pings_per_second": window["pings"] / window["seconds"],
        "closed": sum(window["closes"].values()),
        **{
            name: window[name] for name in ("deliveries", "lost", "doubled", "reordered", "missing", "p50_ms", "p99_ms")
        },
    }


def _each(use: Record) -> float:
    return float(use["cpu_percent"] / use["connections"])
