"""Who is behind a session, for the engine: read from the database, for many sessions at once.

A session counts as long as Django itself would accept it for a request: its row is there and has not
expired, its signature holds, its user is active, and the user's password has not changed since.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from core.accounts.models import User
from realtime import Identity


class SessionIdentities:
    """The engine's identity provider over Django's sessions; three queries, however many sessions there are."""

    def load(self, session_keys: Collection[str]) -> Mapping[str, Identity]:
        """Return the identity of each session that is signed in; those that are not are missing."""
        claims = dict(_claims(session_keys))
        users = User.objects.filter(pk__in={user_pk for user_pk, _ in claims.values()}, is_active=True)
        by_pk = {user.pk: user for user in users.prefetch_related("groups")}
        return {
            key: Identity(session_key=key, user=user, name=user.username, fingerprint=_fingerprint(user))
            for key, (user_pk, auth_hash) in claims.items()
            if (user := by_pk.get(user_pk)) is not None and _verified(user, auth_hash)
        }


def _claims(session_keys: Collection[str]) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield (session key, (user's primary key, auth hash)) of the live sessions in which someone signed in."""
    store = SessionStore()
    live = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
    for key, data in live.values_list("session_key", "session_data"):
        content = store.decode(data)  # empty when the signature does not hold
        if content.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
            continue
        try:
            yield key, (User._meta.pk.to_python(content[SESSION_KEY]), content.get(HASH_SESSION_KEY, ""))
        except (KeyError, ValidationError):
            continue


def _verified(user: User, auth_hash: str) -> bool:
    accepted = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(auth_hash, each) for each in accepted)


def _fingerprint(user: User) -> str:
    """Return what changes whenever the user's rights do: staff, superuser, roles, customer."""
    roles = sorted(group.pk for group in user.groups.all())
    rights = [user.pk, user.is_staff, user.is_superuser, user.customer_id, roles]
    return hashlib.sha256(json.dumps(rights).encode()).hexdigest()[:16]
