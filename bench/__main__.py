"""`python -m bench [latency] [capture] [throughput] [notifications]`: all of them when none is named.

From the environment: `OUT=file.json` also writes every row there; `QUICK=1` runs each for a short while, to see that
it works.
"""

import os
import platform
import sys

from bench import capture, latency, notifications, throughput
from bench.report import Record, save, show
from bench.stage import stage

TITLES = {
    "latency": "Commit → client, 50 subscribers of every change",
    "capture": f"What capture costs the writers (medians of {capture.ROUNDS} rounds, plain and captured in turn)",
    "notifications": f"One notification to {notifications.READERS:,} connected people, a view each",
    "throughput": "Changes per second, from the write to the client",
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, print a table for each and save all rows."""
    if unknown := sorted(set(names) - set(TITLES)):
        raise SystemExit(f"bench: no benchmark {unknown}; there are {list(TITLES)}")
    quick = bool(os.environ.get("QUICK"))
    runs = {
        "latency": lambda it: latency.run(it, 3.0 if quick else 20.0),
        "capture": lambda it: capture.run(it, 2 if quick else 3),
        "notifications": lambda it: notifications.run(it, 1 if quick else 5),
        "throughput": lambda it: throughput.run(it, 50_000 if quick else 500_000),
    }
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; loopback, fsync on")
    every: list[Record] = []
    for name in names or list(TITLES):
        with stage() as it:
            records = runs[name](it)
        show(TITLES[name], records)
        every += [{"benchmark": name, **record} for record in records]
    save(os.environ.get("OUT"), every)


if __name__ == "__main__":
    main(sys.argv[1:])
