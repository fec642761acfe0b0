"""A session without sockets and clocks: a view to subscribe to, and a client that keeps what it is sent."""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from realtime.pure.changes import RowKey
from realtime.pure.fragments import cut, encode_fragment
from realtime.pure.lane import Listeners
from realtime.pure.limits import SessionLimits
from realtime.pure.requests import Effects, Open, Resolve
from realtime.pure.selection import Part, Projection, Selection
from realtime.pure.session import Session
from realtime.pure.subscription import Subscription
from realtime.pure.view import Update

LIMITS = SessionLimits(
    heartbeat_seconds=15.0,
    pong_wait_seconds=25.0,
    slow_close_seconds=120.0,
    identity_stale_seconds=1.5,
    frame_max_bytes=256 * 1024,
    command_max_bytes=64 * 1024,
    conflation_max_keys=5_000,
    subscriptions_max=3,
    commands_per_second=50.0,
    commands_burst=200,
    bad_frames_per_minute=10,
)

NEVER_STALE = float("inf")


def selection(column: str = "warehouse_id", value: object = 1) -> Selection:
    """Return a selection of stock levels."""
    return Selection("inventory", (Part("stocklevel", (((column, value),),), Projection("row", "1", dict)),))


def key(number: int) -> RowKey:
    """Return the key of a stock level."""
    return RowKey("stocklevel", str(number))


class PlainView:
    """A view that is changed by hand."""

    def __init__(self, *, frame_max_bytes: int = LIMITS.frame_max_bytes, rows: Iterable[int] = ()) -> None:
        self.selection = selection()
        self.listeners = Listeners()
        self.untold: Update | None = None
        self.epoch = "log-1"
        self.position = 0
        self.rows: dict[RowKey, dict[str, Any]] = {key(number): {"n": 0} for number in rows}
        self._frame_max_bytes = frame_max_bytes

    def keys(self) -> Collection[RowKey]:
        """Return the keys of the rows."""
        return self.rows.keys()

    def fragment(self, row: RowKey) -> bytes | None:
        """Return the fragment of a row, or None."""
        return encode_fragment(row, self.rows[row]) if row in self.rows else None

    def snapshot_bodies(self) -> list[bytes]:
        """Return all fragments, cut."""
        return cut((encode_fragment(row, shown) for row, shown in self.rows.items()), self._frame_max_bytes)

    def change(self, changed: dict[int, dict[str, Any] | None]) -> Update:
        """Change rows (None removes), one position each, and return the update."""
        for number, row in changed.items():
            self.position += 1
            if row is None:
                self.rows.pop(key(number), None)
            else:
                self.rows[key(number)] = row
        keys = tuple(key(number) for number in changed)
        fragments = [encode_fragment(each, self.rows.get(each)) for each in keys]
        self.untold = Update(self.position, keys, cut(fragments, self._frame_max_bytes))
        return self.untold


class Client:
    """What a client knows of its topics after applying every frame as the protocol says."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.rows: dict[str, dict[tuple[str, str], Any]] = {}
        self.position: dict[str, int] = {}
        self.epoch: dict[str, str] = {}
        self._snapshots: dict[str, dict[tuple[str, str], Any]] = {}
        self._parts: dict[str, list[dict[str, Any]]] = {}

    def take(self, frame: bytes) -> None:
        """Apply a frame; an assertion fails where it breaks the protocol."""
        parsed = json.loads(frame)
        self.frames.append(parsed)
        match parsed["type"]:
            case "snapshot":
                self._snapshot(parsed)
            case "resumed":
                self._resumed(parsed)
            case "changes":
                self._changes(parsed)
            case "unsubscribed":
                self._unsubscribed(parsed)

    def _snapshot(self, frame: dict[str, Any]) -> None:
        topic = frame["topic"]
        if frame["first"]:
            self._snapshots[topic] = {}
        assert topic in self._snapshots, "a part of a snapshot without its first"
        _apply(self._snapshots[topic], frame["rows"])
        if frame["last"]:
            pushed = "id" not in frame and self.epoch.get(topic) == frame["epoch"]
            assert not pushed or frame["position"] >= self.position[topic], "a position went back"
            self.rows[topic] = self._snapshots.pop(topic)
            self.position[topic], self.epoch[topic] = frame["position"], frame["epoch"]

    def _resumed(self, frame: dict[str, Any]) -> None:
        assert (self.epoch[frame["topic"]], self.position[frame["topic"]]) == (frame["epoch"], frame["position"])

    def _changes(self, frame: dict[str, Any]) -> None:
        topic = frame["topic"]
        assert topic not in self._snapshots, "changes within a snapshot"
        parts = self._parts.setdefault(topic, [])
        parts += frame["changes"]
        if frame.get("last", True):
            assert frame["position"] >= self.position[topic], "a position went back"
            assert not parts or frame["position"] > self.position[topic], "told twice of one position"
            keys = [(each["kind"], each["key"]) for each in parts]
            assert len(keys) == len(set(keys)), "a key twice at one position"
            _apply(self.rows[topic], parts)
            self.position[topic] = frame["position"]
            parts.clear()

    def _unsubscribed(self, frame: dict[str, Any]) -> None:
        for known in (self.rows, self.position, self.epoch, self._snapshots, self._parts):
            known.pop(frame["topic"], None)

    def has(self, view: PlainView, topic: str = "stock") -> bool:
        """Tell whether the topic's rows are those of the view, at its position."""
        rows = {(each.kind, each.key): row for each, row in view.rows.items()}
        return self.rows[topic] == rows and self.position[topic] == view.position


