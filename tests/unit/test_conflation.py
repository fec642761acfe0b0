"""A client that can't keep up is owed the latest state of each row, or a snapshot, and never more memory than that."""

import json

from realtime.pure.conflation import Owed, latest
from tests.support.sessions import PlainView, key


def test_a_key_is_remembered_once_however_often_it_changes() -> None:
    """A thousand changes of one row are one key."""
    owed = Owed(max_keys=3)
    for _ in range(1_000):
        assert not owed.remember([key(1)])
    assert owed.settle() == (key(1),)
    assert not owed


def test_past_the_bound_only_a_snapshot_is_remembered() -> None:
    """The key above the bound turns all of them into one snapshot that is due; more keys change nothing."""
    owed = Owed(max_keys=3)
    assert not owed.remember([key(1), key(2), key(3)])
    assert owed.remember([key(4)])
    assert not owed.remember([key(5)])
    assert owed.snapshot
    assert owed.settle() == ()
    assert not owed


def test_an_upsert_followed_by_a_removal_stays_a_removal() -> None:
    """What is written is the state when it is written, not when it was remembered."""
    view = PlainView(rows=[1, 2])
    owed = Owed(max_keys=10)
    owed.remember(view.change({1: {"n": 5}, 2: {"n": 6}}).keys)
    owed.remember(view.change({1: None}).keys)
    (body,) = latest(view, owed.settle(), 10_000)
    assert [each["row"] for each in json.loads(b"[%b]" % body)] == [None, {"n": 6}]


def test_no_keys_make_one_empty_body() -> None:
    """An empty list of changes is a frame too: it advances the position."""
    assert latest(PlainView(), (), 10_000) == [b""]
