"""What a view holds follows the rows; only what looks different is told."""

from collections.abc import Mapping
from typing import Any

import pytest

from realtime.pure.changes import Row, RowKey
from realtime.pure.content import content_of
from realtime.pure.selection import Derivation, Part, Projection, Selection

A, B = RowKey("item", "a"), RowKey("item", "b")


def shown(row: Row) -> dict[str, Any]:
    """Show one of two columns."""
    return {"x": row["x"]}


ITEMS = Selection("shop", (Part("item", ((),), Projection("shown", "1", shown)),))


def total(sources: Mapping[str, Mapping[str, Row]], parameters: Mapping[str, Any]) -> dict[RowKey, dict[str, Any]]:
    """Derive one row for each parity, with the sum of x, times a factor."""
    sums: dict[str, int] = {}
    for row in sources["item"].values():
        parity = "odd" if row["x"] % 2 else "even"
        sums[parity] = sums.get(parity, 0) + row["x"] * parameters["factor"]
    return {RowKey("sum", parity): {"sum": value} for parity, value in sums.items()}


SUMS = Selection("shop", ITEMS.parts, Derivation("total", "1", (("factor", 10),), total))


def fragment(key: RowKey, row: str) -> bytes:
    """Return the expected fragment."""
    return f'{{"kind":"{key.kind}","key":"{key.key}","row":{row}}}'.encode()


def test_projected_rows() -> None:
    """Upserts, removals, rows that look the same, and removals of what is not there."""
    content = content_of(ITEMS, [(A, {"x": 1, "y": 1}), (B, {"x": 2, "y": 1})])
    assert content.fragments == {A: fragment(A, '{"x":1}'), B: fragment(B, '{"x":2}')}
    assert content.apply({A: {"x": 1, "y": 9}}) == {}
    assert content.apply({A: {"x": 5, "y": 9}, B: None}) == {A: fragment(A, '{"x":5}'), B: fragment(B, "null")}
    assert content.apply({B: None}) == {}
    assert content.fragments == {A: fragment(A, '{"x":5}')}


def test_derived_rows() -> None:
    """Derived rows are compared by key: what differs is upserted, what is gone is removed."""
    even, odd = RowKey("sum", "even"), RowKey("sum", "odd")
    content = content_of(SUMS, [(A, {"x": 1}), (B, {"x": 2})])
    assert content.fragments == {odd: fragment(odd, '{"sum":10}'), even: fragment(even, '{"sum":20}')}
    assert content.apply({A: {"x": 1}}) == {}
    assert content.apply({A: {"x": 4}}) == {even: fragment(even, '{"sum":60}'), odd: fragment(odd, "null")}
    assert content.apply({A: None}) == {even: fragment(even, '{"sum":20}')}


def test_a_projection_s_error_is_passed_on() -> None:
    """The machine decides what becomes of it."""
    with pytest.raises(KeyError):
        content_of(ITEMS, [(A, {"y": 1})])
