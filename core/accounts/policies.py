"""Who may see and do what: questions that topics, pages and endpoints ask about a user (perhaps an anonymous one)."""

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


def is_signed_in(user: Any) -> bool:
    """Tell whether anyone is signed in, whoever it is."""
    return bool(user.is_active and user.is_authenticated)


def may_change_stock(user: Any) -> bool:
    """Tell whether the user may receive, count and transfer stock and set thresholds: staff with that permission."""
    return is_staff(user) and bool(user.has_perm("stock.change_stocklevel"))


def may_move_orders(user: Any) -> bool:
    """Tell whether the user may take orders a step further: staff with that permission."""
    return is_staff(user) and bool(user.has_perm("orders.change_order"))
