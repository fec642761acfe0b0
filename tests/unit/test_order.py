"""The order of positions: contiguous, transactions whole, and never against the order in which a row was written."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.pure.order import Pending, order


def test_transactions_follow_their_last_id() -> None:
    """By the first id, transaction 7 would come before transaction 8, whose row it overwrote."""
    pending = [Pending(1, 7, "s"), Pending(2, 8, "s"), Pending(3, 7, "s")]
    places = order(pending, {"s": 10})
    assert [(place.id, place.position, place.ends) for place in places] == [
        (2, 11, True),
        (1, 12, False),
        (3, 13, True),
    ]


def test_each_stream_counts_for_itself() -> None:
    """One transaction in two streams has a run in each, above that stream's head."""
    pending = [Pending(1, 7, "a"), Pending(2, 7, "b"), Pending(3, 7, "a")]
    places = order(pending, {"a": 0, "b": 5})
    assert [tuple(place) for place in places] == [(1, "a", 1, False), (3, "a", 2, True), (2, "b", 6, True)]


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw (xid, row) writes in the order of their ids, as row locks allow them.

    A transaction that wants a row another one has written waits until that one has ended: so here the other
    ends first, and writes nothing later.
    """
    wishes = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), max_size=30))
    holder: dict[int, int] = {}
    ended: set[int] = set()
    written = []
    for xid, row in wishes:
        if xid in ended:
            continue
        if holder.get(row, xid) != xid:
            ended.add(holder[row])
        holder[row] = xid
        written.append((xid, row))
    return written


@given(schedules())
def test_writes_of_one_row_keep_their_order(schedule: list[tuple[int, int]]) -> None:
    """Positions are contiguous, runs whole, and each row's writes are in the order in which they happened."""
    pending = [Pending(number, xid, "s") for number, (xid, _) in enumerate(schedule, 1)]
    places = order(pending, {"s": 0})
    assert [place.position for place in places] == list(range(1, len(schedule) + 1))
    row_of = {number: row for number, (_, row) in enumerate(schedule, 1)}
    xid_of = {number: xid for number, (xid, _) in enumerate(schedule, 1)}
    for row in set(row_of.values()):
        ids = [place.id for place in places if row_of[place.id] == row]
        assert ids == sorted(ids)
    ends = [place.ends for place in places]
    xids = [xid_of[place.id] for place in places]
    assert ends == [following != xid for xid, following in zip(xids, [*xids[1:], None], strict=False)]
    assert len(set(xids)) == sum(ends)
