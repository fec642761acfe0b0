"""The simulator's command.

python -m tests.simulation --schedules 40000 [--seed N]     run schedules from a seed on, on all cores
python -m tests.simulation bugs [NAME …]                    seed each bug, and tell how soon it is found
python -m tests.simulation show SEED                        shrink a failing schedule and tell it
python -m tests.simulation keep SEED NAME                   the same, and keep it as a regression test
"""

import argparse
import sys
import time
from collections.abc import Iterator
from os import cpu_count

import pytest

from tests.simulation.bugs import BUGS, SEARCHED, Bug, find
from tests.simulation.many import CHUNK, look_for_failures, quiet
from tests.simulation.regressions import keep
from tests.simulation.schedules import STEPS, draw
from tests.simulation.shrinking import shrink, sign_from
from tests.simulation.telling import tell

SHOWN = 3
"""So many failing schedules are shrunk and told."""


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--schedules", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("bugs").add_argument("names", nargs="*", metavar="NAME")
    commands.add_parser("show").add_argument("number", type=int, metavar="SEED")
    keeping = commands.add_parser("keep")
    keeping.add_argument("number", type=int, metavar="SEED")
    keeping.add_argument("name", metavar="NAME")
    chosen = parser.parse_args(arguments)
    quiet()
    if chosen.command == "bugs":
        return show_bugs(chosen.names, chosen.seed)
    if chosen.command == "show":
        return show(chosen.number, None)
    if chosen.command == "keep":
        return show(chosen.number, chosen.name)
    return run_many(chosen.seed, chosen.schedules)


def run_many(first: int, count: int) -> int:
    """Run so many schedules; tell those that fail."""
    began = time.monotonic()
    found = look_for_failures(first, count, show_progress)
    seconds = time.monotonic() - began
    print(
        f"{count} schedules of {STEPS} steps, seeds {first} to {first + count - 1}, in {seconds:.0f} s:"
        f" {count / seconds:.0f} schedules/s on {cpu_count()} cores, {len(found)} failed"
    )
    for finding in found:
        print(f"  seed {finding.seed}: {finding.text[:160]}")
    for finding in found[:SHOWN]:
        show(finding.seed, None)
    return 1 if found else 0


def show_progress(done: int, count: int, failed: int, seconds: float) -> None:
    """Say how far it is, in one line that is written over on a terminal."""
    left = seconds / done * (count - done)
    end = "\n" if done == count else ""
    line = f"{done}/{count} schedules, {done / seconds:.0f}/s, {failed} failed, {left:.0f} s left"
    if sys.stderr.isatty():
        print(f"\r{line}   ", end=end, file=sys.stderr, flush=True)
    elif done == count or done // CHUNK % 40 == 0:
        print(line, file=sys.stderr, flush=True)


def show(seed: int, name: str | None) -> int:
    """Tell the schedule of a seed, shrunk when it fails; keep it under a name if there is one."""
    plan = draw(seed)
    sign = sign_from(plan)
    if sign is not None:
        plan = shrink(plan)
    story = tell(plan)
    print(f"\nSeed {seed}, {len(plan.steps)} of {STEPS} steps:", *story, sep="\n")
    if name is not None and sign is not None:
        print(f"kept in {keep(name, plan, story[-1])}")
    elif sign is not None:
        print(f"Keep it as a regression test: python -m tests.simulation keep {seed} a-name-that-says-what-was-wrong")
    return 0 if sign is None else 1


def show_bugs(names: list[str], first: int) -> int:
    """Seed bugs one after another, and print how soon each was found."""
    wanted = [bug for bug in BUGS if not names or bug.name in names or bug.name.replace(" ", "_") in names]
    width = max((len(bug.name) for bug in wanted), default=0)
    print(f"{'bug':{width}} | schedules until found | first sign")
    missed = 0
    for line, found in look_for(wanted, first, width):
        print(line, flush=True)
        missed += not found
    print(f"{len(wanted) - missed} of {len(wanted)} bugs found")
    return 1 if missed else 0


def look_for(bugs: list[Bug], first: int, width: int) -> Iterator[tuple[str, bool]]:
    """Yield a line of the table for each bug, and whether it was found."""
    for bug in bugs:
        with pytest.MonkeyPatch.context() as patch:
            bug.seed(patch)
            found = find(first, SEARCHED)
        if found is None:
            yield f"{bug.name:{width}} | not in {SEARCHED} | -", False
        else:
            yield f"{bug.name:{width}} | {found.seed - first + 1:21} | {found.text[:110]}", True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
