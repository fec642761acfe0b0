"""Commands of protocol version 1: what a client may send, parsed into values or refused.

    envelope = open_envelope(text)      # BadFrame: not a JSON object with a proper `id`
    command = envelope.command()        # UnknownType, BadFrame, BadParameter; answered with envelope.id

Parsing gives a value or raises `PeerError`, and nothing else, for any input. Fields that this version does
not know are ignored. An `id` is kept as the bytes that the client wrote, so that it is echoed exactly.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from realtime.errors import BadFrame, BadParameter, PeerError, UnknownType

ID_BYTES: Final = 256
"""Longest `id` that is taken: it is echoed, and what is echoed can queue up."""

RATE_MINIMUM: Final = 0.1
RATE_MAXIMUM: Final = 60.0
"""Bounds of `max_rate`, in `changes` frames per second."""


class Cursor(msgspec.Struct, frozen=True):
    """What a client keeps to resume a topic; `epoch` is the opaque one that it was given."""

    epoch: str
    position: int


class Subscribe(msgspec.Struct, frozen=True):
    """Ask for a topic; `max_rate` is in `changes` frames per second."""

    topic: str
    cursor: Cursor | None = None
    max_rate: float | None = None


class Unsubscribe(msgspec.Struct, frozen=True):
    """Give up a topic, also one whose subscribe is still pending."""

    topic: str


class Ping(msgspec.Struct, frozen=True):
    """Ask for a pong."""


Command = Subscribe | Unsubscribe | Ping

_COMMANDS: Final[dict[str, msgspec.json.Decoder[Command]]] = {
    "subscribe": msgspec.json.Decoder(Subscribe),
    "unsubscribe": msgspec.json.Decoder(Unsubscribe),
    "ping": msgspec.json.Decoder(Ping),
}


class _Fields(msgspec.Struct):
    type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_FIELDS: Final = msgspec.json.Decoder(_Fields)
_TEXT: Final = msgspec.json.Decoder(str)
_INTEGER: Final = msgspec.json.Decoder(int)

_PARSE_ERRORS: Final = (msgspec.MsgspecError, RecursionError, ValueError)
"""What msgspec raises for bad input: nesting is bounded by the stack; a lone surrogate is a ValueError."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message that is a JSON object with a `type`; `id` is its JSON, or None where there is none to echo."""

    type: str
    id: bytes | None
    text: str | bytes
    flaw: PeerError | None

    def command(self) -> Command:
        """Return the command; raise UnknownType, BadFrame or BadParameter."""
        decoder = _COMMANDS.get(self.type)
        if decoder is None:
            raise UnknownType(f"there is no command {self.type[:80]!r}; there are {', '.join(_COMMANDS)}")
        if self.flaw is not None:
            raise self.flaw
        try:
            command = decoder.decode(self.text)
        except _PARSE_ERRORS as error:
            raise BadFrame(f"{self.type}: {error}") from error
        if isinstance(command, Subscribe):
            _check_ranges(command)
        return command


def open_envelope(text: str | bytes) -> Envelope:
    """Return the type and id of a message; raise BadFrame when it is no JSON object with a text `type`."""
    try:
        fields = _FIELDS.decode(text)
        if isinstance(fields.type, msgspec.UnsetType):
            raise BadFrame("a command needs a `type`")
        kind = _TEXT.decode(fields.type)
    except _PARSE_ERRORS as error:
        raise BadFrame(f"not a command: {error}") from error
    try:
        return Envelope(kind, _identifier(fields.id), text, None)
    except BadFrame as flaw:
        return Envelope(kind, None, text, flaw)


def _identifier(raw: msgspec.Raw | msgspec.UnsetType) -> bytes:
    if isinstance(raw, msgspec.UnsetType):
        raise BadFrame("a command needs an `id`: a string or an integer")
    written = bytes(raw)
    if len(written) > ID_BYTES:
        raise BadFrame(f"`id` has {len(written)} bytes, at most {ID_BYTES} are taken")
    try:
        if written.startswith(b'"'):
            _TEXT.decode(written)
        elif written.strip(b"-0123456789"):
            raise BadFrame(f"`id` must be a string or an integer, not {written[:40].decode(errors='replace')}")
        else:
            _INTEGER.decode(written)
    except _PARSE_ERRORS as error:
        raise BadFrame(f"`id`: {error}") from error
    return written


def _check_ranges(command: Subscribe) -> None:
    rate, cursor = command.max_rate, command.cursor
    if rate is not None and not RATE_MINIMUM <= rate <= RATE_MAXIMUM:
        raise BadParameter(f"max_rate must be from {RATE_MINIMUM} to {RATE_MAXIMUM:.0f} frames per second, not {rate}")
    if cursor is not None and cursor.position < 0:
        raise BadParameter(f"a cursor's position is 0 or more, not {cursor.position}")
