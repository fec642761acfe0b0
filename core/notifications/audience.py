"""Audiences: whom a notification is for, and which audiences a user belongs to."""

from dataclasses import dataclass
from typing import Any

from core.accounts.models import Customer, User
from core.notifications.models import AudienceKind

STAFF = "staff"
"""The role of everyone who works here; a group of that name adds nobody to it."""


@dataclass(frozen=True, slots=True)
class Audience:
    """One user, the people of one customer, one role, or everyone. Made by the methods below."""

    kind: AudienceKind
    user_id: int | None = None
    customer_id: int | None = None
    role: str = ""

    @classmethod
    def of_user(cls, user: User) -> "Audience":
        """Return the audience of one user."""
        return cls(AudienceKind.USER, user_id=user.pk)

    @classmethod
    def of_customer(cls, customer: Customer) -> "Audience":
        """Return everyone who buys for a customer."""
        return cls(AudienceKind.CUSTOMER, customer_id=customer.pk)

    @classmethod
    def of_role(cls, role: str) -> "Audience":
        """Return everyone in the group of that name; for `staff` everyone who works here."""
        return cls(AudienceKind.ROLE, role=role)

    @classmethod
    def everyone(cls) -> "Audience":
        """Return everyone who can sign in."""
        return cls(AudienceKind.EVERYONE)

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns of its notifications that tell them from all others, with their values.

        The kind is among them: whatever stands in a column that is not its own, no audience reaches another's.
        """
        own = {"user": self.user_id, "customer": self.customer_id, "role": self.role}
        return {"audience": self.kind.value, **{name: value for name, value in own.items() if name == self.kind}}


def audiences_of(user: Any) -> list[Audience]:
    """Return all audiences that a user belongs to; queries the user's groups."""
    roles = {group.name for group in user.groups.all()} - {STAFF, ""}
    return [
        Audience.of_user(user),
        *([Audience(AudienceKind.CUSTOMER, customer_id=user.customer_id)] if user.customer_id is not None else []),
        *(Audience.of_role(role) for role in sorted(roles | ({STAFF} if user.is_staff else set()))),
        Audience.everyone(),
    ]
