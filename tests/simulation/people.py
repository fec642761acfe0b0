"""Who is there: users with rights that change, and their sign-ins, with the times at which they did."""

from collections.abc import Collection
from dataclasses import dataclass, field

from realtime.drivers.access import Identity
from tests.simulation.topics import NOBODY, Rights

ANONYMOUS = Identity(session_key=None, user=None, name=None, fingerprint="")
GRACE_SECONDS = 2.0
"""So long after the end of a right something of it may still be written (P5)."""


@dataclass(slots=True)
class User:
    """A user, with all rights that they ever had and since when, the latest last."""

    pk: int
    name: str
    rights: list[tuple[float, Rights]]

    @property
    def now(self) -> Rights:
        """The present rights."""
        return self.rights[-1][1]


@dataclass(frozen=True, slots=True)
class Account:
    """What an identity carries of a user: the rights as they were when it was read."""

    pk: int
    rights: Rights


@dataclass(slots=True)
class SignIn:
    """A session of the web application: who, and until when."""

    user: User
    ended_at: float | None = None


@dataclass
class People:
    """All of them."""

    users: list[User] = field(default_factory=list)
    sign_ins: dict[str, SignIn] = field(default_factory=dict)

    def sign_in(self, user: User) -> str:
        """Return a new session key."""
        key = f"key{len(self.sign_ins)}"
        self.sign_ins[key] = SignIn(user)
        return key

    def load(self, keys: Collection[str]) -> dict[str, Identity]:
        """Return the identities of the sessions that are signed in (`realtime.drivers.access.IdentityProvider`)."""
        found = {}
        for key in keys:
            sign_in = self.sign_ins[key]
            if sign_in.ended_at is None:
                user, rights = sign_in.user, sign_in.user.now
                found[key] = Identity(key, Account(user.pk, rights), user.name, f"{rights.staff} {rights.customer}")
        return found

    def recent(self, key: str | None, now: float) -> list[Rights]:
        """Return all rights whose fruits may be written now: those of the last two seconds."""
        if key is None:
            return [NOBODY]
        sign_in = self.sign_ins[key]
        if sign_in.ended_at is not None and sign_in.ended_at < now - GRACE_SECONDS:
            return []
        kept: list[Rights] = []
        for since, rights in reversed(sign_in.user.rights):
            kept.append(rights)
            if since < now - GRACE_SECONDS:
                break
        return kept


def rights_in(identity: Identity) -> Rights:
    """Return the rights that came with an identity."""
    return NOBODY if identity.user is None else identity.user.rights
