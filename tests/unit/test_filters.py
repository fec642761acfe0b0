"""Routing finds exactly the targets whose alternatives hold."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pure.filters import Index
from realtime.pure.selection import Part, Projection

SHOWN = Projection("dict", "1", dict)


def part(*alternatives: dict[str, Any]) -> Part:
    """Return a part of kind `item`."""
    return Part("item", tuple(tuple(sorted(each.items())) for each in alternatives), SHOWN)


def found(row: dict[str, Any] | None, **parts: Part) -> list[str]:
    """Return the names of the parts that select the row."""
    index: Index[str] = Index()
    for name, each in parts.items():
        index.add(each, name)
    return list(index.find("item", row))


ROW = {"a": 1, "b": "x", "c": None, "d": Decimal("1.50"), "e": [1]}


@pytest.mark.parametrize(
    ("alternatives", "selected"),
    [
        ([{}], True),
        ([{"a": 1}], True),
        ([{"a": 2}], False),
        ([{"a": 1, "b": "x"}], True),
        ([{"a": 1, "b": "y"}], False),
        ([{"a": 2}, {"b": "x"}], True),
        ([{"a": 1}, {"b": "x"}], True),
        ([{"c": None}], False),
        ([{"a": 1, "c": None}], False),
        ([{"d": Decimal("1.5")}], True),
        ([{"e": 1}], False),
        ([], False),
    ],
)
def test_a_row_is_found_by_its_values(alternatives: list[dict[str, Any]], *, selected: bool) -> None:
    """Equality in every column of some alternative; None never matches, in row or filter."""
    assert found(ROW, view=part(*alternatives)) == (["view"] if selected else [])


def test_no_row_and_other_kinds_are_not_found() -> None:
    """A deleted row, and a kind that nobody selects."""
    assert found(None, view=part({})) == []
    index: Index[str] = Index()
    index.add(part({}), "view")
    assert list(index.find("other", ROW)) == []


def test_targets_come_once_and_in_order() -> None:
    """A target that several alternatives select is found once; the order is that of adding."""
    assert found(ROW, first=part({"a": 1}, {"b": "x"}), second=part({}), third=part({"a": 1})) == [
        "first", "third", "second",
    ]  # fmt: skip


def test_what_is_removed_is_found_no_more() -> None:
    """Removing leaves others, and nothing behind when it was the last."""
    index: Index[str] = Index()
    index.add(part({"a": 1}), "first")
    index.add(part({"a": 1}, {"b": "x"}), "second")
    index.remove(part({"a": 1}), "first")
    assert list(index.find("item", ROW)) == ["second"]
    index.remove(part({"a": 1}, {"b": "x"}), "second")
    assert list(index.find("item", ROW)) == []
    assert index._shapes == {}


VALUES = st.none() | st.integers(0, 2)
WHERE = st.dictionaries(st.sampled_from("abc"), VALUES)


@given(
    st.lists(st.lists(WHERE, max_size=3), max_size=5), st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES})
)
def test_the_lookup_agrees_with_the_scan(parts: list[list[dict[str, Any]]], row: dict[str, Any]) -> None:
    """Whatever the filters, the index finds what `Part.matches` says."""
    index: Index[int] = Index()
    for number, alternatives in enumerate(parts):
        index.add(part(*alternatives), number)
    assert set(index.find("item", row)) == {
        number for number, alternatives in enumerate(parts) if part(*alternatives).matches(row)
    }
