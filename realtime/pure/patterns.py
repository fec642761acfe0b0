"""Topic names and the patterns that they match: `stock/<code:warehouse>`.

A pattern is segments between slashes, each a literal or `<converter:parameter>`. A name matches the pattern
with the most literal segments, so that `orders/mine` is never taken for an order's number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from realtime.errors import BadParameter, DeclarationError

NAME_CHARACTERS = 200
"""Longest topic name that is looked at."""


def _token(expression: str, expected: str) -> Callable[[str], str]:
    compiled = re.compile(expression)

    def convert(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(expected)
        return text

    return convert


def _integer(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError("a whole number of at most 18 digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,12})?", text):
        raise ValueError("a decimal number such as 250 or 0.75")
    return value


CONVERTERS: Mapping[str, Callable[[str], Any]] = {
    "slug": _token(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case letters and digits, joined by hyphens"),
    "code": _token(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, dots, hyphens and underscores"),
    "int": _integer,
    "decimal": _decimal,
    "uuid": lambda text: str(UUID(text)),
}
"""By name: text in, value out; ValueError says what was expected."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed topic pattern; `segments` holds literals as strings, parameters as (converter, name)."""

    text: str
    segments: tuple[str | tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Parse `stock/<code:warehouse>`; raise DeclarationError for an unknown converter or an odd segment."""
        segments: list[str | tuple[str, str]] = []
        for piece in text.split("/"):
            if found := re.fullmatch(r"<([a-z]+):([a-z_]+)>", piece):
                converter, name = found.groups()
                if converter not in CONVERTERS:
                    known = ", ".join(CONVERTERS)
                    raise DeclarationError(f"topic {text!r}: no converter {converter!r}, choose one of {known}")
                segments.append((converter, name))
            elif re.fullmatch(r"[a-z0-9_-]+", piece):
                segments.append(piece)
            else:
                raise DeclarationError(f"topic {text!r}: {piece!r} is neither a name nor <converter:parameter>")
        return cls(text, tuple(segments))

    @property
    def fixed(self) -> bool:
        """Tell whether the pattern has no parameters."""
        return all(isinstance(segment, str) for segment in self.segments)

    @property
    def literals(self) -> int:
        """Return the number of literal segments."""
        return sum(isinstance(segment, str) for segment in self.segments)

    def match(self, name: str) -> dict[str, str] | None:
        """Return the parameters of a name as they were written, or None when its shape is another."""
        pieces = name.split("/")
        if len(pieces) != len(self.segments) or len(name) > NAME_CHARACTERS:
            return None
        found: dict[str, str] = {}
        for piece, segment in zip(pieces, self.segments, strict=True):
            if isinstance(segment, tuple):
                if not piece:
                    return None
                found[segment[1]] = piece
            elif piece != segment:
                return None
        return found

    def convert(self, written: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters' values; raise BadParameter that names the parameter and what it may be."""
        values: dict[str, Any] = {}
        for segment in self.segments:
            if isinstance(segment, tuple):
                converter, name = segment
                try:
                    values[name] = CONVERTERS[converter](written[name])
                except ValueError as error:
                    raise BadParameter(f"{name} must be {error}, not {written[name][:80]!r}") from error
        return values
