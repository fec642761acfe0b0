"""What a request to the HTTP API may carry: JSON of a bounded size, of characters that a database can keep."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from ninja.parser import Parser

from core.problems import PREFIX, FieldError, Problem

MOST_BYTES = 256 * 1024
UNREADABLE = "\x00"


def check_requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Refuse, below /api/, requests whose body or address no endpoint could take, before anything reads them."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        try:
            if request.path.startswith(PREFIX):
                _check_address(request)
                _check_headers(request)
        except Problem as problem:
            return problem.response()
        return get_response(request)

    return respond


class StrictParser(Parser):
    """Reads JSON as RFC 8259 has it, in UTF-8, without the characters that PostgreSQL can't store."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's content; raise Problem naming what is wrong with it."""
        try:
            content = json.loads(request.body.decode("utf-8"), parse_constant=_no_number)
        except UnicodeDecodeError as error:
            raise Problem(400, f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise Problem(400, f"The body is not JSON: {error.msg} at {where}.") from error
        except (ValueError, RecursionError) as error:
            raise Problem(400, f"The body is not JSON that can be read: {error}.") from error
        bad = [FieldError(path, "must not hold U+0000 or half of a surrogate pair") for path in _unstorable(content)]
        if bad:
            raise Problem.of_fields(bad)
        return content


def _check_address(request: HttpRequest) -> None:
    if UNREADABLE in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise Problem(400, "The address holds the character U+0000, which nothing here has in its name.")


def _check_headers(request: HttpRequest) -> None:
    length = request.headers.get("Content-Length") or "0"
    if not length.isascii() or not length.isdecimal():
        raise Problem(400, f"Content-Length is {length!r}, which is not a number.")
    if "Transfer-Encoding" in request.headers:
        raise Problem(411, "Send the body with its Content-Length, not in chunks.")
    if int(length) > MOST_BYTES:
        raise Problem(413, f"The body has {length} bytes; {MOST_BYTES} are the most.")
    if int(length) and request.content_type != "application/json":
        raise Problem(415, f"Content-Type is {request.content_type!r}; send application/json.")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _unstorable(content: Any, path: str = "") -> Iterator[str]:
    match content:
        case str() if any(character == UNREADABLE or "\ud800" <= character <= "\udfff" for character in content):
            yield path or "body"
        case dict():
            for key, value in content.items():
                yield from _unstorable(key, "a name")
                yield from _unstorable(value, f"{path}.{key}" if path else key)
        case list():
            for index, value in enumerate(content):
                yield from _unstorable(value, f"{path}.{index}" if path else str(index))
