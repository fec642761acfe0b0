"""`python -m bench.edge [latency] [idle] [processor] [slow] [storm] [breakdown]`: all of them when none is named.

From the environment: `OUT=file.json` also writes every figure and row there; `QUICK=1` runs each with fewer
connections for a short while, to see that it works: its figures are not to be quoted.
"""

import os
import platform
import sys
import time
from collections.abc import Callable

from bench.edge import breakdown, idle, latency, processor, slow, storm
from bench.edge.figures import Figure, records
from bench.edge.memory import machine
from bench.fanout.contenders import SETTINGS
from bench.report import Record, save, show
from bench.stage import Stage, bare_stage

QUIET_LOAD = 1.0
"""More than this at the start, and others use the processors that are measured."""

Run = Callable[[Stage], tuple[list[Figure], list[Record]]]

WHOLE: dict[str, Run] = {
    "latency": lambda it: latency.run(it, 15.0),
    "idle": lambda it: idle.run(it, 5_000),
    "breakdown": lambda it: breakdown.run(it, 1_000),
    "processor": lambda it: processor.run(it, 10_000, 25.0, 15.0),
    "slow": lambda it: slow.run(it, 60.0, healthy=800, stalled=200),
    "storm": lambda it: storm.run(it, 2_000, 2),
}

QUICK: dict[str, Run] = {
    "latency": lambda it: latency.run(it, 2.0),
    "idle": lambda it: idle.run(it, 400),
    "breakdown": lambda it: breakdown.run(it, 100),
    "processor": lambda it: processor.run(it, 500, 3.0, 3.0),
    "slow": lambda it: slow.run(it, 6.0, healthy=40, stalled=10),
    "storm": lambda it: storm.run(it, 200, 1),
}

TITLES = {
    "latency": "From the write to the client",
    "idle": "Resident memory of idle connections",
    "breakdown": "Where the bytes of an idle connection were allocated (traced, without the allocator's own)",
    "processor": "Processor use of idle connections, and of a change a second to each",
    "slow": "Clients that don't read",
    "storm": "Many at once",
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, print two tables for each, and save all."""
    quick = bool(os.environ.get("QUICK"))
    runs = QUICK if quick else WHOLE
    if unknown := sorted(set(names) - set(runs)):
        raise SystemExit(f"bench: no benchmark {unknown}; there are {list(runs)}")
    print(f"{platform.machine()}, {machine()}, Python {platform.python_version()}; loopback, fsync on", flush=True)
    if os.getloadavg()[0] > QUIET_LOAD:
        print(f"the machine is busy (load {os.getloadavg()[0]:.1f}): times and processor figures are not to be quoted")
    every: list[Record] = []
    missed: list[Figure] = []
    began = time.monotonic()
    for name in names or list(runs):
        with bare_stage(SETTINGS) as it:
            figures, rows = runs[name](it)
        show(TITLES[name], rows)
        if figures:
            show("Beside its target", [figure.record() for figure in figures])
        every += records(name, figures) + [{"benchmark": name, **row} for row in rows]
        missed += [figure for figure in figures if figure.reached is False]
    save(os.environ.get("OUT"), every)
    print(f"\n{time.monotonic() - began:.0f} s; " + (f"{len(missed)} targets not reached" if missed else "all reached"))


if __name__ == "__main__":
    main(sys.argv[1:])
