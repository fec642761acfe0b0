"""Notifications in the admin: told by the same rules, and kept as they were told."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.notifications.audience import Audience
from core.notifications.models import Notification
from core.notifications.services.telling import notify
from tests.support.shop import a_user

pytestmark = pytest.mark.usefixtures("database")

FORM = {"audience": "role", "role": "staff", "title": "Hello", "body": "", "level": "info", "link": "/stock/"}


@pytest.fixture
def admin(settings: Any) -> Client:
    """A superuser's browser."""
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(a_user(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"audience": "everyone"}, "Fill exactly the field of the audience"),
        ({"audience": "role", "role": ""}, "Fill exactly the field of the audience"),
        ({"link": "//evil.example"}, "A link is a path that begins with one"),
        ({"link": "javascript:alert(1)"}, "A link is a path that begins with one"),
        ({"title": ""}, "This field is required"),
    ],
)
def test_the_form_says_what_is_wrong(admin: Client, changed: dict[str, str], said: str) -> None:
    """And nobody is told."""
    answer = admin.post(reverse("admin:notifications_notification_add"), {**FORM, **changed})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Notification.objects.exists()


def test_people_are_told_from_the_admin(admin: Client) -> None:
    """The form makes the same row as any other way."""
    assert admin.post(reverse("admin:notifications_notification_add"), FORM).status_code == 302
    told = Notification.objects.get()
    assert (told.audience, told.role, told.title, told.archived) == ("role", "staff", "Hello", False)


def test_what_was_told_is_not_changed(admin: Client) -> None:
    """It can be looked at."""
    told = notify(Audience.everyone(), "Hello")
    address = reverse("admin:notifications_notification_change", args=[told.pk])
    assert admin.get(address).status_code == 200
    assert admin.get(reverse("admin:notifications_notification_changelist"), {"q": "Hello"}).status_code == 200
    assert admin.post(address, {**FORM, "title": "Other"}).status_code == 403
    assert Notification.objects.get().title == "Hello"
