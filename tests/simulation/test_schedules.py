"""Clients have exactly what they may see, whatever happens to writers, relays, wire, log, processes and lines."""

from dataclasses import replace

import msgspec
import pytest

from realtime.pure.outflow import Tally
from tests.simulation.bugs import find
from tests.simulation.bugs_of_hubs import no_removal_on_reassignment
from tests.simulation.bugs_of_sessions import ignores_the_sign_out
from tests.simulation.regressions import Regression, encode, load
from tests.simulation.schedules import draw, run
from tests.simulation.shrinking import shrink, sign_from
from tests.simulation.telling import tell

ROUND = 100
SEEDS = 5_000

REACHED = [
    *[("batches", label) for label in ("delivered", "known", "gap", "foreign", "conflict")],
    *[("heals", label) for label in ("gap", "head", "more")],
    *[("resets", label) for label in ("reset", "epoch", "floor", "unavailable")],
    *[("resumes", label) for label in ("ring", "log", "snapshot")],
    *[("held", label) for label in ("congested", "stale", "recheck", "rate")],
    *[("snapshot", label) for label in ("reply", "push")],
    *[("close", label) for label in ("4002", "4501")],
    ("overflow", ""),
    ("ended", "revoked"),
]
"""Metrics of hubs and sessions, by name and label, of which each tells of something that must be tried."""


@pytest.mark.parametrize("first", range(0, SEEDS, ROUND))
def test_every_client_is_exact_at_every_position(first: int) -> None:
    """P1 to P7: in whatever happens, each client has the permitted rows of each position that it is told."""
    found = find(first, ROUND)
    assert found is None, f"{found.text}\npython -m tests.simulation show {found.seed}"


@pytest.mark.parametrize("name", load())
def test_what_was_wrong_once_is_not_again(name: str) -> None:
    """Schedules that found something in the product find nothing any more."""
    run(load()[name].plan)


def test_schedules_come_everywhere() -> None:
    """What the simulator is for does happen in it: losses, heals, resumes of every kind, conflation, lost rights."""
    tally: Tally = Tally()
    for seed in range(400):
        tally.update(run(draw(seed)).world.tally)
    assert {name for name in REACHED if not tally[name]} == set()


def test_a_seed_is_one_schedule() -> None:
    """What a seed finds is found again: the same story, to the last frame."""
    stories: list[list[str]] = [[], []]
    for story in stories:
        run(draw(11), story)
    assert stories[0] == stories[1] and len(stories[0]) > 50


def test_a_schedule_can_be_kept() -> None:
    """A schedule that was written to a file and read from it is the same."""
    plan = draw(12)
    kept = msgspec.json.decode(encode(plan, "nothing"), type=Regression)
    assert kept.plan.setup == plan.setup
    assert [tuple(step) for step in kept.plan.steps] == list(plan.steps)


def test_a_failing_schedule_is_shrunk_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a failing schedule fails in the same way, is short, and none of its steps can be left out."""
    no_removal_on_reassignment(monkeypatch)
    found = find(0, 200)
    assert found is not None
    plan = shrink(draw(found.seed))
    assert sign_from(plan) == found.sign
    assert len(plan.steps) <= 15
    for index in range(len(plan.steps)):
        fewer = replace(plan, steps=[*plan.steps[:index], *plan.steps[index + 1 :]])
        assert sign_from(fewer) != found.sign
    assert tell(plan)[-1].startswith(f"FOUND Violation: {found.sign}")


def test_a_right_that_ended_is_seen_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: the sign of a sign-out that is not heeded is that something is written too late."""
    ignores_the_sign_out(monkeypatch)
    signs = {found.sign for first in range(0, 300, 50) if (found := find(first, 50)) is not None}
    assert "I9" in signs
