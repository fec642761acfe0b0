"""Who may see what: the questions that topics and pages ask about a user (perhaps an anonymous one)."""

from typing import Any


def is_staff(user: Any) -> bool:
    """Tell whether the user works here."""
    return bool(user.is_active and user.is_staff)


def is_customer(user: Any) -> bool:
    """Tell whether the user buys for a customer."""
    return bool(user.is_active and getattr(user, "customer_id", None) is not None)


def is_staff_or_customer(user: Any) -> bool:
    """Tell whether the user may see any order at all."""
    return is_staff(user) or is_customer(user)