def _apply(rows: dict[tuple[str, str], Any], changes: list[dict[str, Any]]) -> None:
    for each in changes:
        if each["row"] is None:
            rows.pop((each["kind"], each["key"]), None)
        else:
            rows[each["kind"], each["key"]] = each["row"]


class Talk:
    """A session and its client, driven by hand: frames go to the client, requests are kept in `asked`."""

    def __init__(self, *, limits: SessionLimits = LIMITS, checked_at: float = NEVER_STALE, user: str = "1") -> None:
        self.now = 1000.0
        self.tally: Counter[tuple[str, str]] = Counter()
        self.session = Session(limits=limits, user=user, checked_at=checked_at, tally=self.tally, now=self.now)
        self.client = Client()
        self.asked: list[Any] = []
        self.congested = False
        self.pongs = 0
        self.drained_bytes = 0

    def do(self, effects: Effects | list[bytes]) -> list[dict[str, Any]]:
        """Carry out effects as the driver does, and return the frames that were written."""
        before = len(self.client.frames)
        while effects:
            for effect in effects:
                if isinstance(effect, bytes):
                    self.client.take(effect)
                else:
                    self.asked.append(effect)
            if self.congested:
                self.session.congest(self.now)
            effects = self.session.turn(self.now)
        return self.client.frames[before:]

    def send(self, **command: Any) -> list[dict[str, Any]]:
        """Send a command and return the frames that it is answered with at once."""
        return self.do(self.session.received(json.dumps(command), self.now))

    def send_text(self, text: str) -> list[dict[str, Any]]:
        """Send a message as it is."""
        return self.do(self.session.received(text, self.now))

    def clog(self) -> None:
        """Let the transport be congested from now on."""
        self.congested = True
        self.session.congest(self.now)

    def drain(self) -> list[dict[str, Any]]:
        """Let the transport have drained."""
        self.congested = False
        return self.do(self.session.drained(self.now))

    def tick(self, seconds: float = 1.0, *, pong: bool = True) -> list[dict[str, Any]]:
        """Let time pass."""
        self.now += seconds
        self.pongs += pong
        return self.do(self.session.tick(self.now, drained_bytes=self.drained_bytes, pongs=self.pongs))

    def last(self, kind: type[Any]) -> Any:
        """Return the last request, which must be of this kind."""
        assert isinstance(self.asked[-1], kind), self.asked
        return self.asked[-1]

    def subscribe(self, topic: str = "stock", **options: Any) -> Subscription:
        """Subscribe as far as the hub being asked."""
        self.send(type="subscribe", id=1, topic=topic, **options)
        resolve = self.last(Resolve)
        self.do(self.session.resolved(resolve.subscription, resolve.ticket, selection(), self.now))
        opened = self.last(Open)
        assert isinstance(opened.subscription, Subscription)
        return opened.subscription

    def live(self, view: PlainView, topic: str = "stock", **options: Any) -> Subscription:
        """Subscribe and open the view."""
        subscription = self.subscribe(topic, **options)
        self.do(self.session.opened(subscription, view, None, self.now))
        return subscription

    def live_and_clogged(self, view: PlainView) -> Subscription:
        """Subscribe, and let the transport be congested by the first frame of the snapshot."""
        subscription = self.subscribe()
        self.congested = True
        self.do(self.session.opened(subscription, view, None, self.now))
        return subscription

    def change(
        self, subscription: Subscription, view: PlainView, changed: dict[int, dict[str, Any] | None]
    ) -> list[dict[str, Any]]:
        """Change rows of the view and deliver the update."""
        return self.do(self.session.changed(subscription, view.change(changed), self.now))
