"""The session machine: every command, reply, error and close code of the protocol, and every event in every state."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from realtime.errors import Forbidden, SnapshotTooLarge, Unavailable, UnknownTopic
from realtime.pure.requests import Close, Open, Release, Resolve, SendPing
from realtime.pure.subscription import TRANSITIONS, Event, State, Subscription, client_epoch
from tests.support.sessions import LIMITS, PlainView, Talk, key, selection

EPOCH = client_epoch("log-1", selection(), "1")


# Connecting


def test_the_welcome_names_the_user_and_the_limits() -> None:
    """The first frame says the protocol, who one is, and what is bounded."""
    talk = Talk()
    (frame,) = talk.do(talk.session.welcome("s1", "anna"))
    assert (frame["type"], frame["protocol"], frame["session"], frame["user"]) == ("welcome", 1, "s1", "anna")
    assert frame["heartbeat_seconds"] == 15
    assert frame["limits"]["subscriptions"] == LIMITS.subscriptions_max


# Subscribing


def test_a_subscribe_is_answered_by_a_snapshot_then_by_changes() -> None:
    """Snapshot first, at the view's position; then each update in a frame."""
    talk, view = Talk(), PlainView(rows=[1, 2])
    subscription = talk.live(view)
    assert talk.client.frames[-1] == {
        "type": "snapshot",
        "id": 1,
        "topic": "stock",
        "epoch": EPOCH,
        "position": 0,
        "rows": [
            {"kind": "stocklevel", "key": "1", "row": {"n": 0}},
            {"kind": "stocklevel", "key": "2", "row": {"n": 0}},
        ],
        "first": True,
        "last": True,
    }
    (frame,) = talk.change(subscription, view, {1: {"n": 1}, 2: None})
    assert frame == {
        "type": "changes",
        "topic": "stock",
        "position": 2,
        "changes": [
            {"kind": "stocklevel", "key": "1", "row": {"n": 1}},
            {"kind": "stocklevel", "key": "2", "row": None},
        ],
    }
    assert talk.client.has(view)


def test_an_empty_topic_is_a_snapshot_of_no_rows() -> None:
    """Nothing to show is said, not left out."""
    talk = Talk()
    talk.live(PlainView())
    assert talk.client.frames[-1]["rows"] == []
    assert talk.client.frames[-1]["last"] is True


def test_a_good_cursor_is_answered_by_resumed_and_what_was_missed() -> None:
    """`resumed` echoes the cursor; the changes since follow, each row once, in its latest state."""
    talk, view = Talk(), PlainView(rows=[1, 2])
    view.change({1: {"n": 5}, 2: None})
    subscription = talk.subscribe(cursor={"epoch": EPOCH, "position": 1})
    assert talk.last(Open).cursor.position == 1
    talk.client.epoch["stock"], talk.client.position["stock"], talk.client.rows["stock"] = EPOCH, 1, {}
    resumed, changes = talk.do(talk.session.opened(subscription, view, [key(1), key(2)], talk.now))
    assert resumed == {"type": "resumed", "id": 1, "topic": "stock", "epoch": EPOCH, "position": 1}
    assert (changes["type"], changes["position"]) == ("changes", 2)
    assert [each["row"] for each in changes["changes"]] == [{"n": 5}, None]


def test_a_cursor_that_missed_nothing_is_followed_by_an_empty_list() -> None:
    """The client learns that it has caught up."""
    talk, view = Talk(), PlainView(rows=[1])
    talk.client.epoch["stock"], talk.client.position["stock"], talk.client.rows["stock"] = EPOCH, 0, {}
    subscription = talk.subscribe(cursor={"epoch": EPOCH, "position": 0})
    frames = talk.do(talk.session.opened(subscription, view, [], talk.now))
    assert [frame["type"] for frame in frames] == ["resumed", "changes"]
    assert frames[1]["changes"] == []


