"""What a client sends is parsed, or refused with a PeerError; nothing else can happen."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime.errors import BadFrame, BadParameter, PeerError, UnknownType
from realtime.pure.commands import ID_BYTES, Command, Cursor, Ping, Subscribe, Unsubscribe, open_envelope


def parse(text: str | bytes) -> tuple[bytes | None, Command]:
    """Parse a whole message."""
    envelope = open_envelope(text)
    return envelope.id, envelope.command()


@pytest.mark.parametrize(
    ("text", "identifier", "command"),
    [
        ('{"type":"ping","id":3}', b"3", Ping()),
        (' { "id" : "a b" , "type" : "ping" , "more" : [1] } ', b'"a b"', Ping()),
        ('{"type":"unsubscribe","id":-5,"topic":"stock"}', b"-5", Unsubscribe("stock")),
        ('{"type":"subscribe","id":0,"topic":"stock"}', b"0", Subscribe("stock")),
        ('{"type":"subscribe","id":0,"topic":"é","max_rate":60}', b"0", Subscribe("é", None, 60.0)),
        ('{"type":"subscribe","id":0,"topic":"t","max_rate":0.1}', b"0", Subscribe("t", None, 0.1)),
        ('{"type":"subscribe","id":0,"topic":"t","max_rate":null,"cursor":null}', b"0", Subscribe("t")),
        (
            '{"type":"subscribe","id":0,"topic":"t","cursor":{"epoch":"e","position":41,"x":1}}',
            b"0",
            Subscribe("t", Cursor("e", 41)),
        ),
        (
            '{"type":"subscribe","id":0,"topic":"t","cursor":{"epoch":"","position":99999999999999999999999}}',
            b"0",
            Subscribe("t", Cursor("", 99999999999999999999999)),
        ),
    ],
)
def test_commands_are_parsed_and_their_ids_kept_as_written(text: str, identifier: bytes, command: Command) -> None:
    """A command gives its value; unknown fields, blanks and the order of fields don't matter."""
    assert parse(text) == (identifier, command)


@pytest.mark.parametrize(
    "written",
    ['"1"', "1", "-0", "123456789012345678901234567890", '"\\u0041\\n"', '"ü"', f'"{"x" * (ID_BYTES - 2)}"'],
)
def test_an_id_is_echoed_byte_for_byte(written: str) -> None:
    """Large integers and escapes come back exactly as the client wrote them."""
    assert open_envelope(f'{{"type":"ping","id":{written}}}').id == written.encode()


@pytest.mark.parametrize(
    "written", ["true", "null", "1.0", "1e3", "[1]", "{}", '"\\q"', '"\\ud800"', f'"{"x" * ID_BYTES}"']
)
def test_an_id_of_another_type_is_a_bad_frame(written: str) -> None:
    """Booleans, floats and objects are no ids; nothing of them is echoed."""
    envelope = None
    try:
        envelope = open_envelope(f'{{"type":"ping","id":{written}}}')
    except BadFrame:
        return
    assert envelope.id is None
    with pytest.raises(BadFrame):
        envelope.command()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BadFrame),
        ("{", BadFrame),
        ("nonsense", BadFrame),
        ("[]", BadFrame),
        ("null", BadFrame),
        ('"ping"', BadFrame),
        ("{}", BadFrame),
        ('{"type":1,"id":1}', BadFrame),
        ('{"type":null,"id":1}', BadFrame),
        ('{"type":"ping"}', BadFrame),
        ('{"type":"ping","id":NaN}', BadFrame),
        ('{"type":"subscribe","id":1}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":7}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":null}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"\\ud800"}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","cursor":41}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","cursor":{"epoch":"e"}}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","cursor":{"epoch":1,"position":1}}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","cursor":{"epoch":"e","position":"1"}}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","cursor":{"epoch":"e","position":1.5}}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","cursor":{"epoch":"e","position":-1}}', BadParameter),
        ('{"type":"subscribe","id":1,"topic":"t","max_rate":"2"}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","max_rate":true}', BadFrame),
        ('{"type":"subscribe","id":1,"topic":"t","max_rate":0.09}', BadParameter),
        ('{"type":"subscribe","id":1,"topic":"t","max_rate":60.1}', BadParameter),
        ('{"type":"subscribe","id":1,"topic":"t","max_rate":1e999}', BadFrame),
        ('{"type":"unsubscribe","id":1,"topic":["stock"]}', BadFrame),
        ('{"type":"dance","id":1}', UnknownType),
        ('{"type":"","id":1}', UnknownType),
        ('{"type":"dance"}', UnknownType),
        ('{"type":"ping","id":1,"x":' + "[" * 60_000 + "]" * 60_000 + "}", BadFrame),
        ("[" * 60_000, BadFrame),
        (b"\xff\xfe", BadFrame),
        ("\ud800", BadFrame),
    ],
)
def test_anything_else_is_refused_with_its_code(text: str | bytes, expected: type[PeerError]) -> None:
    """Broken JSON, other shapes, wrong types and impossible values each have their error."""
    with pytest.raises(expected) as caught:
        parse(text)
    assert type(caught.value) is expected


def _parse_or_refuse(text: str | bytes) -> None:
    """Parse; what is accepted must echo an id that is JSON, and a refusal must be a PeerError."""
    try:
        identifier, command = parse(text)
    except PeerError:
        return
    assert isinstance(command, Subscribe | Unsubscribe | Ping)
    assert identifier is not None
    assert isinstance(msgspec.json.decode(identifier), str | int)


@given(st.binary(max_size=200))
def test_random_bytes_parse_or_are_refused(data: bytes) -> None:
    """No bytes whatever raise anything but a PeerError."""
    _parse_or_refuse(data)


@given(st.text(max_size=200))
@example('{"type":"ping","id":1}')
def test_random_text_parses_or_is_refused(text: str) -> None:
    """No text whatever raises anything but a PeerError."""
    _parse_or_refuse(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["subscribe", "unsubscribe", "ping"]) | JSON_VALUES,
        "id": st.integers() | st.text(max_size=10) | JSON_VALUES,
        "topic": st.text(max_size=10) | JSON_VALUES,
        "cursor": st.fixed_dictionaries({"epoch": st.text(max_size=4), "position": st.integers()}) | JSON_VALUES,
        "max_rate": st.floats(0.1, 60) | JSON_VALUES,
    },
)


@given(FIELDS)
def test_random_commands_parse_or_are_refused(fields: dict[str, Any]) -> None:
    """Objects that are nearly commands raise nothing but a PeerError."""
    _parse_or_refuse(json.dumps(fields))


@given(FIELDS, st.data())
def test_damaged_commands_parse_or_are_refused(fields: dict[str, Any], data: st.DataObject) -> None:
    """One byte changed, cut or put in anywhere raises nothing but a PeerError."""
    whole = json.dumps(fields).encode()
    at = data.draw(st.integers(0, len(whole)))
    _parse_or_refuse(whole[:at])
    _parse_or_refuse(whole[:at] + data.draw(st.binary(max_size=2)) + whole[at + 1 :])
