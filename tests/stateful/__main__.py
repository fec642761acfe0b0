"""The command of the model-based test.

python -m tests.stateful [--plays 500] [--seed N]    let hypothesis choose so many plays
python -m tests.stateful bugs [NAME …]               seed each bug, and tell how soon it is found
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from core.demo.embedded import EmbeddedError, PostgresServer
from tests.simulation.many import quiet
from tests.simulation.violations import Violation
from tests.stateful.bugs import BUGS, Bug
from tests.stateful.machine import run
from tests.stateful.stage import Stage, stage_on
from tests.support.ports import free_port

SEARCHED = 100
"""So many plays hypothesis has to find a bug; then its schedule is played."""

SETTINGS = {"fsync": "off", "full_page_writes": "off"}


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.stateful")
    parser.add_argument("--plays", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("bugs").add_argument("names", nargs="*", metavar="NAME")
    chosen = parser.parse_args(arguments)
    quiet()
    try:
        with server() as postgres, stage_on(postgres) as stage:
            if chosen.command == "bugs":
                return show_bugs(stage, chosen.names)
            began = time.monotonic()
            run(stage, plays=chosen.plays, seed=chosen.seed)
            print(f"{chosen.plays} plays, seed {chosen.seed}, in {time.monotonic() - began:.0f} s: nothing found")
            return 0
    except EmbeddedError as error:
        print(f"tideline: {error}", file=sys.stderr)
        return 1


@contextmanager
def server() -> Iterator[PostgresServer]:
    """Yield a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = PostgresServer(Path(folder) / "postgres", port=free_port(), settings=SETTINGS)
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.kill()


def show_bugs(stage: Stage, names: list[str]) -> int:
    """Seed bugs one after another, and print by what, how soon and by which sign each was found."""
    wanted = [bug for bug in BUGS if not names or bug.name in names or bug.name.replace(" ", "_") in names]
    width = max((len(bug.name) for bug in wanted), default=0)
    print(f"{'bug':{width}} | found by     | plays    | first sign")
    missed = 0
    for bug in wanted:
        with bug.seeded(stage):
            by, plays, sign = find(stage, bug)
        missed += not sign
        print(f"{bug.name:{width}} | {by:12} | {plays:>8} | {sign[:110] or '-'}", flush=True)
    print(f"{len(wanted) - missed} of {len(wanted)} bugs found")
    return 1 if missed else 0


def find(stage: Stage, bug: Bug) -> tuple[str, str, str]:
    """Return what finds a bug that is seeded, in how many plays, and by which sign; no sign: nothing did."""
    plays = count()
    try:
        if bug.searched:
            run(stage, plays=SEARCHED, shrink=False, seen=lambda: next(plays))
    except Violation as found:
        return "hypothesis", str(next(plays)), str(found)
    try:
        bug.show(stage)
    except Violation as found:
        return "its schedule", f"over {SEARCHED}" if bug.searched else "1", str(found)
    return "nothing", "", ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