def test_a_cursor_that_cannot_be_resumed_is_answered_by_a_snapshot() -> None:
    """So is one that missed more than is remembered."""
    talk = Talk()
    subscription = talk.subscribe(cursor={"epoch": "another", "position": 3})
    (frame,) = talk.do(talk.session.opened(subscription, PlainView(rows=[1]), None, talk.now))
    assert (frame["type"], frame["id"]) == ("snapshot", 1)
    talk = Talk(limits=replace(LIMITS, conflation_max_keys=2))
    subscription = talk.subscribe(cursor={"epoch": EPOCH, "position": 0})
    touched = [key(n) for n in range(3)]
    (frame,) = talk.do(talk.session.opened(subscription, PlainView(rows=[1]), touched, talk.now))
    assert (frame["type"], frame["id"]) == ("snapshot", 1)


def test_the_epoch_is_of_log_selection_and_user() -> None:
    """Another of any of them is another epoch; the log's own is never shown."""
    epochs = {
        client_epoch(log, each, user)
        for log in ("log-1", "log-2")
        for each in (selection(), selection(value=2))
        for user in ("", "1", "2")
    }
    assert len(epochs) == 12
    assert not any("log" in each for each in epochs)


def test_a_large_snapshot_comes_in_frames() -> None:
    """`first` on the first, `last` on the last, the id on all; none is above the limit."""
    limits = replace(LIMITS, frame_max_bytes=5_000)
    talk, view = Talk(limits=limits), PlainView(frame_max_bytes=5_000, rows=range(100))
    talk.live(view)
    frames = [frame for frame in talk.client.frames if frame["type"] == "snapshot"]
    assert len(frames) > 3
    assert [frame["first"] for frame in frames] == [True] + [False] * (len(frames) - 1)
    assert [frame["last"] for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert {frame["id"] for frame in frames} == {1}
    assert talk.client.has(view)


def test_a_large_update_comes_in_parts() -> None:
    """`last` false on all parts but the final one, and applied together they are the update."""
    limits = replace(LIMITS, frame_max_bytes=5_000)
    talk, view = Talk(limits=limits), PlainView(frame_max_bytes=5_000)
    subscription = talk.live(view)
    frames = talk.change(subscription, view, {n: {"n": n} for n in range(100)})
    assert [frame.get("last", True) for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert len(frames) > 1
    assert talk.client.has(view)


def test_a_finished_frame_is_shared_by_all_who_see_the_topic() -> None:
    """The second session of a topic composes nothing."""
    view = PlainView()
    talks = [Talk(user=user) for user in ("1", "2")]
    subscriptions = [talk.live(view) for talk in talks]
    update = view.change({1: {"n": 1}})
    first, second = (
        talk.session.changed(subscription, update, talk.now)
        for talk, subscription in zip(talks, subscriptions, strict=True)
    )
    assert first[0] is second[0]


def test_max_rate_spaces_changes_and_keeps_the_latest_state() -> None:
    """At two per second, the second update waits half a second and then holds what came in between."""
    talk, view = Talk(), PlainView(rows=[1, 2])
    subscription = talk.live(view, max_rate=2)
    assert len(talk.change(subscription, view, {1: {"n": 1}})) == 1
    assert talk.change(subscription, view, {1: {"n": 2}}) == []
    assert talk.change(subscription, view, {2: None, 1: {"n": 3}}) == []
    assert talk.session.outflow.wake_at == talk.now + 0.5
    talk.now += 0.5
    (frame,) = talk.do(talk.session.wake(talk.now))
    assert [each["row"] for each in frame["changes"]] == [{"n": 3}, None]
    assert talk.client.has(view)
    assert talk.session.outflow.wake_at is None


def test_a_topic_that_goes_out_with_another_leaves_nothing_out() -> None:
    """P3: a batch changes two topics of a session that both owe; told of the first, it writes the second complete."""
    talk, one, other = Talk(), PlainView(), PlainView()
    first, second = talk.live(one, "one", max_rate=2), talk.live(other, "other", max_rate=2)
    for number in range(2):
        talk.change(first, one, {1: {"n": number}})
        talk.change(second, other, {1: {"n": number}})
    assert not talk.client.has(other, "other")
    talk.now += 1
    batch = [(first, one.change({2: {"n": 5}})), (second, other.change({2: {"n": 5}}))]
    for subscription, update in batch:
        talk.do(talk.session.changed(subscription, update, talk.now))
    assert talk.client.has(one, "one") and talk.client.has(other, "other")


def test_max_rate_delays_no_other_topic_and_no_snapshot() -> None:
    """A rated topic waits alone, and a reset of it does not wait."""
    talk, slow, fast = Talk(), PlainView(), PlainView()
    rated, unrated = talk.live(slow, "slow", max_rate=0.1), talk.live(fast, "fast")
    talk.change(rated, slow, {1: {"n": 1}})
    assert talk.change(rated, slow, {1: {"n": 2}}) == []
    assert len(talk.change(unrated, fast, {1: {"n": 1}})) == 1
    (frame,) = talk.do(talk.session.reset(rated, slow, talk.now))
    assert (frame["type"], "id" in frame) == ("snapshot", False)
    assert talk.client.has(slow, "slow")


# Unsubscribing


def test_an_unsubscribe_is_answered_and_frees_the_topic() -> None:
    """After it the topic can be subscribed again."""
    talk = Talk()
    subscription = talk.live(PlainView())
    assert talk.send(type="unsubscribe", id=2, topic="stock") == [{"type": "unsubscribed", "topic": "stock", "id": 2}]
    assert talk.last(Release).subscription is subscription
    talk.live(PlainView())


@pytest.mark.parametrize("opening", [False, True])
def test_a_pending_subscribe_is_answered_by_unsubscribed_too(opening: bool) -> None:  # noqa: FBT001
    """Both commands get their reply, and a late answer of resolver or hub is ignored."""
    talk = Talk()
    if opening:
        talk.subscribe()
    else:
        talk.send(type="subscribe", id=1, topic="stock")
    resolve = next(each for each in talk.asked if isinstance(each, Resolve))
    frames = talk.send(type="unsubscribe", id=2, topic="stock")
    assert [(frame["type"], frame["id"]) for frame in frames] == [("unsubscribed", 1), ("unsubscribed", 2)]
    assert talk.do(talk.session.resolved(resolve.subscription, resolve.ticket, selection(), talk.now)) == []
    assert isinstance(talk.asked[-1], Release) is opening


# Errors


@pytest.mark.parametrize(
    ("text", "code", "identifier"),
    [
        ("{", "bad_frame", None),
        ('{"type":"ping","id":1.5}', "bad_frame", None),
        ('{"type":"subscribe","id":7,"topic":7}', "bad_frame", 7),
        ('{"type":"dance","id":"x"}', "unknown_type", "x"),
        ('{"type":"unsubscribe","id":1,"topic":"stock"}', "not_subscribed", 1),
        ('{"type":"subscribe","id":1,"topic":"stock","max_rate":0}', "bad_parameter", 1),
        ('{"type":"subscribe","id":1,"topic":"' + "x" * 201 + '"}', "unknown_topic", 1),
        ('{"type":"ping","id":1,"padding":"' + "x" * LIMITS.command_max_bytes + '"}', "bad_frame", None),
    ],
)
def test_a_bad_command_has_its_error(text: str, code: str, identifier: object) -> None:
    """The code says what was wrong, the id is echoed where there is one, and the session goes on."""
    talk = Talk()
    (frame,) = talk.send_text(text)
    assert (frame["type"], frame["code"], frame.get("id"), frame["retry"]) == ("error", code, identifier, False)
    assert talk.send(type="ping", id=9) == [{"type": "pong", "id": 9}]


def test_a_topic_can_be_subscribed_once() -> None:
    """Also while the first subscribe is pending."""
    talk = Talk()
    talk.send(type="subscribe", id=1, topic="stock")
    (frame,) = talk.send(type="subscribe", id=2, topic="stock")
    assert (frame["code"], frame["id"]) == ("already_subscribed", 2)


def test_subscriptions_are_bounded() -> None:
    """The one above the bound is refused; one given up makes room."""
    talk = Talk()
    for topic in "abc":
        talk.live(PlainView(), topic)
    (frame,) = talk.send(type="subscribe", id=4, topic="d")
    assert frame["code"] == "too_many_subscriptions"
    talk.send(type="unsubscribe", id=5, topic="a")
    talk.live(PlainView(), "d")


@pytest.mark.parametrize("error", [Forbidden("no"), UnknownTopic("no"), Unavailable("later")])
def test_a_topic_that_is_refused_has_its_error(error: Forbidden | UnknownTopic | Unavailable) -> None:
    """What the resolver says is the reply, and the topic is free again."""
    talk = Talk()
    talk.send(type="subscribe", id=1, topic="stock")
    resolve = talk.last(Resolve)
    (frame,) = talk.do(talk.session.refused(resolve.subscription, resolve.ticket, error, talk.now))
    assert (frame["id"], frame["code"], frame["retry"]) == (1, error.code, error.retry)
    talk.live(PlainView())


def test_a_view_that_cannot_be_opened_has_its_error() -> None:
    """What the hub says is the reply."""
    talk = Talk()
    subscription = talk.subscribe()
    (frame,) = talk.do(talk.session.failed(subscription, SnapshotTooLarge("too many rows"), talk.now))
    assert (frame["type"], frame["id"], frame["code"]) == ("error", 1, "snapshot_too_large")


def test_a_view_that_fails_later_ends_the_subscription_loudly() -> None:
    """The client drops the topic, and may come back where the error says so."""
    talk = Talk()
    subscription = talk.live(PlainView())
    (frame,) = talk.do(talk.session.failed(subscription, Unavailable("no"), talk.now))
    assert frame == {"type": "unsubscribed", "topic": "stock", "code": "unavailable", "retry": True}


def test_a_revoked_subscription_is_pushed() -> None:
    """The permission's row left: the topic ends, and it can be asked for again."""
    talk = Talk()
    subscription = talk.live(PlainView())
    (frame,) = talk.do(talk.session.revoked(subscription, talk.now))
    assert frame == {"type": "unsubscribed", "topic": "stock", "code": "revoked"}
    assert not any(isinstance(each, Release) for each in talk.asked)
    talk.live(PlainView())


def test_revoked_before_it_was_answered_is_the_reply() -> None:
    """A subscribe gets its one answer."""
    talk = Talk()
    talk.clog()
    subscription = talk.live(PlainView())
    (frame,) = talk.do(talk.session.revoked(subscription, talk.now))
    assert (frame["type"], frame["id"], frame["code"]) == ("error", 1, "unknown_topic")


# Close codes


def closed(talk: Talk) -> int:
    """Return the code with which the session was closed."""
    code = talk.last(Close).code
    assert isinstance(code, int)
    return code


def test_the_tenth_bad_frame_within_a_minute_closes() -> None:
    """Nine are answered; the tenth is answered and closes with 4500."""
    talk = Talk()
    for _ in range(9):
        assert talk.send_text("{")[0]["code"] == "bad_frame"
    assert not talk.asked
    talk.send_text("{")
    assert closed(talk) == 4500


def test_bad_frames_over_a_longer_time_do_not_close() -> None:
    """One every seven seconds is never ten within a minute."""
    talk = Talk()
    for _ in range(30):
        talk.now += 7
        talk.send_text("{")
    assert not talk.asked


def test_a_binary_frame_closes() -> None:
    """There are none in this protocol: 4500."""
    talk = Talk()
    talk.do(talk.session.received_binary())
    assert closed(talk) == 4500


def test_too_many_commands_are_refused_then_closed() -> None:
    """`rate_limited` with retry at first; who heeds no error is closed with 4029."""
    talk = Talk()
    answers = [talk.send(type="ping", id=n)[0] for n in range(LIMITS.commands_burst + 1)]
    assert [answer["type"] for answer in answers[:-1]] == ["pong"] * LIMITS.commands_burst
    assert (answers[-1]["code"], answers[-1]["retry"], answers[-1]["id"]) == (
        "rate_limited",
        True,
        LIMITS.commands_burst,
    )
    for n in range(LIMITS.commands_burst):
        talk.send(type="ping", id=n)
    assert closed(talk) == 4029


def test_a_client_that_asks_on_without_reading_is_closed() -> None:
    """Replies of a client that takes none would pile up: 4029, however slowly it asks."""
    talk = Talk()
    talk.clog()
    for n in range(LIMITS.commands_burst + 1):
        talk.now += 0.1
        talk.send(type="ping", id=n)
    assert closed(talk) == 4029


def test_a_client_that_takes_nothing_is_closed_as_slow() -> None:
    """120 s without a drained byte: 4001. Each byte that is taken begins the time anew; no ping time-out runs."""
    talk = Talk()
    talk.clog()
    for _ in range(119):
        talk.tick(pong=False)
    talk.drained_bytes += 1
    for _ in range(120):
        talk.tick(pong=False)
    assert not any(isinstance(each, Close) for each in talk.asked)
    talk.tick(pong=False)
    assert closed(talk) == 4001


def test_a_client_that_does_not_pong_is_closed_as_silent() -> None:
    """Uncongested and 25 s without a pong: 4002; it was pinged, and had time to answer."""
    talk = Talk()
    for _ in range(24):
        talk.tick(pong=False)
    assert not any(isinstance(each, Close) for each in talk.asked)
    talk.tick(pong=False)
    assert closed(talk) == 4002
    assert sum(isinstance(each, SendPing) for each in talk.asked) == 1


def test_a_client_that_pongs_stays() -> None:
    """An idle client is pinged, and stays as long as it answers."""
    talk = Talk()
    for _ in range(200):
        talk.tick()
    assert sum(isinstance(each, SendPing) for each in talk.asked) == 13
    assert not any(isinstance(each, Close) for each in talk.asked)


def test_a_server_that_stood_still_closes_nobody() -> None:
    """After an hour without a tick: who had answered the last ping is pinged anew, before anything is concluded."""
    talk = Talk()
    talk.tick(15.0)
    talk.tick(3_600.0)
    assert not any(isinstance(each, Close) for each in talk.asked)
    assert sum(isinstance(each, SendPing) for each in talk.asked) == 2


def test_a_session_says_when_the_clock_is_to_look_at_it() -> None:
    """An idle one for its next heartbeat or ping; one that is congested, or waits for a retry, every second."""
    talk = Talk()
    start = talk.now
    assert talk.session.next_tick == start + 15.0
    talk.tick(10.0)
    talk.send(type="ping", id=1)
    assert talk.session.next_tick == start + 15.0  # for the ping: the reply was a sign of life to the client alone
    talk.tick(5.0, pong=False)
    assert talk.session.next_tick == start + 25.0  # by then the pong must have come
    talk.tick(1.0)
    assert talk.session.next_tick == start + 25.0  # for the heartbeat, 15 s after the reply
    talk.clog()
    assert talk.session.next_tick == talk.now + 1.0


def test_a_drained_client_gets_the_whole_time_for_its_pong() -> None:
    """Its ping waited behind the data: the 25 s begin when the transport has drained."""
    talk = Talk()
    talk.clog()
    for _ in range(60):
        talk.drained_bytes += 1
        talk.tick(pong=False)
    talk.drain()
    for _ in range(24):
        talk.tick(pong=False)
    assert not any(isinstance(each, Close) for each in talk.asked)


def test_a_closed_session_does_nothing_more() -> None:
    """Everything is released before the close, and nothing is answered after it."""
    talk = Talk()
    subscription = talk.live(PlainView())
    talk.asked.clear()
    talk.do(talk.session.identity_gone())
    assert [type(each) for each in talk.asked] == [Release, Close]
    assert closed(talk) == 4501
    assert subscription.state is State.ENDED
    assert talk.send(type="ping", id=1) == []
    assert talk.tick(1000, pong=False) == []
    assert talk.do(talk.session.identity_gone()) == []


# Heartbeats


def test_silence_is_broken_by_a_heartbeat() -> None:
    """Nothing sent for 15 s: a heartbeat, and the next 15 s after it."""
    talk = Talk()
    talk.live(PlainView())
    frames = [frame for _ in range(45) for frame in talk.tick()]
    assert frames == [{"type": "heartbeat"}] * 3


def test_a_quiet_topic_of_a_busy_stream_advances_with_the_heartbeat() -> None:
    """An empty list says how far the topic is complete, also while other topics are busy."""
    talk, quiet, busy = Talk(), PlainView(rows=[1]), PlainView()
    talk.live(quiet, "quiet")
    subscription = talk.live(busy, "busy")
    frames = []
    for second in range(16):
        quiet.position += 10
        frames += talk.tick()
        talk.change(subscription, busy, {1: {"n": second}})
    assert frames == [{"type": "changes", "topic": "quiet", "position": 150, "changes": []}]
    assert talk.client.position["quiet"] == 150


# Congestion


def test_a_congested_client_gets_the_latest_state_when_it_drains() -> None:
    """What is superseded is dropped; a removal stays one; the frame brings the client to the view."""
    talk, view = Talk(), PlainView(rows=[1, 2])
    subscription = talk.live(view)
    talk.clog()
    for n in range(100):
        assert talk.change(subscription, view, {1: {"n": n}, 2: {"n": n}}) == []
    assert talk.change(subscription, view, {2: None}) == []
    (frame,) = talk.drain()
    assert [each["row"] for each in frame["changes"]] == [{"n": 99}, None]
    assert talk.client.has(view)


def test_a_client_too_far_behind_gets_a_snapshot_when_it_drains() -> None:
    """Past the bound of remembered keys, rows are read from the view once."""
    talk, view = Talk(limits=replace(LIMITS, conflation_max_keys=3)), PlainView()
    subscription = talk.live(view)
    talk.clog()
    for n in range(10):
        talk.change(subscription, view, {n: {"n": n}})
    (frame,) = talk.drain()
    assert (frame["type"], "id" in frame) == ("snapshot", False)
    assert talk.client.has(view)
    assert talk.tally["overflow", ""] == 1


def test_a_large_snapshot_waits_for_the_transport_between_its_frames() -> None:
    """One frame at a time; what changes meanwhile follows after the last, and no `changes` stand in between."""
    talk, view = (
        Talk(limits=replace(LIMITS, frame_max_bytes=40_000)),
        PlainView(frame_max_bytes=40_000, rows=range(3000)),
    )
    subscription = talk.live_and_clogged(view)
    assert [frame["type"] for frame in talk.client.frames] == ["snapshot"]
    written = []
    for n in range(20):
        talk.change(subscription, view, {n: {"n": n + 1}, 2999: None})
        talk.congested = False
        effects = talk.session.drained(talk.now)
        talk.congested = True
        written += talk.do(effects)
    kinds = [frame["type"] for frame in talk.client.frames]
    assert kinds == ["snapshot"] * kinds.count("snapshot") + ["changes"] * kinds.count("changes")
    talk.drain()
    assert talk.client.has(view)


def test_a_held_reply_is_still_answered_once() -> None:
    """A subscribe of a congested client is answered when it drains, by one snapshot that holds all."""
    talk, view = Talk(), PlainView(rows=[1])
    talk.clog()
    subscription = talk.live(view)
    talk.change(subscription, view, {1: {"n": 1}})
    assert talk.client.frames == []
    (frame,) = talk.drain()
    assert (frame["type"], frame["id"], frame["position"]) == ("snapshot", 1, 1)
    assert talk.client.has(view)


def test_unsubscribing_within_a_snapshot_ends_it() -> None:
    """Its rest is not sent, and the subscribe, not fully answered yet, is answered by `unsubscribed`."""
    talk, view = (
        Talk(limits=replace(LIMITS, frame_max_bytes=40_000)),
        PlainView(frame_max_bytes=40_000, rows=range(3000)),
    )
    talk.live_and_clogged(view)
    frames = talk.send(type="unsubscribe", id=2, topic="stock")
    assert [(frame["type"], frame["id"]) for frame in frames] == [("unsubscribed", 1), ("unsubscribed", 2)]
    assert talk.drain() == []


# Identity


def test_a_stale_identity_writes_no_data_until_it_is_checked() -> None:
    """1.5 s after the last check data is held; replies are not; the next check lets it go."""
    talk, view = Talk(checked_at=1000.0), PlainView(rows=[1])
    subscription = talk.live(view)
    talk.now += 1.5
    assert len(talk.change(subscription, view, {1: {"n": 1}})) == 1
    talk.now += 0.01
    assert talk.change(subscription, view, {1: {"n": 2}}) == []
    assert talk.send(type="ping", id=1) == [{"type": "pong", "id": 1}]
    talk.live(view, "other")
    assert "other" not in talk.client.rows
    assert [frame for _ in range(20) for frame in talk.tick()] == [{"type": "heartbeat"}]
    frames = talk.do(talk.session.checked(talk.now, talk.now))
    assert [frame["type"] for frame in frames] == ["changes", "snapshot"]
    assert talk.client.has(view)
    assert talk.client.has(view, "other")


def recheck(talk: Talk) -> list[Resolve]:
    """Change the identity's rights, and return what is resolved again."""
    talk.asked.clear()
    talk.do(talk.session.identity_changed("1"))
    return [each for each in talk.asked if isinstance(each, Resolve)]


def test_changed_rights_hold_every_topic_until_it_is_resolved_again() -> None:
    """The same selection: what was held is written, nothing else is said."""
    talk, view = Talk(), PlainView(rows=[1])
    subscription = talk.live(view)
    (resolve,) = recheck(talk)
    assert talk.change(subscription, view, {1: {"n": 1}}) == []
    (frame,) = talk.do(talk.session.resolved(subscription, resolve.ticket, selection(), talk.now))
    assert frame["type"] == "changes"
    assert talk.client.has(view)
    assert not any(isinstance(each, Release | Open) for each in talk.asked)


def test_a_lost_right_is_pushed_as_revoked() -> None:
    """The topic is resolved again and refused: released, and the client told."""
    talk = Talk()
    subscription = talk.live(PlainView())
    (resolve,) = recheck(talk)
    (frame,) = talk.do(talk.session.refused(subscription, resolve.ticket, Forbidden("no"), talk.now))
    assert frame == {"type": "unsubscribed", "topic": "stock", "code": "revoked"}
    assert talk.last(Release).subscription is subscription


def test_another_selection_is_pushed_as_a_snapshot() -> None:
    """The old view is left before the new one is opened, and its rows replace the old ones."""
    talk, mine, others = Talk(), PlainView(rows=[1]), PlainView(rows=[2])
    subscription = talk.live(mine)
    (resolve,) = recheck(talk)
    talk.change(subscription, mine, {1: {"n": 1}})
    talk.asked.clear()
    talk.do(talk.session.resolved(subscription, resolve.ticket, selection(value=2), talk.now))
    assert [type(each) for each in talk.asked] == [Release, Open]
    assert talk.last(Open).cursor is None
    (frame,) = talk.do(talk.session.opened(subscription, others, None, talk.now))
    assert (frame["type"], "id" in frame, frame["epoch"]) == (
        "snapshot",
        False,
        client_epoch("log-1", selection(value=2), "1"),
    )
    assert talk.client.has(others)


def test_an_answer_for_the_older_identity_is_ignored() -> None:
    """A resolution that was under way when the rights changed decides nothing."""
    talk = Talk()
    talk.send(type="subscribe", id=1, topic="stock")
    old = talk.last(Resolve)
    (new,) = recheck(talk)
    assert talk.do(talk.session.resolved(old.subscription, old.ticket, selection(), talk.now)) == []
    assert not any(isinstance(each, Open) for each in talk.asked)
    (frame,) = talk.do(talk.session.refused(new.subscription, new.ticket, Forbidden("no"), talk.now))
    assert (frame["type"], frame["id"], frame["code"]) == ("error", 1, "forbidden")


def test_a_view_that_was_opening_for_the_older_identity_is_left() -> None:
    """It is resolved anew, and answered for the new one."""
    talk = Talk()
    subscription = talk.subscribe()
    (resolve,) = recheck(talk)
    assert any(isinstance(each, Release) for each in talk.asked)
    talk.do(talk.session.resolved(subscription, resolve.ticket, selection(value=2), talk.now))
    (frame,) = talk.do(talk.session.opened(subscription, PlainView(), None, talk.now))
    assert (frame["type"], frame["id"]) == ("snapshot", 1)


def test_a_recheck_that_cannot_be_made_is_tried_again_and_shows_nothing_meanwhile() -> None:
    """Unavailable loses no right and gives none."""
    talk, view = Talk(), PlainView(rows=[1])
    subscription = talk.live(view)
    (resolve,) = recheck(talk)
    assert talk.do(talk.session.refused(subscription, resolve.ticket, Unavailable("later"), talk.now)) == []
    assert talk.change(subscription, view, {1: {"n": 1}}) == []
    talk.tick()
    again = next(each for each in talk.asked if isinstance(each, Resolve) and each.ticket > resolve.ticket)
    talk.do(talk.session.resolved(subscription, again.ticket, selection(), talk.now))
    assert talk.client.has(view)


def test_a_snapshot_under_way_stops_when_the_rights_change() -> None:
    """No frame of it is written until the topic is resolved again; another selection begins anew, as the reply."""
    talk, view = (
        Talk(limits=replace(LIMITS, frame_max_bytes=40_000)),
        PlainView(frame_max_bytes=40_000, rows=range(3000)),
    )
    subscription = talk.live_and_clogged(view)
    (resolve,) = recheck(talk)
    assert talk.drain() == []
    talk.do(talk.session.resolved(subscription, resolve.ticket, selection(value=2), talk.now))
    other = PlainView(rows=[5])
    (frame,) = talk.do(talk.session.opened(subscription, other, None, talk.now))
    assert (frame["first"], frame["last"], frame["id"]) == (True, True, 1)
    assert talk.client.has(other)


def test_another_user_behind_the_same_session_is_signed_out() -> None:
    """The session began with the one: the other signs in anew."""
    talk = Talk(user="1")
    talk.do(talk.session.identity_changed("2"))
    assert closed(talk) == 4501


# The table

STATES: dict[State, Callable[[Talk], Subscription]] = {
    State.RESOLVING: lambda talk: _resolving(talk),
    State.OPENING: lambda talk: talk.subscribe(),
    State.LIVE: lambda talk: talk.live(PlainView()),
    State.RECHECKING: lambda talk: _rechecking(talk),
}


def _resolving(talk: Talk) -> Subscription:
    talk.send(type="subscribe", id=1, topic="stock")
    subscription = talk.last(Resolve).subscription
    assert isinstance(subscription, Subscription)
    return subscription


def _rechecking(talk: Talk) -> Subscription:
    subscription = talk.live(PlainView())
    recheck(talk)
    return subscription


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", Event)
def test_every_event_follows_the_table_or_crashes(state: State, event: Event) -> None:
    """In each state, each event leads where the table says; one that can't happen is an assertion, not a guess."""
    talk = Talk()
    subscription = STATES[state](talk)
    assert subscription.state is state
    view, ticket, now, session = PlainView(), subscription.ticket, talk.now, talk.session
    happen: dict[Event, Callable[[], object]] = {
        Event.RESOLVED: lambda: session.resolved(subscription, ticket, selection(value=2), now),
        Event.CONFIRMED: lambda: session.resolved(subscription, ticket, selection(), now),
        Event.POSTPONED: lambda: session.refused(subscription, ticket, Unavailable("later"), now),
        Event.REFUSED: lambda: session.refused(subscription, ticket, Forbidden("no"), now),
        Event.OPENED: lambda: session.opened(subscription, view, None, now),
        Event.CHANGED: lambda: session.changed(subscription, view.change({1: {}}), now),
        Event.RESET: lambda: session.reset(subscription, view, now),
        Event.REVOKED: lambda: session.revoked(subscription, now),
        Event.FAILED: lambda: session.failed(subscription, Unavailable("no"), now),
        Event.UNSUBSCRIBED: lambda: talk.send(type="unsubscribe", id=9, topic="stock"),
        Event.IDENTITY_CHANGED: lambda: session.identity_changed("1"),
    }
    # The first resolution confirms nothing and postpones nothing: it resolves, and is refused.
    same = {Event.CONFIRMED: Event.RESOLVED, Event.POSTPONED: Event.REFUSED}
    expected = TRANSITIONS[state].get(same[event] if state is State.RESOLVING and event in same else event)
    if expected is None:
        with pytest.raises(AssertionError):
            happen[event]()
    else:
        happen[event]()
        assert subscription.state is expected
