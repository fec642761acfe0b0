"""The recording client keeps rows as docs/PROTOCOL.md says, and notes what breaks the framing."""

import json
from typing import Any

import pytest

from tests.faults.history import Connection, Told, What
from tests.faults.recorder import decode
from tests.faults.shelf import Shelf


def row(key: int, version: int | None, owner: int = 1) -> dict[str, Any]:
    """Return a row as it travels."""
    shown = None if version is None else {"version": version, "canary": f"canary-of-{owner}-{key}"}
    return {"kind": "item", "key": str(key), "row": shown}


def snapshot(position: int, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a snapshot's frame."""
    return {"type": "snapshot", "epoch": "e", "position": position, "rows": rows, **more}


def changes(position: int, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a frame of changes."""
    return {"type": "changes", "position": position, "changes": rows, **more}


def resumed(position: int) -> dict[str, Any]:
    """Return the frame of a resume."""
    return {"type": "resumed", "epoch": "e", "position": position}


FIRST, LAST = {"first": True, "last": False}, {"first": False, "last": True}


def given(*frames: dict[str, Any]) -> Shelf:
    """Return a shelf that was given these frames after a subscribe."""
    shelf, connection = Shelf("proof/mine"), Connection("", 0.0)
    connection.subscribed.append(shelf.ask(0.0))
    for at, frame in enumerate(frames, 1):
        payload = json.dumps({**frame, "topic": "proof/mine"}).encode()
        shelf.take(decode(payload), payload, connection, float(at))
    return shelf


def told(shelf: Shelf) -> list[Told]:
    """Return what was told."""
    assert shelf.subscribed is not None
    return shelf.subscribed.told


def test_rows_are_replaced_set_and_removed() -> None:
    """A snapshot replaces, changes set and remove; the sum of fingerprints depends on the rows alone."""
    shelf = given(snapshot(5, row(1, 1), row(2, 1)), changes(7, row(1, 2), row(2, None)), changes(9, row(3, 1)))
    assert shelf.rows == {("item", "1"): 2, ("item", "3"): 1}
    assert shelf.cursor == ("e", 9)
    same = given(snapshot(9, row(3, 1), row(1, 2)))
    assert told(same)[-1].total == told(shelf)[-1].total != told(shelf)[0].total
    assert [each.what for each in told(shelf)] == [What.SNAPSHOT, What.CHANGES, What.CHANGES]


def test_parts_are_applied_together() -> None:
    """Until the last part has come, nothing is told and the rows stay; a later part's row wins."""
    shelf = given(snapshot(5, row(1, 1)), snapshot(8, row(2, 1), **FIRST))
    assert (shelf.rows, shelf.cursor, len(told(shelf))) == ({("item", "1"): 1}, ("e", 5), 1)
    shelf = given(snapshot(8, row(2, 1), row(3, 1), **FIRST), snapshot(8, row(2, 2, owner=7), row(3, None), **LAST))
    assert (shelf.rows, shelf.cursor) == ({("item", "2"): 2}, ("e", 8))
    assert told(shelf)[-1].owners == {1, 7}
    shelf = given(snapshot(5), changes(6, row(1, 1), last=False), changes(6, row(2, 1)))
    assert [len(each.rows) for each in told(shelf)] == [0, 2]


def test_a_snapshot_may_begin_anew() -> None:
    """What had come of the one before counts for nothing; whether there was a reason is for the checker to say."""
    shelf = given(snapshot(5, row(1, 1), **FIRST), snapshot(6, row(2, 1)))
    assert shelf.rows == {("item", "2"): 1}
    assert shelf.subscribed is not None
    assert [position for _, _, position in shelf.subscribed.restarts] == [6]
    assert shelf.subscribed.misframed == []


@pytest.mark.parametrize(
    ("invariant", "frames"),
    [
        ("I4", [snapshot(5), changes(6, row(1, 1), last=False), changes(7, row(2, 1))]),
        ("I5", [snapshot(4), snapshot(5, **FIRST), changes(6, row(1, 1))]),
        ("I5", [snapshot(5, **LAST)]),
        ("I5", [snapshot(5), changes(6, row(1, 1), last=False), snapshot(6)]),
        ("I7", [snapshot(5), changes(6, row(1, 1), row(1, 2))]),
        ("I12", [changes(6, row(1, 1))]),
        ("I12", [resumed(6)]),
    ],
)
def test_what_breaks_the_framing_is_noted(invariant: str, frames: list[dict[str, Any]]) -> None:
    """Each breach is noted under its invariant."""
    shelf = given(*frames)
    assert shelf.subscribed is not None
    assert {each[1] for each in shelf.subscribed.misframed} >= {invariant}
