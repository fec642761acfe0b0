"""Which views are read together: those of the same tables that wait, and never what would keep the others."""

import pytest

from realtime.pure.effects import ReadSnapshot
from realtime.pure.gathering import APART_MAX, TOGETHER, Gathered, Gathering
from realtime.pure.materialised import MaterialisedView
from realtime.pure.selection import Part, Selection
from tests.support.feeds import EVERYTHING, SHOWN, STREAM, of_group

READERS = 3
PAIR = [of_group(1), of_group(2)]


def order(owner: int) -> Selection:
    """Select an owner's orders: of another table."""
    return Selection(STREAM, (Part("order", ((("owner", owner),),), SHOWN),))


def asked(selection: Selection) -> ReadSnapshot:
    """Return a question."""
    return ReadSnapshot(
        STREAM, MaterialisedView(selection, frame_max_bytes=1, trail_changes=1, backlog_changes=1), position=0
    )


def gathering(*selections: Selection) -> Gathering:
    """Return what waits."""
    made = Gathering(READERS)
    for each in selections:
        made.add(asked(each))
    return made


def taken(made: Gathering) -> tuple[list[Selection], bool] | None:
    """Take for one more reader; return what it reads, and whether it reads what is small only."""
    found = made.take()
    return None if found is None else (selections(found), found.small)


def selections(found: Gathered) -> list[Selection]:
    """Return what is read."""
    return [each.view.selection for each in found.asked]


def test_views_of_the_same_tables_are_read_together() -> None:
    """Those of other tables wait for other locks."""
    made = gathering(of_group(1), order(1), of_group(2), order(2), of_group(3))
    assert taken(made) == ([of_group(1), of_group(2), of_group(3)], True)
    assert taken(made) == ([order(1), order(2)], True)
    assert (taken(made), made.waiting) == (None, False)


def test_no_more_than_so_many_and_the_tables_take_turns() -> None:
    """A storm on one topic leaves the others their turn."""
    made = gathering(*[of_group(number) for number in range(TOGETHER + 2)], order(1), order(2))
    found = [taken(made) for _ in range(3)]
    assert [len(each[0]) for each in found if each] == [TOGETHER, 2, 2]
    assert found[1] == ([order(1), order(2)], True)


@pytest.mark.parametrize("selection", [EVERYTHING, of_group(1)], ids=["a whole table", "one that waits alone"])
def test_who_is_alone_is_read_with_all_that_a_view_may_have(selection: Selection) -> None:
    """Nobody is kept by it."""
    assert taken(gathering(selection)) == ([selection], False)


def test_a_whole_table_is_never_read_with_others() -> None:
    """It is large, most likely."""
    made = gathering(EVERYTHING, *PAIR)
    assert taken(made) == ([EVERYTHING], False)
    assert taken(made) == (PAIR, True)


def test_one_reader_is_left_to_the_small_ones() -> None:
    """However many large ones wait: and what that reader finds alone shall be small too."""
    made = gathering(EVERYTHING, EVERYTHING, EVERYTHING)
    first = made.take()
    assert first is not None
    assert taken(made) == ([EVERYTHING], False)
    assert (taken(made), made.waiting) == (None, False)
    made.add(asked(of_group(1)))
    assert made.waiting
    assert taken(made) == ([of_group(1)], True)
    made.done(first)
    assert made.waiting
    assert taken(made) == ([EVERYTHING], False)


def test_what_could_not_be_read_together_is_read_alone() -> None:
    """Once: the next time it is read with the others."""
    made = gathering(*PAIR)
    found = made.take()
    assert found is not None
    for each in found.asked:
        made.add_alone(each)
    made.done(found)
    assert [taken(made), taken(made)] == [([each], False) for each in PAIR]
    assert taken(gathering(*PAIR)) == (PAIR, True)


def test_what_is_kept_apart_is_read_alone_from_then_on() -> None:
    """Until so many are known that all are forgotten."""
    made = gathering()
    made.keep_apart(of_group(1))
    for selection in (*PAIR, of_group(3)):
        made.add(asked(selection))
    assert taken(made) == ([of_group(1)], False)
    assert taken(made) == ([of_group(2), of_group(3)], True)
    for number in range(APART_MAX):
        made.keep_apart(order(number))
    for selection in PAIR:
        made.add(asked(selection))
    assert taken(made) == (PAIR, True)
