"""Notifications, who has read which, and which push of a tool made which."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from core.accounts.models import ApiKey, Customer, User

TITLE_LENGTH = 120
BODY_LENGTH = 2_000
LINK_LENGTH = 2_000
ABOUT_LENGTH = 80

LINK = r"\A(/([^/\s\\][^\s\\]*)?|https://[^/\s\\?#][^\s\\]*)\Z"
r"""A path of this site or an https URL, in the syntax that Python and PostgreSQL share.

Browsers take `//host` and `/\host` for another site, drop tabs and line breaks inside a URL before they look at
it, and run `javascript:`; a link has none of these.
"""


class AudienceKind(models.TextChoices):
    """Whom a notification is for."""

    USER = "user"
    CUSTOMER = "customer"
    ROLE = "role"
    EVERYONE = "everyone"


class Level(models.TextChoices):
    """How much a notification matters."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


ADDRESSED = (
    Q(audience=AudienceKind.USER, user__isnull=False, customer=None, role="")
    | Q(audience=AudienceKind.CUSTOMER, user=None, customer__isnull=False, role="")
    | (Q(audience=AudienceKind.ROLE, user=None, customer=None) & ~Q(role=""))
    | Q(audience=AudienceKind.EVERYONE, user=None, customer=None, role="")
)
"""Exactly the audience's column is set."""

OF_AUDIENCES = {
    "user": ("user", Q(user__isnull=False)),
    "customer": ("customer", Q(customer__isnull=False)),
    "role": ("role", ~Q(role="")),
    "everyone": ("audience", Q(audience=AudienceKind.EVERYONE)),
}
"""By audience: the column by which its notifications are found, and which rows that index holds.

A notification is in the indexes of its own audience alone: in one for pages of all that there were, and while
it is live in a second one, for the topic.
"""


class Notification(models.Model):
    """Something that people are told: one row, for one user, one customer's people, one role or everyone.

    `role` is the name of a group, or `staff`: everyone who works here. `about` says what it is about, so that
    nobody is told the same twice; it is not shown. `archived` notifications have left the live topic.
    """

    audience = models.CharField(max_length=8, choices=AudienceKind)
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, related_name="+", db_index=False)
    role = models.CharField(max_length=150, blank=True, default="", db_default="")
    title = models.CharField(max_length=TITLE_LENGTH)
    body = models.CharField(max_length=BODY_LENGTH, blank=True, default="", db_default="")
    level = models.CharField(max_length=7, choices=Level, default=Level.INFO, db_default=Level.INFO)
    link = models.CharField(max_length=LINK_LENGTH, blank=True, default="", db_default="")
    about = models.CharField(max_length=ABOUT_LENGTH, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    archived = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=ADDRESSED,
                name="notification_is_for_its_audience",
                violation_error_message="Fill exactly the field of the audience: user, customer, role, or none.",
            ),
            models.CheckConstraint(condition=~Q(title=""), name="notification_has_a_title"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="notification_level_is_known"),
            models.CheckConstraint(
                condition=Q(link="") | Q(link__regex=LINK),
                name="notification_link_is_safe",
                violation_error_message="A link is a path that begins with one '/' or an https:// URL.",
            ),
        ]
        indexes = [
            *(
                models.Index(fields=[column, "-id"], condition=rows, name=f"notification_of_{audience}")
                for audience, (column, rows) in OF_AUDIENCES.items()
            ),
            *(
                models.Index(
                    fields=[column, "-id"], condition=rows & Q(archived=False), name=f"notification_live_of_{audience}"
                )
                for audience, (column, rows) in OF_AUDIENCES.items()
            ),
            models.Index(fields=["about", "-created_at"], condition=~Q(about=""), name="notification_about"),
        ]

    def __str__(self) -> str:
        return self.title


class NotificationRead(models.Model):
    """That a user has read a notification; it is archived together with that."""

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="reads", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    read_at = models.DateTimeField(default=timezone.now, db_default=Now())
    archived = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "user"], name="one_read_per_user")]
        indexes = [
            models.Index(fields=["user"], condition=Q(archived=False), name="notification_read_live"),
        ]

    def __str__(self) -> str:
        return f"{self.user} read {self.notification}"


class IdempotencyKey(models.Model):
    """A tool's word for one push: coming again with it within a day, the tool is told of the notification it made.

    `fingerprint` is the SHA-256 of what was pushed. Written in the transaction of the notification, so that
    there is never one without the other.
    """

    KEY_LENGTH = 200

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=KEY_LENGTH)
    fingerprint = models.CharField(max_length=64)
    notification = models.ForeignKey(Notification, models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="one_idempotency_key_per_api_key")]

    def __str__(self) -> str:
        return self.key
