"""What is played: every fault, the chosen ones, or mixtures that a seed decides."""

from itertools import islice, pairwise

import pytest

from tests.faults.nemesis import catalogue, short_catalogue
from tests.faults.nemesis.together import Together
from tests.faults.run import mixtures, plan

MIXTURES = 300


def test_all_faults_are_played_and_short_ones_once() -> None:
    """A full run plays each several times; a short one once, for its shortest time."""
    full, short = plan([], short=False), plan([], short=True)
    assert {each.fault.name for each in full} == set(catalogue())
    assert [each.fault.name for each in short] == list(short_catalogue())
    assert all(sum(each.fault.name == name for each in full) >= 2 for name in catalogue())
    assert sum(each.seconds for each in short) < 80


def test_pauses_are_those_that_were_asked_for() -> None:
    """SIGSTOP of each process for 1, 7 and 30 seconds."""
    frozen = [each for each in plan([], short=False) if "frozen" in each.fault.name]
    assert {(each.fault.name, each.seconds) for each in frozen} == {
        (each.fault.name, seconds) for each in frozen for seconds in (1.0, 7.0, 30.0)
    }


def test_an_unknown_fault_is_refused() -> None:
    """In one line, which names those that there are."""
    with pytest.raises(SystemExit, match=r"no fault nonsense; there are server_killed, relay_killed, "):
        plan(["relay_killed", "nonsense"], short=True)


def drawn(seed: int) -> list[tuple[Together, float]]:
    """Return the first mixtures of a seed."""
    found = []
    for each in islice(mixtures(seed), MIXTURES):
        assert isinstance(each.fault, Together)
        found.append((each.fault, each.seconds))
    return found


def test_mixtures_follow_the_seed() -> None:
    """The same seed plays the same faults for the same times."""
    shown = [[(mixture.shown, seconds) for mixture, seconds in drawn(seed)] for seed in (1, 1, 2)]
    assert shown[0] == shown[1] != shown[2]


def test_mixtures_don_t_get_in_each_other_s_way() -> None:
    """Faults at the same time hurt different parts; one that must be alone is; and in the end all have been played."""
    played = set()
    for mixture, _ in drawn(3):
        played |= {fault.name for fault in mixture.faults}
        for one, other in pairwise(mixture.faults):
            assert not one.parts & other.parts
        for fault in mixture.faults:
            assert mixture.promised_seconds >= fault.promised_seconds
            assert mixture.server_bytes >= fault.server_bytes
        assert len(mixture.faults) == 1 or not any(fault.alone for fault in mixture.faults)
    assert played == set(catalogue())
