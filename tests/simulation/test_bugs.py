"""The simulator turns red where something is wrong: each seeded bug is found, and soon."""

import pytest

from tests.simulation.bugs import BUGS, Bug, find


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule fails within the bound once the bug is in."""
    bug.seed(monkeypatch)
    assert find(0, bug.within) is not None, f"{bug.what}: not found in {bug.within} schedules"
