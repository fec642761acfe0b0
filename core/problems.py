"""Errors of the HTTP API, each as `application/problem+json` (RFC 9457).

    {"type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "to.user: There is no …",
     "errors": [{"field": "to.user", "message": "There is no …"}]}

`errors` is there when fields of the request are at fault; a field is named by its path in the body, or by
its name in the query or the headers. Endpoints raise `Problem`, or the domain's ShopErrors; everything else that may go
wrong below /api/ (no such address, wrong method, a bug) is said in the same form.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import HttpError, Throttled, ValidationError

from core.errors import BadQuantity, ShopError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/"
MOST_ERRORS = 20
"""A body of a thousand wrong fields is answered with the first of them."""
UNION_MEMBER = re.compile(r"[A-Z]\w*|.*\[.*")
"""What pydantic adds to a location for a union's members: a model's name, or `literal[…]`. Fields are lower case."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its path, like `to.user`, and a sentence."""

    field: str
    message: str


class Problem(Exception):
    """An answer other than the one that was asked for: HTTP status, a sentence, the fields at fault, headers."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors[:MOST_ERRORS])
        self.headers = dict(headers or {})

    @classmethod
    def of_field(cls, field: str, message: str) -> "Problem":
        """Return the 422 about one field."""
        return cls.of_fields([FieldError(field, message)])

    @classmethod
    def of_fields(cls, errors: Sequence[FieldError]) -> "Problem":
        """Return the 422 about these fields."""
        return cls(422, "; ".join(f"{error.field}: {error.message}" for error in errors[:3]), errors=errors)

    def body(self) -> bytes:
        """Return the problem as JSON."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = [asdict(error) for error in self.errors]
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")

    def response(self) -> HttpResponse:
        """Return the problem as a response."""
        return HttpResponse(self.body(), status=self.status, content_type=CONTENT_TYPE, headers=self.headers)


def install(api: NinjaAPI) -> None:
    """Make the API answer exceptions with problems; the handler of the nearest class in an exception's MRO counts."""
    handlers: dict[type[Exception], Callable[[Any], Problem]] = {
        Problem: lambda error: error,
        ShopError: lambda error: Problem(409, str(error)),
        BadQuantity: lambda error: Problem(422, str(error)),
        ValidationError: _of_validation,
        HttpError: _of_ninja,
        Throttled: _of_throttling,
        Http404: lambda _: Problem(404, "There is no such thing here, or it is not yours to see."),
        RequestDataTooBig: lambda error: Problem(413, str(error)),
        SuspiciousOperation: lambda error: Problem(400, str(error)),
        DataError: _of_data,
        Exception: _of_bug,
    }
    for error_class, problem_of in handlers.items():
        api.add_exception_handler(error_class, _handler(problem_of))


def say_problems(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Say in the API's form what went wrong below /api/ outside its endpoints: no such address, wrong method, a bug."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        wrong = request.path.startswith(PREFIX) and response.status_code >= HTTPStatus.BAD_REQUEST
        if wrong and isinstance(response, HttpResponse) and response.headers.get("Content-Type") != CONTENT_TYPE:
            response.content = Problem(response.status_code, _detail_of(request, response)).body()
            response.headers["Content-Type"] = CONTENT_TYPE
            response.headers.pop("Content-Length", None)
        return response

    return respond


def _handler(problem_of: Callable[[Any], Problem]) -> Callable[..., HttpResponse]:
    return lambda _request, error: problem_of(error).response()


def _of_validation(error: ValidationError) -> Problem:
    found = [FieldError(_path(each["loc"]), _sentence(each["msg"])) for each in error.errors]
    return Problem.of_fields(list(dict.fromkeys(found)))


def _path(location: Sequence[str | int]) -> str:
    """Return the path of a field: without where it was looked for, the endpoint's name for the body, and unions."""
    source, *parts = location
    if source == "body":
        parts = [part for part in parts[1:] if isinstance(part, int) or not UNION_MEMBER.fullmatch(part)]
    return ".".join(map(str, parts)) or str(source)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")


def _of_ninja(error: HttpError) -> Problem:
    if isinstance(error.__cause__, Problem):
        return error.__cause__  # what the parser said: ninja says of every failure to parse a body the same
    return Problem(error.status_code, str(error))


def _of_throttling(error: Throttled) -> Problem:
    headers = {} if error.wait is None else {"Retry-After": str(error.wait)}
    return Problem(429, "Too many requests; come again later.", headers=headers)


def _of_data(error: DataError) -> Problem:
    logger.warning("the database refused a value of a request: %s", error)
    return Problem(422, "A value is out of the range that can be kept.")


def _of_bug(error: Exception) -> Problem:
    logger.error("an endpoint failed", exc_info=error)
    return Problem(500, "Something went wrong here. It has been noted; try again in a moment.")


def _detail_of(request: HttpRequest, response: HttpResponse) -> str:
    match response.status_code:
        case 404:
            return f"There is nothing at {request.path}; {PREFIX}docs shows what there is."
        case 405:
            return (
                f"{request.method} is not possible at {request.path}, only {response.headers.get('Allow', 'others')}."
            )
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "Something went wrong here. It has been noted; try again in a moment."
        case _:
            return "The request was refused before it was read; check its host, its headers and its address."
