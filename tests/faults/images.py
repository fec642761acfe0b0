"""Rows as the log and the tables hold them, and as a client is shown them: read by the harness's own hand.

A row's fingerprint is a hash of what a client is shown of it. A view's is the sum of its rows', so that it can be kept
up to date row by row on both sides, and compared at every position.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

KINDS = ("item", "doc", "line", "event", "bulk")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "item": ("id", "version", "token", "owner_id", "amount", "canary"),
    "doc": ("id", "version", "token", "owner_id"),
    "line": ("id", "version", "token", "owner_id", "doc_id", "amount", "canary"),
    "event": ("id", "version", "token", "owner_id", "text"),
    "bulk": ("id", "version", "token"),
}
"""As the app's migration captures them."""

TYPES: Mapping[str, Any] = {
    "item": tuple[int, int, str, int, Decimal, str],
    "doc": tuple[int, int, str, int],
    "line": tuple[int, int, str, int, int, Decimal, str],
    "event": tuple[int, int, str, int, str],
    "bulk": tuple[int, int, str],
}

DECODERS = {kind: msgspec.json.Decoder(each) for kind, each in TYPES.items()}

MASK = 2**64 - 1
"""Sums of fingerprints are taken modulo 2^64."""

RowId = tuple[str, str]
"""Kind and key."""


class Image(NamedTuple):
    """One version of a row; `fingerprint` is that of what a client is shown of it."""

    key: str
    version: int
    token: str
    owner: int | None
    doc: int | None
    fingerprint: int


def image_of(kind: str, text: str | None) -> Image | None:
    """Return the image that a JSON array of a row's columns stands for; None for no row."""
    if text is None:
        return None
    values = DECODERS[kind].decode(text)
    if kind == "bulk":
        return Image(str(values[0]), values[1], values[2], None, None, 0)
    return image(kind, dict(zip(COLUMNS[kind], values, strict=True)))


def image(kind: str, row: Mapping[str, Any]) -> Image:
    """Return the image of a row by its columns."""
    shown = {
        name.removesuffix("_id"): str(value) if name == "amount" else value
        for name, value in row.items()
        if name != "id"
    }
    key = str(row["id"])
    return Image(key, row["version"], row["token"], row["owner_id"], row.get("doc_id"), fingerprint(kind, key, shown))


def fingerprint(kind: str, key: str, shown: Mapping[str, Any]) -> int:
    """Return the hash of a row as a client is shown it."""
    text = repr((kind, key, sorted(shown.items())))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
