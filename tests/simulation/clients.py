"""Clients as docs/PROTOCOL.md wants them; they hold everything that they are told against the truth."""

import json
from collections import deque
from typing import Any

import msgspec

from realtime.drivers.session import SessionDriver
from realtime.pure.changes import RowKey
from tests.simulation.held import Held, Saved
from tests.simulation.people import User
from tests.simulation.processes import Process
from tests.simulation.sockets import Socket
from tests.simulation.topics import Shown, concerns
from tests.simulation.violations import Violation
from tests.simulation.world import World

SIGN_IN_AGAIN, BROKEN = 4501, 4003
decode = msgspec.json.Decoder().decode


class Client:
    """One client of one user, with a few topics."""

    def __init__(self, name: str, world: World, user: User | None, topics: list[Held], window: int) -> None:
        self.name = name
        self.user = user
        self.key = world.people.sign_in(user) if user else None
        self.topics = {held.topic: held for held in topics}
        self.window = window
        self.socket: Socket | None = None
        self.process: Process | None = None
        self.driver: SessionDriver | None = None
        self.commands: deque[str] = deque()
        """On their way to the server."""
        self.unnoticed: list[tuple[Process, SessionDriver]] = []
        """Connections that are gone, of which the server does not know yet."""
        self._world = world
        self._welcomed = False
        self._awaited: dict[int, tuple[str, str]] = {}
        self._reached: dict[tuple[str, str], int] = {}
        """By topic and log epoch: the highest position of this connection."""
        self._ids = 0

    @property
    def label(self) -> str:
        """What stands for the user in epochs."""
        return str(self.user.pk) if self.user and self.key else ""

    # What it does.

    def connect(self, process: Process) -> None:
        """Connect, and subscribe to all topics with what it has."""
        if self.key is not None and self._world.people.sign_ins[self.key].ended_at is not None:
            self.key = self._world.people.sign_in(self.user) if self.user else None
        self._welcomed = False
        self._awaited.clear()
        self._reached.clear()
        self.commands.clear()
        self.process, self.socket = process, Socket(self, self._world, key=self.key, window=self.window)
        self.driver = process.connect(self.socket, self.key)
        for held in self.topics.values():
            self.subscribe(held)

    def subscribe(self, held: Held) -> None:
        """Ask for a topic, from the cursor where there is one."""
        command: dict[str, Any] = {"type": "subscribe", "topic": held.topic}
        if held.max_rate is not None:
            command["max_rate"] = held.max_rate
        held.sent, held.refused, held.ahead = None, None, False
        if held.epoch:
            held.sent = held.epoch, held.position
            command["cursor"] = {"epoch": held.epoch, "position": held.position}
            held.ahead = held.position > self._world.store.db.head
        held.asked = self._send(command)

    def unsubscribe(self, held: Held) -> None:
        """Give a topic up."""
        self._send({"type": "unsubscribe", "topic": held.topic})

    def ping(self) -> None:
        """Ask for a pong."""
        self._send({"type": "ping"})

    def leave(self) -> None:
        """Let go of the connection; the server hears of it later."""
        if self.socket is not None:
            self.socket.cut()

    def _send(self, command: dict[str, Any]) -> int:
        self._ids += 1
        self._awaited[self._ids] = command["type"], command.get("topic", "")
        self.commands.append(json.dumps({**command, "id": self._ids}))
        return self._ids

    def command_arrives(self) -> None:
        """Let the server take the next command."""
        command = self.commands.popleft()
        assert self.driver is not None
        self.driver.received(command)

    def server_notices(self) -> None:
        """Let the server notice that a connection is gone."""
        process, driver = self.unnoticed.pop(0)
        process.disconnected(driver)

    def work_off(self) -> bool:
        """Send and read all that there is; False for nothing."""
        moved = bool(self.commands or self.unnoticed)
        while self.commands:
            self.command_arrives()
        while self.unnoticed:
            self.server_notices()
        while self.socket is not None and self.socket.readable:
            self.socket.read()
            moved = True
        return moved

    # What it reads.

    def closed(self, code: int) -> None:
        """Take the end of the connection."""
        self._world.hear(self.name, f"the end: {code}")
        if code == BROKEN:
            raise self._wrong("crash", "closed for a fault of ours")
        if code == SIGN_IN_AGAIN and (self.key is None or self._world.people.sign_ins[self.key].ended_at is None):
            raise self._wrong("P", "closed with 4501 while signed in")
        if self.process is not None and self.driver is not None:
            self.unnoticed.append((self.process, self.driver))
        self.socket = self.process = self.driver = None
        self.commands.clear()
        for held in self.topics.values():
            held.away()

    def take(self, frame: bytes) -> None:
        """Take a frame."""
        told = decode(frame)
        self._world.hear(self.name, told)
        kind = told["type"]
        if self._welcomed is (kind == "welcome"):
            raise self._wrong("P", f"welcome is the first frame and no other, not {told}")
        if kind == "changes":
            self._changes(self._held(told), told)
        elif kind == "snapshot":
            self._snapshot(self._held(told), told)
        elif kind == "resumed":
            self._resumed(self._held(told), told)
        elif kind == "unsubscribed":
            self._unsubscribed(self._held(told), told)
        elif kind == "error":
            self._error(told)
        elif kind == "pong":
            self._replied(told, "ping")
        elif kind == "welcome":
            self._welcomed = True

    def _held(self, told: Any) -> Held:
        return self.topics[told["topic"]]

    def _snapshot(self, held: Held, told: Any) -> None:
        if "id" in told:
            if told["id"] != held.asked:
                raise self._wrong("P", f"a snapshot as a reply to nothing: {told}")
        elif not held.live:
            raise self._wrong("I9", f"a snapshot of what it is not subscribed to: {told}")
        if told["first"]:
            held.snapshot = {}
        if held.snapshot is None:
            raise self._wrong("P", "a part of a snapshot without its first")
        _apply(held.snapshot, told["rows"])
        if told["last"]:
            if "id" in told:
                self._replied(told, "subscribe")
            held.rows, held.snapshot, held.parts = held.snapshot, None, []
            held.asked, held.live, held.resumed = None, True, False
            sent, held.sent = held.sent, None
            if sent and sent[0] == told["epoch"] and not held.ahead and told["position"] < sent[1]:
                raise self._wrong("I7", f"a snapshot at {told['position']} for a cursor at {sent[1]}")
            held.epoch = told["epoch"]
            self._arrive(held, told["position"])

    def _resumed(self, held: Held, told: Any) -> None:
        if told["id"] != held.asked or held.sent is None:
            raise self._wrong("P", f"resumed without being asked: {told}")
        if held.sent != (told["epoch"], told["position"]):
            raise self._wrong("P", f"resumed from another cursor: {told}")
        self._world.meaning(held.topic, self.label, told["epoch"])
        self._replied(told, "subscribe")
        held.asked, held.live, held.resumed, held.sent = None, True, True, None

    def _changes(self, held: Held, told: Any) -> None:
        if not held.live:
            raise self._wrong("I9", f"changes of what it is not subscribed to: {told}")
        if held.snapshot is not None:
            raise self._wrong("P", "changes within a snapshot")
        held.parts += told["changes"]
        if not told.get("last", True):
            return
        parts, held.parts, held.resumed = held.parts, [], False
        if parts:
            self._check_touched(held, parts, told["position"])
            _apply(held.rows, parts)
        self._arrive(held, told["position"])

    def _check_touched(self, held: Held, parts: list[Any], position: int) -> None:
        """What is told was changed since what was told last, and stands once (I7)."""
        log_epoch, selection = self._world.meaning(held.topic, self.label, held.epoch)
        keys = {RowKey(each["kind"], each["key"]) for each in parts}
        if len(keys) != len(parts):
            raise self._wrong("P", f"a key stands twice at {position}: {parts}")
        for each in parts:
            if each["row"] is None and each.keys() != {"kind", "key", "row"}:
                raise self._wrong("I8", f"a removal carries more than the key: {each}")
        if selection.derivation is not None:
            return
        history = self._world.store.history
        for number in range(held.position + 1, position + 1):
            for change in history.get((log_epoch, number), ()):
                if concerns(selection, change.kind, change.old, change.new):
                    keys.discard(RowKey(change.kind, change.key))
        if keys:
            raise self._wrong("I7", f"{keys} are told at {position}, and did not change since {held.position}")

    def _arrive(self, held: Held, position: int) -> None:
        """Compare with the truth: the client is complete up to here, and believes it."""
        log_epoch, selection = self._world.meaning(held.topic, self.label, held.epoch)
        reached = self._reached.get((held.topic, log_epoch), 0)
        if position < reached:
            raise self._wrong("I7", f"{held.topic} went back from {reached} to {position}")
        self._reached[held.topic, log_epoch] = held.position = position
        truth = self._world.truth(log_epoch, position)
        shown = truth.shown(selection)
        while held.rows != shown and truth.older is not None:
            truth = truth.older
            shown = truth.shown(selection)
        if shown is None:
            raise self._wrong("I8", f"{held.topic} at {position} is shown without the row its permission rests on")
        if held.rows != shown:
            differing = {key: (held.rows.get(key), shown.get(key)) for key in held.rows.keys() | shown.keys()
                         if held.rows.get(key) != shown.get(key)}  # fmt: skip
            raise self._wrong("I6", f"{held.topic} at {position} of {log_epoch}, shown and true: {differing}")
        held.saved.append(Saved(held.epoch, position, dict(held.rows)))

    def _unsubscribed(self, held: Held, told: Any) -> None:
        if "code" in told:
            if not held.live:
                raise self._wrong("P", f"the end of what it has not: {told}")
            held.drop()
            held.refused, held.retry = told["code"], told.get("retry", False)
            return
        self._replied(told, "subscribe", "unsubscribe")
        if held.asked is None or held.asked <= told["id"]:
            held.drop()
            held.refused, held.retry = "given up", True

    def _error(self, told: Any) -> None:
        command, topic = self._replied(told, "subscribe", "unsubscribe", "ping")
        if command == "subscribe":
            held = self.topics[topic]
            held.drop()
            held.refused, held.retry = told["code"], told["retry"]
        elif command == "ping" or told["code"] != "not_subscribed":
            raise self._wrong("P", f"unexpected: {told}")

    def _replied(self, told: Any, *commands: str) -> tuple[str, str]:
        awaited = self._awaited.pop(told.get("id"), None)
        if awaited is None or awaited[0] not in commands:
            raise self._wrong("I12", f"a reply to {awaited or 'nothing'}: {told}")
        return awaited

    @property
    def unanswered(self) -> dict[int, tuple[str, str]]:
        """The commands to which no reply has come."""
        return self._awaited

    def _wrong(self, sign: str, text: str) -> Violation:
        return Violation(sign, f"{self.name}: {text}")


def _apply(rows: Shown, items: list[Any]) -> None:
    for each in items:
        key = RowKey(each["kind"], each["key"])
        if each["row"] is None:
            rows.pop(key, None)
        else:
            rows[key] = each["row"]
