"""The ring and the trails hold what resumes need, and no more."""

from collections.abc import Iterable

import pytest

from realtime.pure.changes import Change, RowKey
from realtime.pure.ring import Ring, Trail


def run(after: int, upto: int) -> tuple[Change, ...]:
    """Return the changes (after, upto]."""
    return tuple(Change(p, p, "item", str(p), None, None, False, True) for p in range(after + 1, upto + 1))


def positions(changes: Iterable[Change]) -> list[int]:
    """Return the changes' positions."""
    return [change.position for change in changes]


@pytest.mark.parametrize(("since", "expected"), [(3, [4, 5, 6]), (4, [5, 6]), (5, [6]), (6, [])])
def test_what_is_above_a_position(since: int, expected: list[int]) -> None:
    """From the middle of a run, from its end, and from the ring's end."""
    ring = Ring(3, 10)
    ring.append(5, run(3, 5))
    ring.append(6, run(5, 6))
    assert positions(ring.since(since)) == expected


def test_old_runs_fall_out() -> None:
    """The ring keeps at most its bound, whole runs."""
    ring = Ring(0, 4)
    for after in (0, 2, 4):
        ring.append(after + 2, run(after, after + 2))
    assert (ring.start, positions(ring.since(2))) == (2, [3, 4, 5, 6])
    ring.append(16, run(6, 16))
    assert (ring.start, ring.end) == (16, 16)


def test_older_changes_join_where_there_is_room() -> None:
    """What was read from the log joins the ring, if it meets it and fits."""
    ring = Ring(4, 6)
    ring.append(6, run(4, 6))
    ring.prepend(2, 3, [run(2, 3)])
    assert ring.start == 4
    ring.prepend(-2, 4, [run(-2, 4)])
    assert ring.start == 4
    ring.prepend(1, 4, [run(1, 3), run(3, 4)])
    assert (ring.start, positions(ring.since(1))) == (1, [2, 3, 4, 5, 6])


A, B, C = (RowKey("item", key) for key in "abc")


def trail() -> Trail:
    """Return a trail from position 10: a and b at 12, a at 14."""
    made = Trail(100)
    made.restart(10)
    for position, key in [(12, A), (12, B), (14, A)]:
        made.add(position, key)
    return made


@pytest.mark.parametrize(("since", "expected"), [(10, (A, B)), (11, (A, B)), (12, (A,)), (14, ())])
def test_touched_keys(since: int, expected: tuple[RowKey, ...]) -> None:
    """Each key touched above the position, once."""
    assert trail().since(since) == expected


def test_a_trail_reaches_further_back() -> None:
    """What a replay found is put before."""
    made = trail()
    made.prepend(5, [(7, C), (9, A)])
    assert (made.start, made.since(5), made.since(7)) == (5, (C, A, B), (A, B))


def test_a_trail_is_bounded() -> None:
    """It loses its oldest part, whole positions, and says from where on it is complete."""
    made = Trail(2)
    made.restart(0)
    for position, keys in [(1, [A]), (2, [A, B, C]), (3, [B])]:
        for key in keys:
            made.add(position, key)
        made.shorten()
    assert (made.start, made.since(2), made.since(made.start)) == (2, (B,), (B,))


def test_a_restart_forgets() -> None:
    """A view that was read anew begins there, and may be replayed to again."""
    made = trail()
    made.sealed = True
    made.restart(20)
    assert (made.start, made.since(20), made.sealed) == (20, (), False)
