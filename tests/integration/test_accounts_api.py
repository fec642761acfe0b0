"""The HTTP API's ground: who may call, and that every error is a problem that says what to do."""

import json
import re
from typing import Annotated, Any, Literal

import pytest
from django.http import Http404, HttpRequest
from django.test import Client
from django.urls import path
from ninja import Header, NinjaAPI, Router, Schema

from core.accounts.authentication import ScopedKey, SignedIn
from core.accounts.keys import make_key, revoke_key
from core.accounts.models import ApiKey
from core.accounts.policies import is_staff
from core.bodies import MOST_BYTES, StrictParser
from core.errors import BadQuantity, NotEnoughStock
from core.problems import FieldError, Problem, install
from core.security import POLICY
from core.urls import urlpatterns as ours
from tests.support.people import buyer, staff

pytestmark = pytest.mark.usefixtures("database")

ERRORS: dict[str, Exception] = {
    "conflict": NotEnoughStock("only 3 kg are left"),
    "quantity": BadQuantity("-1 kg must be positive"),
    "missing": Http404(),
    "bug": RuntimeError("the secret is 42"),
    "own": Problem(429, "Come again later.", headers={"Retry-After": "7"}),
    "field": Problem.of_field("to.user", "there is nobody of this name"),
}


class To(Schema):
    """To whom."""

    user: str


class Told(Schema):
    """What is told, to whom."""

    to: To | Literal["everyone"]
    title: str
    ids: list[int] = []


router = Router()


@router.post("/told", auth=ScopedKey("notifications:write"))
def tell(request: HttpRequest, told: Told, idempotency_key: Annotated[str, Header(alias="Idempotency-Key")]) -> Any:
    """Take a body and a header, by key."""
    return {"key": request.auth.name, "to": told.dict()["to"]}  # type: ignore[attr-defined]


@router.api_operation(["GET", "POST"], "/mine", auth=SignedIn(is_staff))
def mine(request: HttpRequest, minutes: int = 15) -> Any:
    """Say who is asking, by session."""
    return {"user": request.user.get_username(), "minutes": minutes}


@router.get("/errors/{name}")
def fail(request: HttpRequest, name: str) -> Any:
    """Raise the error of this name."""
    raise ERRORS[name]


def _api() -> NinjaAPI:
    api = NinjaAPI(urls_namespace="tried", parser=StrictParser())
    install(api)
    api.add_router("/v1", router)
    return api


urlpatterns = [path("api/tried/", _api().urls), *ours]


@pytest.fixture
def client(settings: Any) -> Client:
    """A client that asks as a browser does, CSRF and all, and is told of failures as one."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ROOT_URLCONF = __name__
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def bearer() -> dict[str, str]:
    """Headers with the token of a key in force."""
    return {"Authorization": f"Bearer {make_key('tool', ['notifications:write'])[1]}", "Idempotency-Key": "1"}


def problem(answer: Any, status: int) -> dict[str, Any]:
    """Return the problem that this answer is, having looked at its form."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    content: dict[str, Any] = json.loads(answer.content)
    assert content["status"] == status
    assert content["type"] == "about:blank"
    assert content["title"]
    assert content["detail"]
    return content


def told(client: Client, headers: dict[str, str], body: Any, **more: Any) -> Any:
    """Post a body, JSON unless it is text or bytes."""
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post("/api/tried/v1/told", data, content_type="application/json", headers=headers, **more)


