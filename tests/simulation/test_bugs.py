"""The simulator turns red where something is wrong: each seeded bug is found, and soon."""

import pytest

from tests.simulation.bugs import BUGS, WITHIN, Bug, find
from tests.simulation.regressions import load
from tests.simulation.shrinking import sign_from


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the bug is in, a schedule fails within the bound; or the one that is kept for it does."""
    bug.seed(monkeypatch)
    if bug.kept is None:
        assert find(0, WITHIN) is not None, f"{bug.what}: not found in {WITHIN} schedules"
    else:
        assert sign_from(load()[bug.kept].plan) is not None, f"{bug.what}: not found by {bug.kept}"
