"""The line delivers what is next, once, and knows what is missing; and when not to trust."""

import pytest

from realtime.pure.changes import Batch, Change, Head, LogRange, Mark
from realtime.pure.gaps import Finding, Line, Offer, Trust

EPOCH = "epoch"


def changes(after: int, head: int) -> tuple[Change, ...]:
    """Return the changes (after, head]."""
    return tuple(Change(p, p, "item", str(p), None, None, False, True) for p in range(after + 1, head + 1))


def batch(after: int, head: int, *, epoch: str = EPOCH, since: str = "", mark: str = "", alone: bool = False) -> Batch:
    """Return a batch; `alone`: as positions alone."""
    told = None if alone else changes(after, head)
    return Batch("shop", epoch, after, since or f"m{after}", head, mark or f"m{head}", told)


def head(position: int, *, mark: str = "", floor: int = 0, epoch: str = EPOCH) -> Head:
    """Return a head."""
    return Head("shop", epoch, position, floor, mark or f"m{position}")


def line(position: int = 10, kept: int = 100) -> Line:
    """Return a line at a position."""
    made = Line(kept)
    made.adopt(head(position))
    return made


def delivered(made: Line) -> list[int]:
    """Return the positions that have become deliverable."""
    return [change.position for run in made.ready() for change in run.changes]


@pytest.mark.parametrize(
    ("offered", "outcome", "told", "missing"),
    [
        (batch(10, 12), Offer.NEXT, [11, 12], None),
        (batch(8, 12), Offer.GAP, [], (10, 12)),
        (batch(10, 12, since="other"), Offer.CONFLICT, [], None),
        (batch(8, 10), Offer.KNOWN, [], None),
        (batch(8, 9), Offer.KNOWN, [], None),
        (batch(10, 10), Offer.KNOWN, [], None),
        (batch(12, 14), Offer.GAP, [], (10, 12)),
        (batch(13, 13), Offer.GAP, [], (10, 13)),
        (batch(10, 12, alone=True), Offer.GAP, [], (10, 12)),
        (batch(10, 12, epoch="other"), Offer.FOREIGN, [], None),
        (batch(10, 10, mark="other"), Offer.CONFLICT, [], None),
        (batch(8, 10, mark="other"), Offer.CONFLICT, [], None),
    ],
)
def test_a_batch(offered: Batch, outcome: Offer, told: list[int], missing: tuple[int, int] | None) -> None:
    """What is done with each kind of batch at position 10."""
    made = line()
    assert made.offer(offered) is outcome
    assert (delivered(made), made.missing()) == (told, missing)


def test_what_is_beyond_a_gap_waits_for_it() -> None:
    """Batches beyond are kept in order, and told after the gap was filled from the log."""
    made = line()
    for offered in (batch(14, 15), batch(12, 14), batch(12, 14)):
        assert made.offer(offered) is Offer.GAP
    assert (delivered(made), made.missing()) == ([], (10, 12))
    made.fill(LogRange("shop", EPOCH, 10, 12, Mark(12, "m12"), changes(10, 12)))
    assert (delivered(made), made.missing()) == ([11, 12, 13, 14, 15], None)
    assert made.mark == Mark(15, "m15")


def test_a_batch_of_another_log_is_never_told() -> None:
    """What was kept beyond a gap, and does not join up with what the log gave for it, is read from the log."""
    made = line()
    made.offer(batch(12, 14, since="lost"))
    made.fill(LogRange("shop", EPOCH, 10, 12, Mark(12, "m12"), changes(10, 12)))
    assert (delivered(made), made.missing()) == ([11, 12], (12, 14))


def test_a_range_that_ends_between_marks_keeps_the_last_one() -> None:
    """The mark stays at or below the position."""
    made = line()
    made.fill(LogRange("shop", EPOCH, 10, 13, Mark(12, "m12"), changes(10, 13)))
    assert (delivered(made), made.mark) == ([11, 12, 13], Mark(10, "m10"))


def test_too_much_beyond_a_gap_is_read_from_the_log() -> None:
    """The latest is kept; the gap before it grows."""
    made = line(kept=5)
    for after in (12, 14, 16):
        made.offer(batch(after, after + 2))
    assert made.missing() == (10, 14)
    made.fill(LogRange("shop", EPOCH, 10, 14, Mark(14, "m14"), changes(10, 14)))
    assert delivered(made) == [11, 12, 13, 14, 15, 16, 17, 18]


@pytest.mark.parametrize(
    ("read", "finding"),
    [
        (head(10), Finding.SAME),
        (head(12), Finding.BEYOND),
        (head(12, floor=9), Finding.BEYOND),
        (head(12, floor=10), Finding.OTHER),
        (head(12, floor=11), Finding.OTHER),
        (head(3, epoch="other"), Finding.OTHER),
        (head(9), Finding.BROKEN),
        (head(10, mark="other"), Finding.BROKEN),
        (head(10, mark="other", floor=10), Finding.OTHER),
        (head(10, floor=10), Finding.SAME),
    ],
)
def test_a_head(read: Head, finding: Finding) -> None:
    """What a head says at position 10."""
    made = line()
    assert made.judge(read, 10, Mark(10, "m10")) is finding


def test_a_head_that_is_older_than_the_line_is_no_contradiction() -> None:
    """A head asked for at 10 and answered after the line came to 12."""
    made = line(12)
    assert made.judge(head(11), 10, Mark(10, "m10")) is Finding.BEYOND
    assert made.missing() is None


def test_only_a_sure_line_delivers() -> None:
    """While the log is unsure, batches wait; while it is doubted they are dropped, and known to exist."""
    made = line()
    made.lose()
    made.offer(batch(10, 11))
    assert (made.trust, delivered(made)) == (Trust.UNSURE, [])
    made.confirm()
    assert delivered(made) == [11]
    made.doubt()
    assert made.offer(batch(11, 12)) is Offer.GAP
    made.lose()
    assert made.trust is Trust.DOUBTED
    made.confirm()
    assert (delivered(made), made.missing()) == ([], (11, 12))


def test_a_head_is_adopted_whole() -> None:
    """Another epoch: nothing of the old one is left."""
    made = line()
    made.offer(batch(12, 14))
    made.adopt(head(3, epoch="next"))
    assert (made.epoch, made.position, made.missing()) == ("next", 3, None)
    assert made.offer(batch(3, 4, epoch="next")) is Offer.NEXT
