"""Reading the headers of an ASGI scope."""

from collections.abc import Iterable, Mapping
from typing import cast


def header(scope: Mapping[str, object], name: bytes) -> str | None:
    """Return a header's value, or None; `name` in lower case. One that is given twice with two values is unusable."""
    headers = cast("Iterable[tuple[bytes, bytes]]", scope["headers"])
    values = {value for key, value in headers if key.lower() == name}
    if not values:
        return None
    return values.pop().decode("latin1") if len(values) == 1 else ""


def last_header(scope: Mapping[str, object], name: bytes) -> str:
    """Return the last of the headers of this name, or "" for none; `name` in lower case."""
    headers = cast("Iterable[tuple[bytes, bytes]]", scope["headers"])
    values = [value for key, value in headers if key.lower() == name]
    return values[-1].decode("latin1") if values else ""
