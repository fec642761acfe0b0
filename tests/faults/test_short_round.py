"""P1 to P7 under every fault, each played once and briefly, on one stage: what `make faults SHORT=1` plays.

A round is judged by the checker of the harness, which is checked itself in its own tests.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.nemesis import short_catalogue
from tests.faults.rounds import Theatre, open_theatre, play
from tests.faults.run import plan
from tests.faults.stage import a_stage
from tests.faults.table import Outcome, Row, broken_promises

pytestmark = pytest.mark.alone

SEED = 1
ROUNDS = plan([], short=True)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all rounds."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def theatre(runner: asyncio.Runner) -> Iterator[Theatre]:
    """One stage for all rounds."""
    with a_stage(SEED) as stage, open_theatre(stage) as theatre:
        yield theatre


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """What all rounds have shown."""
    return []


def test_every_fault_is_played() -> None:
    """There is a compiler for the shim in CI, so nothing is left out."""
    assert {each.fault.name for each in ROUNDS} == set(short_catalogue())


@pytest.mark.parametrize("number", range(len(ROUNDS)), ids=[each.fault.name for each in ROUNDS])
def test_a_fault(number: int, runner: asyncio.Runner, theatre: Theatre, outcomes: list[Outcome]) -> None:
    """Nothing is lost, repeated, reordered, leaked or stale, and everyone is complete again within what is promised."""
    fault, seconds = ROUNDS[number].fault, ROUNDS[number].seconds
    outcome = runner.run(play(theatre, fault, seconds, SEED + number))
    outcomes.append(outcome)
    theatre.stage.kept |= bool(outcome.violations)
    assert Row(fault.name, [outcome]).broken() == []


def test_those_who_come_back_are_resumed(outcomes: list[Outcome]) -> None:
    """P4: over all rounds, at least 95 of 100 resumes inside retention are resumes and not snapshots."""
    assert broken_promises(outcomes) == []
