"""Bugs to seed: what must turn the simulator red, each with the way to put it in and how soon it has to be found.

The bugs that need SQL (no fence, lock and numbering in one statement, images from NEW, no table lock before a
snapshot, synchronous_commit off) are seeded on a real PostgreSQL.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.simulation import bugs_of_hubs, bugs_of_relays, bugs_of_sessions
from tests.simulation.schedules import draw, run
from tests.simulation.violations import sign_of

WITHIN = 1_000
"""So many schedules at most may pass before one shows a bug, unless one that shows it is kept."""

SEARCHED = 10_000
"""So many are searched for it by the command, which does not look at kept ones."""

KEPT = {
    "forgets who joins late": "who-joins-a-lane-late",
    "breaks on a view of none": "a-view-that-selects-nothing-is-left",
    "repeats a whole batch": "a-resume-repeats-what-a-batch-held",
    "answers twice": "a-written-snapshot-is-answered-again",
}
"""By the name of a bug: the schedule in `regressions/` that shows it."""


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug: `seed` puts it in until the patch is undone."""

    name: str
    what: str
    seed: Callable[[pytest.MonkeyPatch], None]
    kept: str | None = None
    """A schedule that shows it, where a search would take long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first schedule that showed a bug."""

    seed: int
    sign: str
    text: str


def find(first: int, count: int) -> Finding | None:
    """Run so many schedules from a seed on; return the first that fails."""
    for seed in range(first, first + count):
        try:
            run(draw(seed))
        except Exception as error:  # noqa: BLE001 - whatever is raised is what was found
            return Finding(seed, sign_of(error), str(error) or repr(error))
    return None


def _bugs() -> list[Bug]:
    found = []
    for module in (bugs_of_relays, bugs_of_hubs, bugs_of_sessions):
        for seed in module.BUGS:
            name = seed.__name__.replace("_", " ")
            found.append(Bug(name, (seed.__doc__ or "").rstrip("."), seed, KEPT.get(name)))
    return found


BUGS = _bugs()
