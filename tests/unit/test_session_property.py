"""Whatever a session goes through, its client ends up with the view; whatever a client sends, it is answered.

The client (`tests.support.sessions.Client`) applies frames as the protocol says, and fails on a position that
goes back, on `changes` within a snapshot, and on a key that stands twice at one position.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.pure.commands import open_envelope
from realtime.pure.conflation import Owed
from realtime.pure.requests import Close, Resolve
from realtime.pure.subscription import State, Subscription
from tests.support.sessions import LIMITS, NEVER_STALE, PlainView, Talk, selection

SMALL = replace(LIMITS, frame_max_bytes=4_600, conflation_max_keys=6)
"""Frames of about ten rows, and a bound that a few changes pass."""

Step = tuple[Any, ...]

CHANGES = st.dictionaries(st.integers(0, 15), st.none() | st.fixed_dictionaries({"n": st.integers(0, 99)}), max_size=20)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), CHANGES),
        st.tuples(st.just("untouched"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["clog", "drain", "drain a little", "reset", "new epoch", "stale", "fresh"])),
        st.tuples(st.sampled_from(["recheck", "confirm", "resubscribe"])),
        st.tuples(st.just("tick"), st.sampled_from([0.1, 1.0, 16.0])),
    ),
    max_size=40,
)


class Play:
    """One session that goes through the steps; at most one topic, perhaps rated."""

    def __init__(self, max_rate: float | None) -> None:
        self.talk = Talk(limits=SMALL)
        self.view = PlainView(frame_max_bytes=SMALL.frame_max_bytes, rows=range(12))
        self.options: dict[str, Any] = {} if max_rate is None else {"max_rate": max_rate}
        self.epochs = 1
        self.subscription: Subscription = self.talk.live(self.view, **self.options)

    def take(self, step: Step) -> None:
        """Go through one step."""
        steps: dict[str, Callable[..., object]] = {
            "change": self.change,
            "untouched": self.untouched,
            "clog": self.talk.clog,
            "drain": self.talk.drain,
            "drain a little": self.drain_a_little,
            "reset": self.reset,
            "new epoch": self.new_epoch,
            "stale": self.stale,
            "fresh": self.fresh,
            "recheck": self.recheck,
            "confirm": self.confirm,
            "resubscribe": self.resubscribe,
            "tick": self.tick,
        }
        steps[step[0]](*step[1:])

    def change(self, changed: dict[int, dict[str, Any] | None]) -> None:
        """Change rows; an update that changes none is not delivered."""
        if changed:
            self.talk.change(self.subscription, self.view, changed)

    def untouched(self, positions: int) -> None:
        """Let the stream go on without the topic."""
        self.view.position += positions

    def drain_a_little(self) -> None:
        """Let the transport take one turn, and be congested again by it."""
        self.talk.congested = False
        effects = self.talk.session.drained(self.talk.now)
        self.talk.congested = bool(effects)
        self.talk.do(effects)

    def reset(self) -> None:
        """Read the view anew."""
        self.view.rows.clear()
        self.view.position += 1
        self.talk.do(self.talk.session.reset(self.subscription, self.view, self.talk.now))

    def new_epoch(self) -> None:
        """Replace the log: positions begin again."""
        self.epochs += 1
        self.view.epoch, self.view.position = f"log-{self.epochs}", 0
        self.talk.do(self.talk.session.reset(self.subscription, self.view, self.talk.now))

    def stale(self) -> None:
        """Let the identity's last check be long ago."""
        self.talk.session.outflow.checked_at = self.talk.now - 10

    def fresh(self) -> None:
        """Check the identity."""
        self.talk.do(self.talk.session.checked(NEVER_STALE, self.talk.now))

    def recheck(self) -> None:
        """Change the identity's rights."""
        self.talk.do(self.talk.session.identity_changed("1"))

    def confirm(self) -> None:
        """Answer the last resolution: the same selection."""
        ticket = next(each.ticket for each in reversed(self.talk.asked) if isinstance(each, Resolve))
        if self.subscription.state is State.RECHECKING:
            self.talk.do(self.talk.session.resolved(self.subscription, ticket, selection(), self.talk.now))

    def resubscribe(self) -> None:
        """Give the topic up and ask for it again."""
        self.talk.send(type="unsubscribe", id=2, topic="stock")
        self.subscription = self.talk.live(self.view, **self.options)

    def tick(self, seconds: float) -> None:
        """Let time pass, for a client that takes some bytes and pongs."""
        self.talk.drained_bytes += 1
        self.talk.tick(seconds)

    def settle(self) -> None:
        """Let everything that stands in the way go."""
        self.confirm()
        self.fresh()
        self.talk.drain()
        self.talk.now += 3_600
        self.talk.do(self.talk.session.wake(self.talk.now))
        self.talk.do(self.talk.session.tick(self.talk.now, drained_bytes=-1, pongs=-1))


