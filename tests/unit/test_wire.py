"""Batches on the wire: what is encoded comes back, and what does not fit says so."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pure.changes import Capture, Change, Mark
from realtime.pure.wire import LoggedRow, change_of, decode_batch, encode_batch

ITEM = Capture("item", "t", "id", ("id", "price"), (int, Decimal))
CAPTURES = {"item": ITEM}


def row(position: int, new: str | None = None, old: str | None = None, **changes: Any) -> LoggedRow:
    """Return a logged row of an item."""
    plain = LoggedRow(position, position + 100, "item", "1", ITEM.version, False, True, new, old)
    return plain._replace(**changes)


def encode(rows: list[LoggedRow] | None, head: int, max_bytes: int = 10_000) -> bytes:
    """Return the payload of the rows after position 40."""
    return encode_batch("s", "e", Mark(40, "l"), Mark(head, "m"), rows, max_bytes=max_bytes)


def test_a_batch_comes_back_as_it_was() -> None:
    """Positions, ids, ends and images survive; exact numbers keep their digits."""
    batch = decode_batch(encode([row(41, "[1, 2.4500]", ends=False), row(42, None, "[1, null]")], 42), CAPTURES)
    assert (batch.stream, batch.epoch, batch.after, batch.since) == ("s", "e", 40, "l")
    assert (batch.head, batch.mark) == (42, "m")
    assert batch.changes == (
        Change(41, 141, "item", "1", {"id": 1, "price": Decimal("2.4500")}, None, False, False),
        Change(42, 142, "item", "1", None, {"id": 1, "price": None}, False, True),
    )
    assert str((batch.changes[0].new or {})["price"]) == "2.4500"


def test_an_empty_batch_is_a_heartbeat() -> None:
    """It has a head and no changes, which is not the same as changes left out."""
    batch = decode_batch(encode([], 40), CAPTURES)
    assert (batch.after, batch.head, batch.changes) == (40, 40, ())


@pytest.mark.parametrize("rows", [None, [row(41, "[1, 2.4500]")]], ids=["left out", "too large"])
def test_what_does_not_fit_travels_as_positions(rows: list[LoggedRow] | None) -> None:
    """Over the bound, or without rows, the batch says which positions there are and no more."""
    payload = encode(rows, 41, max_bytes=100)
    assert len(payload) <= 100
    assert decode_batch(payload, CAPTURES).changes is None


@given(st.lists(st.sampled_from(["[1, 1]", None]), max_size=20), st.integers(60, 2000))
def test_no_batch_with_images_exceeds_the_bound(images: list[str | None], max_bytes: int) -> None:
    """Whatever the rows, a payload above the bound carries positions alone."""
    payload = encode([row(41 + number, image) for number, image in enumerate(images)], 40 + len(images), max_bytes)
    assert len(payload) <= max_bytes or decode_batch(payload, CAPTURES).changes is None


@pytest.mark.parametrize(
    "changes",
    [{"version": "another"}, {"reset": True, "key": ""}, {"new": '["x", 1]'}, {"new": "[1]"}],
    ids=["another version", "a reset", "an image of other types", "an image of another length"],
)
def test_what_can_not_be_read_becomes_a_reset(changes: dict[str, Any]) -> None:
    """The position stays, the rows are to be read anew."""
    assert change_of(row(41, "[1, 1]")._replace(**changes), CAPTURES) == Change(
        41, 141, "item", "", None, None, True, True
    )


def test_a_kind_that_is_not_declared_keeps_its_position() -> None:
    """Another version of the code may watch more: its changes are passed by."""
    change = change_of(row(41, "[1, 1]", kind="novelty"), CAPTURES)
    assert (change.kind, change.new, change.old, change.reset) == ("novelty", None, None, False)


@given(st.binary(max_size=200))
def test_garbage_is_a_decode_error(payload: bytes) -> None:
    """Whatever else is on the group raises DecodeError, and nothing else."""
    with pytest.raises(msgspec.DecodeError):
        decode_batch(payload, CAPTURES)
