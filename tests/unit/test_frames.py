"""Frames and commands are exactly the golden ones under tests/frames, which the browser's tests read too."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import BadFrame, Unavailable, UnknownTopic
from realtime.pure import frames
from realtime.pure.changes import RowKey
from realtime.pure.commands import Cursor, Ping, Subscribe, Unsubscribe, open_envelope
from realtime.pure.fragments import encode_fragment

GOLDEN = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[1] / "frames").glob("*.json")}

STOCK, EPOCH = frames.text("stock"), frames.text("9f2c4e6a8b0d1f35")
SEVEN = encode_fragment(RowKey("stocklevel", "7"), {"id": 7, "on_hand": Decimal("120.000"), "low": False})
SEVEN_LATER = encode_fragment(RowKey("stocklevel", "7"), {"id": 7, "on_hand": Decimal("96.000"), "low": True})
EIGHT = encode_fragment(RowKey("stocklevel", "8"), {"id": 8, "on_hand": Decimal("0.500"), "low": True})
NINE_GONE = encode_fragment(RowKey("stocklevel", "9"), None)
LIMITS = {
    "subscriptions": 100,
    "commands_per_second": 50.0,
    "commands_burst": 200,
    "command_bytes": 65536,
    "frame_bytes": 262144,
}


def snapshot(body: bytes, **options: Any) -> bytes:
    """Compose a frame of a snapshot of `stock` at 41, the answer to 1."""
    return frames.snapshot(STOCK, EPOCH, 41, body, **{"reply_to": b"1", "first": True, "last": True, **options})


COMPOSED: dict[str, Callable[[], bytes]] = {
    "welcome": lambda: frames.welcome("5f0c9a1be27d4483", "anna", 15.0, LIMITS),
    "welcome-anonymous": lambda: frames.welcome("5f0c9a1be27d4483", None, 15.0, LIMITS),
    "snapshot": lambda: snapshot(SEVEN + b"," + EIGHT),
    "snapshot-empty": lambda: frames.snapshot(
        frames.text("orders/mine"), EPOCH, 0, b"", reply_to=b'"a"', first=True, last=True
    ),
    "snapshot-first": lambda: snapshot(SEVEN, last=False),
    "snapshot-last": lambda: snapshot(EIGHT, first=False),
    "snapshot-push": lambda: frames.snapshot(STOCK, EPOCH, 57, SEVEN_LATER, reply_to=None, first=True, last=True),
    "resumed": lambda: frames.resumed(STOCK, EPOCH, 41, reply_to=b"1"),
    "changes": lambda: frames.changes(STOCK, 44, SEVEN_LATER + b"," + NINE_GONE),
    "changes-empty": lambda: frames.changes(STOCK, 48),
    "changes-part": lambda: frames.changes(STOCK, 49, SEVEN_LATER, last=False),
    "unsubscribed": lambda: frames.unsubscribed(STOCK, reply_to=b"2"),
    "unsubscribed-revoked": lambda: frames.unsubscribed(frames.text("orders/TL-1042"), code="revoked"),
    "unsubscribed-unavailable": lambda: frames.unsubscribed(STOCK, code="unavailable", retry=True),
    "pong": lambda: frames.pong(b"3"),
    "heartbeat": lambda: frames.HEARTBEAT,
    "error": lambda: frames.error(UnknownTopic("there is no topic 'orders/TL-9', or it is not yours"), reply_to=b"1"),
    "error-retry": lambda: frames.error(Unavailable("the log is out of reach"), reply_to=b'"x"'),
    "error-without-id": lambda: frames.error(BadFrame("a command needs a `type`"), reply_to=None),
}

PARSED = {
    "subscribe": Subscribe("stock"),
    "subscribe-cursor": Subscribe("stock", Cursor("9f2c4e6a8b0d1f35", 41)),
    "subscribe-max-rate": Subscribe("stock", None, 2.0),
    "unsubscribe": Unsubscribe("stock"),
    "ping": Ping(),
}


def test_every_golden_file_is_tested_and_explained() -> None:
    """No golden frame is left out, and each says what it is."""
    assert set(GOLDEN) == {*COMPOSED, *PARSED}
    for name, each in GOLDEN.items():
        assert each["explanation"].endswith("."), name
        assert each["from"] == ("server" if name in COMPOSED else "client")


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_a_composed_frame_is_the_golden_one(name: str) -> None:
    """The bytes are those of the golden frame: same fields, same order, nothing more."""
    expected = json.dumps(GOLDEN[name]["frame"], separators=(",", ":"), ensure_ascii=False)
    assert expected == COMPOSED[name]().decode()


@pytest.mark.parametrize("name", sorted(PARSED))
def test_a_golden_command_is_parsed(name: str) -> None:
    """The golden commands mean what the protocol says, and their ids are kept."""
    command = GOLDEN[name]["frame"]
    envelope = open_envelope(json.dumps(command))
    assert PARSED[name] == envelope.command()
    assert envelope.id == json.dumps(command["id"]).encode()


def test_an_update_in_parts_ends_with_the_one_that_is_not_marked() -> None:
    """All parts but the final one say that more is to come."""
    parts = [json.loads(each) for each in frames.change_frames(STOCK, 50, [SEVEN, EIGHT, NINE_GONE])]
    assert [part.get("last") for part in parts] == [False, False, None]
    assert {part["position"] for part in parts} == {50}


def test_a_topic_and_an_id_can_hold_anything() -> None:
    """What needs escaping in JSON is escaped, and an id stays as it was written."""
    odd = 'a"b\\c\n\x00é\u2028'
    frame = json.loads(frames.unsubscribed(frames.text(odd), reply_to=b'"\\u0041"'))
    assert frame == {"type": "unsubscribed", "topic": odd, "id": "A"}
