"""Notifications over HTTP: tools push them, and pages list all that somebody was told and note what was read."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Header, Path, Query, Router, Schema, Status
from pydantic import BeforeValidator, ConfigDict, Discriminator, Tag, model_validator

from core.accounts.authentication import ScopedKey, SignedIn
from core.accounts.models import ApiKey, User
from core.accounts.policies import is_signed_in
from core.notifications.addressing import customer_named, role_named, user_named
from core.notifications.audience import Audience
from core.notifications.content import BadNotification
from core.notifications.models import BODY_LENGTH, LINK_LENGTH, TITLE_LENGTH, IdempotencyKey, Notification
from core.notifications.services import reading
from core.notifications.services.pushing import OtherPush, push
from core.notifications.services.telling import notify
from core.problems import FieldError, Problem

LARGEST_ID = 2**63 - 1
MOST_IDS = 1_000
MOST_LISTED = 100
VISIBLE = rf"^[!-~]{{1,{IdempotencyKey.KEY_LENGTH}}}$"

router = Router(tags=["notifications"])
of_somebody = SignedIn(is_signed_in)

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


def name_or_number(given: Any) -> Any:
    """Return a customer's name or number as it was given; ValueError for anything else."""
    if isinstance(given, bool) or not isinstance(given, str | int | None):
        raise ValueError("must be the customer's name or number")  # noqa: TRY004 - what pydantic takes for a refusal
    return given


def word_for_all(given: Any) -> Any:
    """Return the word `everyone`; ValueError says what else `to` may be."""
    if given != "everyone":
        raise ValueError('must be "everyone", or an object with one of user, customer and role')
    return given


class To(Schema):
    """Exactly one user (by username), customer (by name or number) or role (a group's name, or `staff`)."""

    model_config = ConfigDict(extra="forbid")

    user: str | None = None
    customer: Annotated[str | int | None, BeforeValidator(name_or_number)] = None
    role: str | None = None

    @model_validator(mode="after")
    def name_one(self) -> "To":
        """Refuse none and several."""
        if sum(each is not None for each in (self.user, self.customer, self.role)) != 1:
            raise ValueError("must name exactly one of user, customer and role")
        return self

    def audience(self) -> Audience:
        """Return who that is; BadNotification when there is no such."""
        if self.user is not None:
            return user_named(self.user)
        if self.customer is not None:
            return customer_named(self.customer)
        assert self.role is not None
        return role_named(self.role)


Recipient = Annotated[
    Annotated[To, Tag("To")] | Annotated[Literal["everyone"], BeforeValidator(word_for_all), Tag("Everyone")],
    Discriminator(lambda given: "To" if isinstance(given, dict | To) else "Everyone"),
]
"""The tags look like names of models, which are left out of the paths of fields."""


class Push(Schema):
    """A notification to be made. `link` is a path of this site or an https URL."""

    model_config = ConfigDict(extra="forbid")

    to: Recipient
    title: Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH)]
    body: Annotated[str, Field(max_length=BODY_LENGTH)] = ""
    level: Literal["info", "success", "warning", "error"] = "info"
    link: Annotated[str, Field(max_length=LINK_LENGTH)] = ""

    def tell(self) -> Notification:
        """Make it; BadNotification says what is wrong."""
        to = self.to.audience() if isinstance(self.to, To) else Audience.everyone()
        return notify(to, self.title, body=self.body, level=self.level, link=self.link)


class Made(Schema):
    """The notification that was made."""

    id: int


class Listed(Schema):
    """A notification as one user has it; what is archived counts as read."""

    id: int
    title: str
    body: str
    level: str
    link: str
    audience: str
    created_at: datetime
    archived: bool
    read: bool

    @classmethod
    def of(cls, told: reading.Told) -> "Listed":
        """Return it as it is listed."""
        told_of = told.notification
        return cls(
            id=told_of.pk,
            title=told_of.title,
            body=told_of.body,
            level=told_of.level,
            link=told_of.link,
            audience=told_of.audience,
            created_at=told_of.created_at,
            archived=told_of.archived,
            read=told.read,
        )


class Page(Schema):
    """Notifications, newest first; `next` is what to give as `before` for those that follow, or null."""

    notifications: list[Listed]
    next: int | None


class Read(Schema):
    """What the user has read: these, or all live ones up to this one."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Id], Field(max_length=MOST_IDS)] | None = None
    all_up_to: Id | None = None

    @model_validator(mode="after")
    def say_one(self) -> "Read":
        """Refuse none and both."""
        if (self.ids is None) == (self.all_up_to is None):
            raise ValueError("must hold either ids or all_up_to")
        return self


class Noted(Schema):
    """How many were not noted as read before."""

    noted: int


@router.post("", auth=ScopedKey("notifications:write"), response={201: Made})
def push_notification(
    request: HttpRequest,
    response: HttpResponse,
    push_of: Push,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key", pattern=VISIBLE)] = None,
) -> Status[Made]:
    """Tell a user, a customer's people, a role or everyone something, at once and as one row.

    With an `Idempotency-Key` it may be asked again: within a day the answer is the same notification, with
    `Idempotency-Replayed: true`; for another notification the key is refused.
    """
    api_key = request.auth  # type: ignore[attr-defined]
    assert isinstance(api_key, ApiKey)
    try:
        pushed = push(push_of.tell, api_key=api_key, key=idempotency_key, asked=push_of.dict())
    except BadNotification as error:
        raise Problem.of_fields([FieldError(fault.field, fault.message) for fault in error.faults]) from error
    except OtherPush as error:
        raise Problem.of_field("Idempotency-Key", str(error)) from error
    response["Location"] = f"{request.path}/{pushed.notification_id}"
    if pushed.replayed:
        response["Idempotency-Replayed"] = "true"
    return Status(201, Made(id=pushed.notification_id))


@router.get("", auth=of_somebody, response=Page)
def list_notifications(
    request: HttpRequest,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
) -> Page:
    """List what the user was told, newest first, archived ones too."""
    page = reading.page_of(_user(request), before=before, limit=limit)
    return Page(notifications=[Listed.of(told) for told in page.told], next=page.next)


@router.get("/{int:notification_id}", auth=of_somebody, response=Listed)
def show_notification(request: HttpRequest, notification_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> Listed:
    """Show one of the user's notifications."""
    told = reading.told_to(_user(request), notification_id)
    if told is None:
        raise Http404
    return Listed.of(told)


@router.post("/read", auth=of_somebody, response=Noted)
def note_read(request: HttpRequest, read: Read) -> Noted:
    """Note what the user has read; ids that are not the user's to see change nothing."""
    user = _user(request)
    if read.all_up_to is not None:
        return Noted(noted=reading.mark_all_read(user, up_to=read.all_up_to))
    return Noted(noted=reading.mark_read(user, read.ids or []))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
