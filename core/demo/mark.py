"""Which databases demo data and demo trade may enter: known passwords must never reach a real one."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection, models

from core.accounts.models import ApiKey, Customer, User
from core.catalogue.models import Material
from core.demo.models import DemoMark
from core.notifications.models import Notification
from core.orders.models import Order
from core.stock.models import StockLevel, Warehouse

FOUND_IN_REAL_ONES: tuple[type[models.Model], ...] = (
    *(User, Customer, ApiKey, Notification),
    *(Material, Warehouse, StockLevel, Order),
)


def require_permission() -> None:
    """Raise CommandError unless the database is embedded or `DEMO=1` allows demo data in it, and it is migrated."""
    if not (settings.ENVIRONMENT.embedded or settings.ENVIRONMENT.demo):
        raise CommandError(
            "DATABASE_URL is given, and the demo's passwords are published: "
            "set DEMO=1 too if this database may hold them"
        )
    if DemoMark._meta.db_table not in connection.introspection.table_names():
        raise CommandError("the database has no tables yet: run `manage.py migrate` first")


def is_marked() -> bool:
    """Tell whether the database carries the demo's mark."""
    return DemoMark.objects.exists()


def require_mark() -> None:
    """Raise CommandError unless the database carries the demo's mark."""
    require_permission()
    if not is_marked():
        raise CommandError("this database does not carry the demo's mark: run `manage.py seed` on an empty one first")


def require_empty() -> None:
    """Raise CommandError when the database, which is not marked, holds anything that could be real."""
    for model in FOUND_IN_REAL_ONES:
        if model._default_manager.exists():
            raise CommandError(
                f"this database holds {model._meta.verbose_name_plural} and does not carry the demo's mark: "
                "demo data only goes into an empty one"
            )
