"""`manage.py notify` tells people by the rules of the API; `manage.py tidy` keeps what is live small."""

import re
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from core.accounts.keys import make_key
from core.notifications.audience import Audience
from core.notifications.models import IdempotencyKey, Notification, NotificationRead
from core.notifications.services.keeping import archive
from core.notifications.services.reading import mark_all_read, mark_read
from core.notifications.services.telling import notify
from core.orders.models import Order
from tests.support.databases import Database
from tests.support.people import staff
from tests.support.shop import a_customer, an_order
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize(
    ("to", "columns"),
    [
        (["--user", "hanne"], ("user", True, False, "")),
        (["--customer", "Acme"], ("customer", False, True, "")),
        (["--role", "packers"], ("role", False, False, "packers")),
        (["--role", "staff"], ("role", False, False, "staff")),
        (["--everyone"], ("everyone", False, False, "")),
    ],
)
def test_everyone_can_be_told_from_a_shell(
    to: list[str], columns: tuple[Any, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the id of the one row that it made."""
    staff("hanne")
    a_customer(name="Acme")
    Group.objects.create(name="packers")
    call_command("notify", *to, "Stocktaking", "--body", "At 6.", "--level", "warning", "--link", "/stock/")
    told = Notification.objects.get()
    assert capsys.readouterr().out == f"{told.pk}\n"
    assert (told.audience, bool(told.user), bool(told.customer), told.role) == columns
    assert (told.title, told.body, told.level, told.link) == ("Stocktaking", "At 6.", "warning", "/stock/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Hello"], "one of the arguments --user --customer --role --everyone is required"),
        (["--user", "a", "--everyone", "Hello"], "not allowed with argument"),
        (["--user", "nobody", "Hello"], "to.user: there is no user 'nobody'"),
        (["--customer", "1", "Hello"], "to.customer: there is no customer '1'"),
        (["--role", "pilots", "Hello"], "to.role: there is no role 'pilots'; there are "),
        (["--role", "", "Hello"], "to.role: there is no role ''"),
        (["--everyone", " "], "title: must say something"),
        (["--everyone", "x" * 121], "title: has 121 characters; 120 are the most"),
        (
            ["--everyone", "Hello", "--level", "fatal"],
            "level: is 'fatal'; it must be one of info, success",
        ),
        (["--everyone", "Hello", "--link", "//evil.example"], "link: must be a path that begins with one '/'"),
        (["--everyone", "Hello", "--body", "\udcff"], "body: must not hold control characters"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], message: str) -> None:
    """In one line, and nobody is told."""
    with pytest.raises(CommandError, match=re.escape(message)):
        call_command("notify", *arguments)
    assert not Notification.objects.exists()


def aged(database: Database, table: str, column: str, days: float) -> None:
    """Make all rows of a table so old."""
    database.execute(f"UPDATE {table} SET {column} = now() - make_interval(secs => %s)", days * 86_400)


def test_tidy_archives_what_is_old(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Orders that ended and notifications from before the days, with their read rows; keys after a day."""
    user = staff()
    order = an_order()
    Order.objects.filter(pk=order.pk).update(status="delivered")
    key, _ = make_key("tool", ["notifications:write"])
    old = notify(Audience.everyone(), "old")
    IdempotencyKey.objects.create(api_key=key, key="old", fingerprint="", notification=old)
    mark_read(user, [old.pk])
    aged(database, "orders_order", "updated_at", 31)
    aged(database, "notifications_notification", "created_at", 31)
    aged(database, "notifications_idempotencykey", "created_at", 1.01)
    recent = notify(Audience.everyone(), "recent")
    mark_read(user, [recent.pk])
    IdempotencyKey.objects.create(api_key=key, key="recent", fingerprint="", notification=recent)
    call_command("tidy", "--days", "30")
    told_of = Notification.objects.filter(archived=True).count()
    assert capsys.readouterr().out == f"Archived 1 orders and {told_of} notifications; forgot 1 idempotency keys.\n"
    assert not Notification.objects.filter(archived=False).exclude(pk=recent.pk).exists()
    assert dict(NotificationRead.objects.values_list("notification__title", "archived")) == {
        "old": True,
        "recent": False,
    }
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["recent"]
    call_command("tidy")
    assert capsys.readouterr().out == "Archived 0 orders and 0 notifications; forgot 0 idempotency keys.\n"


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "9" * 30])
def test_impossible_days_are_refused(days: str) -> None:
    """The error names the value."""
    with pytest.raises(CommandError, match="is not a number of days"):
        call_command("tidy", f"--days={days}")


TARGETS = {
    "user": "INSERT INTO notifications_notification (audience, user_id, title) SELECT 'user', 1,",
    "customer": "INSERT INTO notifications_notification (audience, customer_id, title) SELECT 'customer', 1,",
    "role": "INSERT INTO notifications_notification (audience, role, title) SELECT 'role', 'staff',",
    "everyone": "INSERT INTO notifications_notification (audience, title) SELECT 'everyone',",
}


def test_nobodys_topic_grows_for_ever(database: Database) -> None:
    """Where nobody tidies, each audience keeps its newest thousand live, with their read rows."""
    user = staff()
    a_customer()
    assert user.pk == 1
    for insert in TARGETS.values():
        database.execute(f"{insert} 'first' || n FROM generate_series(1, 1000) n")
    assert Notification.objects.filter(archived=True).count() == 0
    up_to = Notification.objects.latest("pk").pk
    assert mark_all_read(user, up_to=up_to) == 3_000  # the customer's are not theirs
    for audience, insert in TARGETS.items():
        database.execute(f"{insert} 'then' || n FROM generate_series(1, 40) n")
        gone = Notification.objects.filter(archived=True)
        assert set(gone.filter(audience=audience).values_list("title", flat=True)) == {
            f"first{n}" for n in range(1, 41)
        }
    assert Notification.objects.filter(archived=False).count() == 4_000
    assert NotificationRead.objects.filter(archived=True).count() == 120
    assert not NotificationRead.objects.exclude(archived=F("notification__archived")).exists()


def test_archiving_waits_for_nobody(database: Database) -> None:
    """What another transaction is changing is left for the next time; a writer who tells people something goes on."""
    first, second = notify(Audience.everyone(), "1"), notify(Audience.everyone(), "2")
    now = timezone.now() + timedelta(seconds=1)
    with database.connect(autocommit=False) as other:
        other.execute("UPDATE notifications_notification SET title = 'x' WHERE id = %s", [first.pk])
        assert archive(before=now) == 1
    assert list(Notification.objects.filter(archived=True)) == [second]
    assert archive(before=now) == 1


def test_who_reads_while_it_is_archived_leaves_nothing_live(database: Database) -> None:
    """Reading waits for the archiving, and its row is archived too."""
    user, told = staff(), notify(Audience.everyone(), "1")
    noted: list[int] = []

    def read() -> None:
        try:
            noted.append(mark_read(user, [told.pk]))
        finally:
            connection.close()

    thread = Thread(target=read)
    with database.connect(autocommit=False) as other:
        other.execute("SELECT notifications_archive(ARRAY[%s]::bigint[])", [told.pk])
        thread.start()
        eventually(lambda: database.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    thread.join(10)
    assert noted == [1]
    assert NotificationRead.objects.get().archived
