"""API keys: what tools show instead of a password.

A token is `tl_<prefix>_<secret>`. The prefix finds the key and may be shown; of the token only the SHA-256 is
kept, which suffices for a secret of 256 random bits: nobody can guess at it.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from core.accounts.models import ApiKey
from core.errors import ShopError

SCOPES: Mapping[str, str] = {"notifications:write": "push notifications to users, customers, roles or everyone"}
"""All that a key can be for."""
TOKEN = re.compile(r"tl_([a-z0-9]{8})_[A-Za-z0-9_-]{32,128}")
NOTED_EVERY = timedelta(minutes=1)


class BadKey(ShopError):
    """A key that can't be made or found; the message says why."""


def make_key(name: str, scopes: Collection[str], *, token: str | None = None) -> tuple[ApiKey, str]:
    """Make a key and return it with its token, which can't be had again; raise BadKey if it can't be made.

    `token` is given for a published key alone, as a demo has one; otherwise it is made of 256 random bits.
    """
    _check(name, scopes)
    token = token or f"tl_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    found = TOKEN.fullmatch(token)
    if found is None:
        raise BadKey("a token is tl_<8 of a-z and 0-9>_<at least 32 of A-Z, a-z, 0-9, - and _>")
    key = ApiKey(name=name, prefix=found[1], digest=_digest(token), scopes=sorted(set(scopes)))
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError as error:
        raise BadKey(f"a key named {name!r} is in force: revoke it first, or choose another name") from error
    return key, token


def find_key(token: str) -> ApiKey | None:
    """Return the key in force that this token belongs to, noting its use (to the minute); None if there is none."""
    found = TOKEN.fullmatch(token)
    key = ApiKey.objects.filter(prefix=found[1], revoked_at=None).first() if found else None
    # Also without a key something is compared: how long the answer takes does not tell which prefixes exist.
    if not constant_time_compare(_digest(token), key.digest if key else "") or key is None:
        return None
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at <= now - NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key


def revoke_key(name: str) -> ApiKey:
    """End the key in force of this name at once and return it; raise BadKey if there is none."""
    key = ApiKey.objects.filter(name=name, revoked_at=None).first()
    if key is None:
        raise BadKey(f"no key named {name!r} is in force")
    revoke_keys([key.pk])
    return key


def revoke_keys(primary_keys: Collection[int]) -> int:
    """End these keys at once, those that have ended already excepted; return how many."""
    return ApiKey.objects.filter(pk__in=primary_keys, revoked_at=None).update(revoked_at=timezone.now())


def _check(name: str, scopes: Collection[str]) -> None:
    if not name.strip() or len(name) > ApiKey.NAME_LENGTH:
        raise BadKey(f"a key's name has 1 to {ApiKey.NAME_LENGTH} characters, {name!r} has not")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise BadKey(f"unknown scope {', '.join(map(repr, unknown))}; there are: {', '.join(sorted(SCOPES))}")
    if not scopes:
        raise BadKey(f"a key needs at least one scope; there are: {', '.join(sorted(SCOPES))}")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
