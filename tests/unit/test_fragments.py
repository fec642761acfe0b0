"""Fragments are encoded rows; bodies stay below a frame."""

from decimal import Decimal
from types import MappingProxyType

import pytest

from realtime.pure.changes import RowKey
from realtime.pure.fragments import ENVELOPE_BYTES, cut, encode_fragment


def test_a_row_and_its_removal() -> None:
    """Exact numbers are strings; a removal carries the key alone; a mapping of any kind is an object."""
    key = RowKey("item", '7"')
    row = {"price": Decimal("1.50"), "tags": ["a"], "more": MappingProxyType({"x": None})}
    expected = b'{"kind":"item","key":"7\\"","row":{"price":"1.50","tags":["a"],"more":{"x":null}}}'
    assert encode_fragment(key, row) == expected
    assert encode_fragment(key, MappingProxyType({"x": 1})).endswith(b'"row":{"x":1}}')
    assert encode_fragment(key, None) == b'{"kind":"item","key":"7\\"","row":null}'


def test_what_json_has_no_form_for() -> None:
    """The error names the type."""
    with pytest.raises(NotImplementedError, match="object"):
        encode_fragment(RowKey("item", "7"), {"x": object()})


@pytest.mark.parametrize(
    ("sizes", "bodies"),
    [([], []), ([10], [10]), ([10, 89], [100]), ([10, 91], [10, 91]), ([500], [500]), ([50, 500, 50], [50, 500, 50])],
)
def test_bodies_are_cut_below_the_frame(sizes: list[int], bodies: list[int]) -> None:
    """Fragments are joined while there is room; one that is too large is alone."""
    made = cut([b"x" * size for size in sizes], 100 + ENVELOPE_BYTES)
    assert [len(body) for body in made] == bodies
