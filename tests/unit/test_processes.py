"""What is decided about several server processes, by table and with a clock of the test's own."""

from argparse import ArgumentTypeError

import pytest

from realtime.management.commands.serve import processes
from realtime.server.loads import AT_ONCE, Loads, allowance
from realtime.server.processes import (
    LONGEST_WAIT_SECONDS,
    STEADY_SECONDS,
    STOP_SECONDS,
    Action,
    Again,
    Announce,
    Kill,
    Start,
    Stopping,
    Supervision,
    Tell,
)


def serving(count: int, now: float = 0.0) -> Supervision:
    """Return a supervision whose processes all serve."""
    supervision = Supervision(count)
    supervision.begin(now)
    for number in range(1, count + 1):
        supervision.serving(number, now)
    return supervision


def test_it_says_so_once_all_take_connections() -> None:
    """Not when the first does, and not again after one was replaced."""
    supervision = Supervision(2)
    assert supervision.begin(0.0) == [Start(1), Start(2)]
    assert supervision.serving(2, 1.0) == []
    assert supervision.serving(1, 2.0) == [Announce()]
    assert supervision.next_due is None
    supervision.ended(2, "killed", 3.0)
    supervision.due(10.0)
    assert supervision.serving(2, 11.0) == []


def test_one_that_cannot_start_at_first_ends_all() -> None:
    """The command fails with its reason; the others are stopped, and none is started again."""
    supervision = Supervision(2)
    supervision.begin(0.0)
    supervision.serving(1, 0.5)
    assert supervision.ended(2, "ImportError: no module", 1.0) == [Stopping(), Tell(1)]
    assert supervision.failure == "process 2 of 2 can't start: ImportError: no module"
    assert supervision.ended(1, "exit code 0", 1.5) == []
    assert supervision.over
    assert supervision.failure == "process 2 of 2 can't start: ImportError: no module"


def test_one_that_ends_later_is_started_again() -> None:
    """After a tenth of a second; nobody else is touched."""
    supervision = serving(2)
    assert supervision.ended(1, "killed", 5.0) == [Again(1, "killed", 0.1)]
    assert supervision.next_due == 5.1
    assert supervision.due(5.05) == []
    assert supervision.due(5.1) == [Start(1)]
    assert supervision.next_due is None


def test_the_waits_double_up_to_a_bound() -> None:
    """Also for one that ends before it takes connections."""
    supervision, now, waits = serving(1), 0.0, []
    for turn in range(9):
        (again,) = supervision.ended(1, "killed", now)
        assert isinstance(again, Again)
        waits.append(again.seconds)
        now += again.seconds
        assert supervision.due(now) == [Start(1)]
        if turn % 2:
            supervision.serving(1, now)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]


@pytest.mark.parametrize(("lived", "wait"), [(STEADY_SECONDS - 0.1, 0.8), (STEADY_SECONDS, 0.1)])
def test_a_long_life_forgives(lived: float, wait: float) -> None:
    """What counts is how long it served, not how long it took to start."""
    supervision, now = serving(1), 0.0
    for _ in range(3):
        supervision.ended(1, "killed", now)
        now += 10.0
        supervision.due(now)
        now += 100.0
        supervision.serving(1, now)
    assert supervision.ended(1, "killed", now + lived) == [Again(1, "killed", wait)]


def test_a_stop_ends_all_and_kills_what_does_not_end() -> None:
    """Those that wait for their start are not started; a second stop changes nothing."""
    supervision = serving(3)
    supervision.ended(2, "killed", 1.0)
    assert supervision.stop(1.05) == [Stopping(), Tell(1), Tell(3)]
    assert supervision.stop(1.5) == []
    assert supervision.due(1.2) == []
    assert supervision.ended(1, "exit code 0", 2.0) == []
    assert supervision.next_due == 1.05 + STOP_SECONDS
    assert supervision.due(1.05 + STOP_SECONDS) == [Kill(3)]
    assert supervision.due(9.0) == []
    supervision.ended(3, "killed", 9.0)
    assert supervision.over
    assert supervision.failure is None


def test_a_stop_during_the_first_start_is_no_failure() -> None:
    """Whoever ends then was asked to; one that says that it serves is late."""
    supervision = Supervision(2)
    supervision.begin(0.0)
    expected: list[Action] = [Stopping(), Tell(1), Tell(2)]
    assert supervision.stop(0.1) == expected
    assert supervision.serving(1, 0.2) == []
    supervision.ended(1, "killed by SIGTERM", 0.3)
    supervision.ended(2, "killed by SIGTERM", 0.3)
    assert supervision.over
    assert supervision.failure is None


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        (0, [], AT_ONCE),
        (500, [], AT_ONCE),
        (0, [0], AT_ONCE),
        (3, [0], AT_ONCE - 3),
        (AT_ONCE, [0], 0),
        (1000, [0, 2000], 0),
        (1000, [1000, 2000], AT_ONCE),
        (0, [1000, 1000], AT_ONCE),
    ],
)
def test_who_is_ahead_leaves_connections_to_others(mine: int, others: list[int], expected: int) -> None:
    """It stays at most `AT_ONCE` ahead of whichever has the fewest."""
    assert allowance(mine, others) == expected


def test_one_that_does_not_serve_holds_nobody_back() -> None:
    """Before it takes connections, and after it has ended: also when its own connections end after that."""
    loads = Loads(3)
    loads.join(1)
    loads.add(1, 100)
    assert loads.allowance(1) == AT_ONCE
    loads.join(2)
    assert loads.allowance(1) == 0
    loads.add(2, 95)
    assert loads.allowance(1) == 3
    loads.leave(2)
    loads.add(2, -5)
    assert (loads.of(2), loads.allowance(1)) == (None, AT_ONCE)


@pytest.mark.parametrize("text", ["0", "-1", "+1", "two", "1.5", "1000", "", "²"])
def test_what_is_no_number_of_processes_is_refused(text: str) -> None:
    """A typing error does not start a thousand."""
    with pytest.raises(ArgumentTypeError, match="is not a number from 1 to 256"):
        processes(text)
    assert [processes("1"), processes("256")] == [1, 256]