def test_a_key_opens_the_endpoints_of_its_scope(client: Client, bearer: dict[str, str]) -> None:
    """With its token as a bearer's, whatever else the request has."""
    answer = told(client, bearer, {"to": {"user": "anna"}, "title": "hello"})
    assert (answer.status_code, answer.json()) == (200, {"key": "tool", "to": {"user": "anna"}})


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Basic YTpi",
        "Bearer",
        "Bearer tl_00000000_" + "a" * 43,
        "Bearer \u00e9",
        "Bearer " + "x" * 5000,
        "Bearer a b",
    ],
)
def test_without_a_key_in_force_one_is_told_to_send_one(
    client: Client, bearer: dict[str, str], credentials: str
) -> None:
    """401, with the challenge that the scheme asks for."""
    answer = told(client, {**bearer, "Authorization": credentials}, {})
    problem(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_opens_nothing(client: Client, bearer: dict[str, str]) -> None:
    """From the moment on at which it was revoked."""
    revoke_key("tool")
    problem(told(client, bearer, {}), 401)


def test_a_key_of_another_scope_is_told_which_one_it_lacks(client: Client, bearer: dict[str, str]) -> None:
    """403: who it is, is known."""
    ApiKey.objects.update(scopes=["something:else"])
    assert "notifications:write" in problem(told(client, bearer, {}), 403)["detail"]


def test_an_endpoint_of_an_unknown_scope_can_not_be_declared() -> None:
    """A misspelt scope would lock everyone out."""
    with pytest.raises(ValueError, match="notifications:write"):
        ScopedKey("notifications:wriet")


def test_a_session_opens_what_its_user_may(client: Client) -> None:
    """401 for nobody, 403 for somebody else, the answer for whom the policy names."""
    problem(client.get("/api/tried/v1/mine"), 401)
    client.force_login(buyer("anna", None))
    assert "anna" in problem(client.get("/api/tried/v1/mine"), 403)["detail"]
    client.force_login(staff())
    assert client.get("/api/tried/v1/mine").json() == {"user": "staff", "minutes": 15}


def test_a_session_alone_changes_nothing(client: Client) -> None:
    """Another site can make a browser send its cookies, but not the token."""
    client.force_login(staff())
    client.get("/password/")
    for wrong in ({}, {"X-CSRFToken": "x" * 32}):
        answer = client.post("/api/tried/v1/mine", content_type="application/json", headers=wrong)
        assert "X-CSRFToken" in problem(answer, 403)["detail"]
    right = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.post("/api/tried/v1/mine", content_type="application/json", headers=right).status_code == 200


def test_wrong_fields_are_named_by_their_paths(client: Client, bearer: dict[str, str]) -> None:
    """As the sender wrote them: without the endpoint's own names, and without pydantic's."""
    body = {"to": {"usr": "anna"}, "ids": [1, "x"]}
    content = problem(told(client, {"Authorization": bearer["Authorization"]}, body), 422)
    fields = {error["field"] for error in content["errors"]}
    assert fields == {"to.user", "to", "title", "ids.1", "Idempotency-Key"}
    assert all(error["message"] for error in content["errors"])


def test_a_wrong_parameter_of_the_address_is_named(client: Client) -> None:
    """By its name in the query."""
    client.force_login(staff())
    content = problem(client.get("/api/tried/v1/mine?minutes=soon"), 422)
    assert [error["field"] for error in content["errors"]] == ["minutes"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b'{"title": NaN}', 400),
        (b'{"ids": [' + b"9" * 5000 + b"]}", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"17", 422),
        (b'{"to": "everyone", "title": "a\\u0000b"}', 422),
        (b'{"to": "everyone", "title": "\\ud800"}', 422),
        (b'{"to": "everyone", "title": "x", "\\u0000": 1}', 422),
        (b'{"to": [], "title": {}, "ids": {}}', 422),
        (b'{"ids": [' + b"null," * 3000 + b"null]}", 422),
        (b" " * (MOST_BYTES + 1), 413),
    ],
)
def test_whatever_comes_as_a_body_gets_its_problem(
    client: Client, bearer: dict[str, str], body: bytes, status: int
) -> None:
    """Never a 500, and never an answer as long as the question."""
    answer = told(client, bearer, body)
    problem(answer, status)
    assert len(answer.content) < 10_000


