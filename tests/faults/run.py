"""What is played: every fault in its turn, or several at once at random; with the progress, and the time left."""

import platform
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import redis

from tests.faults.deception import NoCompiler, shim
from tests.faults.nemesis import Fault, catalogue, short_catalogue
from tests.faults.nemesis.together import Together
from tests.faults.rounds import Restless, Theatre, play
from tests.faults.stage import Stage
from tests.faults.table import Outcome
from tests.support.processes import CHECKOUT

TIMES = 3
"""How often a fault is played that is one deed."""

AROUND_SECONDS = 4.0
"""What a round takes beside the fault itself, at first reckoned; then as seen."""

TOGETHER = (1, 3)
LASTING = (0.5, 8.0)
"""At random: so many faults at once, each for so many seconds."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One round that is to be played."""

    fault: Fault
    seconds: float


def plan(chosen: Sequence[str], *, short: bool) -> list[Planned]:
    """Return the rounds for these faults, or for all; SystemExit for a name that there is not."""
    faults = short_catalogue() if short else catalogue()
    if unknown := sorted(set(chosen) - set(faults)):
        raise SystemExit(f"faults: no fault {', '.join(unknown)}; there are {', '.join(faults)}")
    found = [faults[name] for name in chosen] or list(faults.values())
    missing = missing_shim()
    if missing and any(fault.needs_shim for fault in found):
        skipped = [fault.name for fault in found if fault.needs_shim]
        say(f"not run: {', '.join(skipped)}: {missing}")
        found = [fault for fault in found if not fault.needs_shim]
    return [Planned(fault, seconds) for fault in found for seconds in lengths(fault, short=short)]


def lengths(fault: Fault, *, short: bool) -> tuple[float, ...]:
    """Return how long a fault lasts each time that it is played."""
    if short:
        return fault.holds[:1]
    return fault.holds if len(fault.holds) > 1 else fault.holds * TIMES


def missing_shim() -> str | None:
    """Return in one line why clocks and disks can't lie here, or None."""
    try:
        shim()
    except NoCompiler as error:
        return str(error)
    return None


async def play_all(theatre: Theatre, rounds: Sequence[Planned], seed: int) -> list[Outcome]:
    """Play the rounds one after another, and tell of each."""
    outcomes, around = list[Outcome](), AROUND_SECONDS
    for number, each in enumerate(rounds):
        try:
            outcome = await play(theatre, each.fault, each.seconds, seed + number)
        except Restless as error:
            say(f"the rest is not played: {error}")
            break
        outcomes.append(outcome)
        around += 0.2 * (outcome.took_seconds - each.seconds - around)
        left = sum(later.seconds + around for later in rounds[number + 1 :])
        tell(f"{number + 1}/{len(rounds)}", outcome, left)
    return outcomes


async def play_at_random(theatre: Theatre, minutes: float, seed: int) -> list[Outcome]:
    """Play several faults at once, chosen by the seed, until the time is over."""
    over = time.monotonic() + minutes * 60
    outcomes: list[Outcome] = []
    for number, each in enumerate(mixtures(seed)):
        try:
            outcome = await play(theatre, each.fault, each.seconds, seed + number)
        except Restless as error:
            say(f"the rest is not played: {error}")
            return outcomes
        outcomes.append(outcome)
        tell(str(number + 1), outcome, max(0.0, over - time.monotonic()))
        if time.monotonic() > over:
            return outcomes
    raise AssertionError("there is always another mixture")


def mixtures(seed: int) -> Iterator[Planned]:
    """Go on for ever: faults that don't share a part, or one that must be alone."""
    chance = random.Random(seed)
    faults = [fault for fault in catalogue().values() if not (fault.needs_shim and missing_shim())]
    while True:
        chosen: list[Fault] = []
        wanted = chance.randint(*TOGETHER)
        for fault in chance.sample(faults, len(faults)):
            if len(chosen) == wanted or (chosen and chosen[0].alone):
                break
            if not (chosen and fault.alone) and not any(fault.parts & other.parts for other in chosen):
                chosen.append(fault)
        yield Planned(Together(chosen, chance.random()), round(chance.uniform(*LASTING), 1))


def tell(number: str, outcome: Outcome, left_seconds: float) -> None:
    """Print one line about a round that is over, and the time left."""
    worst = max(outcome.recoveries, default=0.0)
    held = f" {outcome.held_seconds:g} s" if outcome.held_seconds else ""
    state = "ok" if not outcome.violations else f"{len(outcome.violations)} VIOLATIONS, kept in {outcome.kept}"
    say(
        f"[{number}] {outcome.played}{held}: {outcome.committed} changes, recovery {worst:.2f} s at most, {state}; "
        f"took {outcome.took_seconds:.1f} s, {remaining(left_seconds)} left"
    )
    for line in outcome.violations[:5]:
        say(f"      {line}")


def remaining(seconds: float) -> str:
    """Return a duration in words."""
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def about(stage: Stage, seed: int, minutes: float) -> Mapping[str, str]:
    """Return what a table is of: the seed, how long at random if it was, the commit, the versions of everything."""
    with stage.connect() as connection:
        row = connection.execute("SHOW server_version").fetchone()
    with redis.Redis.from_url(stage.valkey.url()) as client:
        info = client.info("server")
    assert row is not None
    return {
        "seed": str(seed),
        **({"minutes": f"{minutes:g}"} if minutes else {}),
        "commit": commit(),
        "PostgreSQL": str(row[0]),
        "Valkey": str(info.get("valkey_version", info.get("redis_version"))),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("Django", "channels", "channels_redis", "daphne", "psycopg")},
    }


def commit() -> str:
    """Return the checkout's commit, with a plus where files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=10", "--dirty=+"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def fail(lines: Sequence[str]) -> None:
    """Print what does not hold."""
    for line in lines:
        print(f"faults: {line}", file=sys.stderr, flush=True)
