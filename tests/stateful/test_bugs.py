"""What holds the model-based test itself: each seeded bug is shown, and nothing is shown without it."""

from collections.abc import Iterator

import pytest

from core.demo.embedded import PostgresServer
from tests.simulation.violations import Violation
from tests.stateful.bugs import BUGS, Bug
from tests.stateful.machine import run
from tests.stateful.stage import Stage, stage_on

SOON = 40
"""So many plays at most may pass before one shows a bug that hypothesis is to find."""


@pytest.fixture(scope="module")
def stage(postgres: PostgresServer) -> Iterator[Stage]:
    """A stage for all of them."""
    with stage_on(postgres) as made:
        yield made


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_shown(stage: Stage, bug: Bug) -> None:
    """Its schedule fails with the bug, and with nothing else."""
    bug.show(stage)
    with bug.seeded(stage), pytest.raises(Violation):
        bug.show(stage)


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.name in ("id cursor", "savepoint xids")], ids=lambda bug: bug.name
)
def test_hypothesis_finds_a_seeded_bug(stage: Stage, bug: Bug) -> None:
    """Steps that hypothesis chooses show it, too."""
    with bug.seeded(stage), pytest.raises(Violation):
        run(stage, plays=SOON, shrink=False)
