"""Roles: Django's groups, with what their members may do.

Those that the shop's pages ask for are made after `migrate` where there is none of that name. What an admin made of
one is never changed back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps.registry import Apps

ROLES: Mapping[str, Sequence[str]] = {
    "warehouse": (
        "stock.view_warehouse",
        "stock.view_stocklevel",
        "stock.change_stocklevel",
        "catalogue.view_material",
    ),
    "sales": (
        "orders.view_order",
        "orders.change_order",
        "orders.view_orderline",
        "orders.view_orderevent",
        "accounts.view_customer",
        "catalogue.view_material",
    ),
}
"""Names and permissions, as `part.codename`."""


def make_roles(*, using: str, apps: Apps, **_: Any) -> None:
    """Make the roles that are missing and whose permissions there are; called after each part's migrations."""
    try:
        groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        return  # authentication itself has been migrated away
    for name, wanted in ROLES.items():
        if groups.objects.using(using).filter(name=name).exists():
            continue
        found = {
            f"{permission.content_type.app_label}.{permission.codename}": permission
            for permission in permissions.objects.using(using).select_related("content_type")
        }
        if set(wanted) <= found.keys():
            group = groups.objects.using(using).create(name=name)
            group.permissions.set(found[each] for each in wanted)
