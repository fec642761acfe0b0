"""How often a password may be guessed: so often from one address, less often for one name from one address.

Nobody is locked out everywhere: the right user comes in from another address while someone guesses from this one.
An attempt counts as under way before the password is looked at, under a lock per address, in whatever server
process: so many right passwords at once are let in, and a hundred guesses at once are hardly more than as many one
after another. Signing in takes back what was counted for that name from that address, and nothing else: an account
of one's own doesn't help to go on guessing at others'.

django-axes asks this handler before each sign-in (ours, the admin's), keeps the counts, and has commands to
take locks off: `axes_reset_username`, `axes_reset_ip`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

from core.accounts.address import client_address

logger = logging.getLogger(__name__)

PER_NAME = 5
"""Wrong passwords for one name from one address."""
PER_ADDRESS = 30
"""Wrong passwords from one address, whatever the names: all who mistype in an office have one address."""
AT_ONCE = 20
"""So many attempts under way hold up nobody: a browser's tabs, a program's connections. More count as wrong."""
FULL_SECONDS = 1
"""When to come again while too many are under way."""
NAME_LENGTH = 255
"""Of a name that no user can have, so much is kept."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


WRONG, UNDER_WAY = "", "under way"
"""The two counts kept for a name and an address; django-axes tells its rows apart by the browser's name."""


class Throttle(AxesDatabaseHandler):
    """Counts attempts to sign in; says when to come again by setting `come_again_at` on a request that it refuses."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        """Tell whether this attempt comes too early; if it doesn't, it is under way until its outcome is known."""
        name, address = _who(credentials), request.axes_ip_address
        with _one_at_a_time(address):
            _forget_old()
            request.come_again_at = _come_again_at(name, address)
            if request.come_again_at is None:
                _count(UNDER_WAY, name, address, request)
        return request.come_again_at is not None

    def user_login_failed(self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
        """Count a wrong password; say at once, with the last that is let through, when to come again."""
        if request is None:
            return
        name, address = _who(credentials), request.axes_ip_address
        request.axes_credentials = credentials
        if getattr(request, "come_again_at", None) is None:  # it was let through
            with _one_at_a_time(address):
                _end(name, address)
                _count(WRONG, name, address, request)
                request.come_again_at = _wait_for_wrong(name, address)
        if request.come_again_at is not None:
            request.axes_locked_out = True
            logger.warning("sign-in throttled: %s from %s until %s", name, address, request.come_again_at.isoformat())

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Take back what was counted for this name from this address."""
        take_back(request, user.get_username())

    def user_logged_out(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Do nothing: signing out counts for nothing."""


def take_back(request: HttpRequest, name: str) -> None:
    """Forget what was counted for this name from the request's address: the password was right."""
    address = client_address(request)
    with _one_at_a_time(address):
        _end(name, address)
        _attempts(WRONG, name, address).delete()


def seconds_to_wait(request: HttpRequest) -> int:
    """Return in how many seconds a refused request may come again, at least 1."""
    until: datetime = getattr(request, "come_again_at")  # noqa: B009 - a request has no such attribute of its own
    return max(1, int((until - timezone.now()).total_seconds()) + 1)


@contextmanager
def _one_at_a_time(address: str) -> Iterator[None]:
    """Hold the lock on an address's counts, in a transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [f"sign-in from {address}"])
        yield


def _come_again_at(name: str, address: str) -> datetime | None:
    if waits := _wait_for_wrong(name, address):
        return waits
    full = _full(_of(address).filter(username=name), PER_NAME) or _full(_of(address), PER_ADDRESS)
    return timezone.now() + timedelta(seconds=FULL_SECONDS) if full else None


def _wait_for_wrong(name: str, address: str) -> datetime | None:
    wrong = _of(address).filter(user_agent=WRONG)
    found = (_over(wrong.filter(username=name), PER_NAME), _over(wrong, PER_ADDRESS))
    return max((each for each in found if each is not None), default=None)


def _over(attempts: QuerySet[Any], limit: int) -> datetime | None:
    """Return when the failures that count will be fewer than the limit; None if they are."""
    total = 0
    newest_first = attempts.order_by("-attempt_time")
    for failures, at in newest_first.values_list("failures_since_start", "attempt_time"):
        total += failures
        if total >= limit:
            until: datetime = at + _cool_off()
            return until
    return None


def _full(attempts: QuerySet[Any], limit: int) -> bool:
    """Tell whether what failed and what is under way are together as many as may be."""
    total = attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
    return bool(total >= limit + AT_ONCE)


def _count(outcome: str, name: str, address: str, request: Any) -> None:
    now = timezone.now()
    if _attempts(outcome, name, address).update(failures_since_start=F("failures_since_start") + 1, attempt_time=now):
        return
    AccessAttempt.objects.create(
        username=name, ip_address=address, user_agent=outcome, path_info=request.axes_path_info, failures_since_start=1
    )


def _end(name: str, address: str) -> None:
    """Take one attempt from those that are under way."""
    under_way = _attempts(UNDER_WAY, name, address)
    under_way.update(failures_since_start=F("failures_since_start") - 1)
    under_way.filter(failures_since_start__lte=0).delete()


def _forget_old() -> None:
    AccessAttempt.objects.filter(attempt_time__lte=_horizon()).delete()


def _of(address: str) -> QuerySet[Any]:
    attempts: QuerySet[Any] = AccessAttempt.objects.filter(ip_address=address, attempt_time__gt=_horizon())
    return attempts


def _attempts(outcome: str, name: str, address: str) -> QuerySet[Any]:
    attempts: QuerySet[Any] = AccessAttempt.objects.filter(username=name, ip_address=address, user_agent=outcome)
    return attempts


def _who(credentials: dict[str, Any] | None) -> str:
    return str((credentials or {}).get("username") or "")[:NAME_LENGTH]


def _horizon() -> datetime:
    return timezone.now() - _cool_off()


def _cool_off() -> timedelta:
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    return cool_off