@given(STEPS, st.none() | st.sampled_from([0.1, 2.0, 60.0]))
@settings(max_examples=20000, deadline=None)
def test_a_client_that_drains_has_the_view(steps: list[Step], max_rate: float | None) -> None:
    """Congestion, staleness, rates, resets, new epochs and rechecks in any order: at last it has the view."""
    play = Play(max_rate)
    for step in steps:
        play.take(step)
    play.settle()
    assert not any(isinstance(each, Close) for each in play.talk.asked)
    assert play.talk.client.has(play.view)


def test_the_check_sees_a_forgotten_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeded bug: conflation that keeps only the last update's keys turns the property red."""
    remember = Owed.remember

    def forgetful(self: Owed, keys: Any) -> bool:
        if not self.snapshot:
            self.settle()
        return remember(self, keys)

    monkeypatch.setattr(Owed, "remember", forgetful)
    with pytest.raises(AssertionError):
        test_a_client_that_drains_has_the_view()


COMMANDS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("subscribe"), "id": st.integers(), "topic": st.sampled_from("abcd")},
            optional={
                "cursor": st.fixed_dictionaries({"epoch": st.text(max_size=3), "position": st.integers(-1, 99)}),
                "max_rate": st.sampled_from([0.05, 0.1, 2, 60, 61]),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("unsubscribe"), "id": st.text(max_size=3), "topic": st.sampled_from("abcd")}
        ),
        st.fixed_dictionaries({"type": st.just("ping"), "id": st.integers() | st.text(max_size=3)}),
        st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=3), max_size=3),
    ).map(json.dumps)
    | st.text(max_size=20),
    max_size=30,
)


@given(COMMANDS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_every_command_is_answered_once_with_its_id(messages: list[str], random: Any) -> None:
    """Each message gets one reply with its id: at once, when resolver and hub have answered, or by `unsubscribed`."""
    talk = Talk()
    expected: list[object] = []
    for message in messages:
        expected.append(_id_of(message))
        talk.send_text(message)
        if random.random() < 0.5:
            _answer(talk, random)
    while any(isinstance(each, Resolve) for each in talk.asked):
        _answer(talk, random)
    if any(isinstance(each, Close) for each in talk.asked):
        return  # ten bad frames: the last ones were not taken
    replies = [frame.get("id") for frame in talk.client.frames if frame["type"] not in ("changes", "heartbeat")]
    assert sorted(map(repr, replies)) == sorted(map(repr, expected))


def _id_of(message: str) -> object:
    try:
        written = open_envelope(message).id
    except Exception:  # noqa: BLE001 (no envelope, no id: which refusal it is, other tests say)
        return None
    return None if written is None else json.loads(written)


def _answer(talk: Talk, random: Any) -> None:
    """Let the resolver answer one of its questions, and the hub open what is resolved."""
    waiting = [each for each in talk.asked if isinstance(each, Resolve)]
    if not waiting:
        return
    resolve = random.choice(waiting)
    talk.asked.remove(resolve)
    talk.do(talk.session.resolved(resolve.subscription, resolve.ticket, selection(), talk.now))
    if resolve.subscription.state is State.OPENING:
        talk.do(talk.session.opened(resolve.subscription, PlainView(rows=[1]), None, talk.now))
