"""Who is behind a session, for the engine: read from the database, for many sessions at once.

A session counts as long as Django itself would accept it for a request: its row is there and has not
expired, its signature holds, its user is active, and the user's password has not changed since.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from core.accounts.models import User
from realtime import Identity

SEEN_MAX = 20_000
"""So many sessions are remembered; then all are forgotten, and read in full once more."""

COLUMNS = ("pk", "username", "password", "is_staff", "is_superuser", "customer_id")

State = tuple[Any, ...]
"""A user's columns on which an identity rests, and their roles."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who signed in with a session, by what it holds, and what they are to prove it with."""

    data: str
    user_pk: int
    auth_hash: str


class SessionIdentities:
    """The engine's identity provider over Django's sessions; a few queries, however many sessions there are.

    Everyone connected is asked after once a second. So rows are read each time, but only what changed since
    is decoded, verified and made into a user: for thousands of sessions that was a quarter of a core.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Claim, State, Identity]] = {}

    def load(self, session_keys: Collection[str]) -> Mapping[str, Identity]:
        """Return the identity of each session that is signed in; those that are not are missing."""
        claims = self._claims(session_keys)
        states = _states({claim.user_pk for claim in claims.values()})
        found, changed = {}, {}
        for key, claim in claims.items():
            seen = self._seen.get(key)
            if seen is not None and seen[:2] == (claim, states.get(claim.user_pk)):
                found[key] = seen[2]
            elif claim.user_pk in states:
                changed[key] = claim
        identities = _identities(changed, states)
        if len(self._seen) > SEEN_MAX:
            self._seen.clear()
        for key, identity in identities.items():
            # As what it was made from, not as what was read before: a user may have changed in between, and back since.
            self._seen[key] = changed[key], _state(identity.user), identity
        return found | identities

    def _claims(self, session_keys: Collection[str]) -> dict[str, Claim]:
        """Return the claims of the live sessions in which someone signed in."""
        live = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
        found = {}
        for key, data in live.values_list("session_key", "session_data"):
            seen = self._seen.get(key)
            claim = seen[0] if seen is not None and seen[0].data == data else _claim(data)
            if claim is not None:
                found[key] = claim
        return found


def _claim(data: str) -> Claim | None:
    content = SessionStore().decode(data)  # empty when the signature does not hold
    if content.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        return Claim(data, User._meta.pk.to_python(content[SESSION_KEY]), content.get(HASH_SESSION_KEY, ""))
    except (KeyError, ValidationError):
        return None


def _states(user_pks: set[int]) -> dict[int, State]:
    """Return the states of those of the users who are active."""
    roles: dict[int, list[str]] = {}
    belonging = User.groups.through.objects.filter(user_id__in=user_pks)
    for pk, name in belonging.values_list("user_id", "group__name"):
        roles.setdefault(pk, []).append(name)
    users = User.objects.filter(pk__in=user_pks, is_active=True)
    return {row[0]: (*row, tuple(sorted(roles.get(row[0], ())))) for row in users.values_list(*COLUMNS)}


def _state(user: User) -> State:
    """Return the state that a user with prefetched groups is in."""
    return (*(getattr(user, name) for name in COLUMNS), tuple(sorted(group.name for group in user.groups.all())))


def _identities(claims: Mapping[str, Claim], states: Mapping[int, State]) -> dict[str, Identity]:
    """Return the identities of the claims that hold."""
    if not claims:
        return {}
    users = list(User.objects.filter(pk__in={claim.user_pk for claim in claims.values()}, is_active=True))
    # Most who come are buyers without a role, and Django would make a query set for each of them.
    prefetch_related_objects([user for user in users if states[user.pk][-1]], "groups")
    nothing = Group.objects.none()
    for each in users:
        if not states[each.pk][-1]:
            each._prefetched_objects_cache = {"groups": nothing}  # type: ignore[attr-defined]  # the stubs lack it
    by_pk = {user.pk: user for user in users}
    return {
        key: Identity(session_key=key, user=user, name=user.username, fingerprint=_fingerprint(_state(user)))
        for key, claim in claims.items()
        if (user := by_pk.get(claim.user_pk)) is not None and _verified(user, claim.auth_hash)
    }


def _verified(user: User, auth_hash: str) -> bool:
    accepted = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(auth_hash, each) for each in accepted)


def _fingerprint(state: State) -> str:
    """Return what changes whenever the user's rights do: staff, superuser, roles, customer."""
    pk, _username, _password, is_staff, is_superuser, customer_id, roles = state
    rights = [pk, is_staff, is_superuser, customer_id, sorted(roles)]
    return hashlib.sha256(json.dumps(rights).encode()).hexdigest()[:16]