def test_an_unstorable_character_is_named_by_its_field(client: Client, bearer: dict[str, str]) -> None:
    """PostgreSQL has no U+0000 in a text, and no half of a character."""
    content = problem(told(client, bearer, {"to": {"user": "a\0"}, "title": "x", "ids": ["\ud800"]}), 422)
    assert [error["field"] for error in content["errors"]] == ["to.user", "ids.0"]


def test_another_content_type_is_refused(client: Client, bearer: dict[str, str]) -> None:
    """A form of another site could send text/plain without asking."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"):
        answer = client.post("/api/tried/v1/told", b"{}", content_type=content_type, headers=bearer)
        assert "application/json" in problem(answer, 415)["detail"]


def test_odd_headers_and_addresses_get_their_problem(client: Client, bearer: dict[str, str]) -> None:
    """A length that is none, chunks without a length, U+0000 in the address, a host that isn't ours."""
    problem(told(client, bearer, {}, CONTENT_LENGTH="many"), 400)
    problem(told(client, {**bearer, "Transfer-Encoding": "chunked"}, {}), 411)
    problem(client.get("/api/tried/v1/errors/a%00b"), 400)
    problem(client.get("/api/tried/v1/mine?minutes=%00"), 400)
    problem(client.get("/api/tried/v1/mine", headers={"Host": "evil.example"}), 400)


def test_errors_of_endpoints_have_their_status(client: Client) -> None:
    """The domain's refusals say their message, a bug says nothing of itself."""

    def get(name: str) -> Any:
        return client.get(f"/api/tried/v1/errors/{name}")

    assert problem(get("conflict"), 409)["detail"] == "only 3 kg are left"
    assert problem(get("quantity"), 422)["detail"] == "-1 kg must be positive"
    assert problem(get("field"), 422)["errors"] == [{"field": "to.user", "message": "there is nobody of this name"}]
    problem(get("missing"), 404)
    assert "42" not in problem(get("bug"), 500)["detail"]
    assert (problem(get("own"), 429)["detail"], get("own")["Retry-After"]) == ("Come again later.", "7")


def test_what_no_endpoint_answers_is_a_problem_too(client: Client) -> None:
    """An address that there isn't, and a method that isn't taken."""
    problem(client.get("/api/v1/nothing-here"), 404)
    problem(client.get("/api/"), 404)
    answer = client.put("/api/tried/v1/mine")
    assert "PUT" in problem(answer, 405)["detail"]
    assert answer["Allow"]


def test_pages_keep_their_own_errors(client: Client) -> None:
    """Problems are for programs; people get pages."""
    assert client.get("/nothing-here/")["Content-Type"].startswith("text/html")


def test_many_errors_are_cut() -> None:
    """Twenty are enough to see what one is doing wrong."""
    many = [FieldError(f"ids.{index}", "is wrong") for index in range(500)]
    assert len(Problem.of_fields(many).errors) == 20


def test_the_page_of_the_api_comes_from_here_alone(client: Client) -> None:
    """Under the policy of all pages: no script in the page, nothing from another host; to sign in is offered."""
    answer = client.get("/api/docs")
    page = answer.content.decode()
    assert (answer.status_code, answer["Content-Security-Policy"]) == (200, POLICY)
    assert all(re.match(r"/(?!/)", address) for address in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", page) == []
    assert "/sign-in/?next=/api/docs" in page
    for script in re.findall(r'<script src="([^"]*)"', page):
        assert client.get(script).status_code == 200, script
    client.force_login(staff())
    assert 'data-api-csrf="true"' in client.get("/api/docs").content.decode()


def test_the_description_says_how_to_come_in(client: Client) -> None:
    """Every endpoint of ours asks for a key or a session, except those that are for everyone."""
    described = client.get("/api/openapi.json").json()
    assert set(described["components"]["securitySchemes"]) == {"ScopedKey", "SignedIn"}
    for address, methods in described["paths"].items():
        assert address.startswith("/api/v1/")
        for method, operation in methods.items():
            assert operation.get("security") or method == "get", f"{method} {address}"
