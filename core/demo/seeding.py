"""Load the demo seller's data: all of it in one transaction, in bulk."""

from datetime import datetime
from random import Random

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction

from core.accounts.keys import make_key
from core.accounts.models import Customer, User
from core.accounts.roles import ROLES
from core.catalogue.models import Material
from core.demo.assortment import ASSORTMENT
from core.demo.history import Plan, plan
from core.demo.mark import is_marked, require_empty
from core.demo.models import DemoMark
from core.demo.people import API_TOKEN, BUYERS, NAMES, PASSWORD, PLACES, SECOND_BUYERS
from core.demo.telling import load_news
from core.orders.models import Order, OrderEvent, OrderLine
from core.orders.services.placing import next_number
from core.stock.models import StockLevel, Warehouse


@transaction.atomic
def seed_database(seed: int, now: datetime) -> bool:
    """Load the demo data into an empty database, with its mark; return False when it is there already.

    Raises CommandError for a database that is neither empty nor marked. Two at once: the second waits.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {DemoMark._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
    if is_marked():
        return False
    require_empty()
    DemoMark.objects.create(seed=seed)
    planned = plan(seed, now)
    customers = Customer.objects.bulk_create(
        Customer(name=each.name, city=each.city, country=each.country, created_at=now) for each in BUYERS
    )
    _load_people(customers)
    materials, warehouses = _load_catalogue()
    _load_stock(planned, materials, warehouses)
    orders = _load_orders(planned, customers, materials, warehouses)
    load_news(Random(seed), planned, orders, customers, now)  # noqa: S311 - a plausible past, not a secret
    make_key("demo", ["notifications:write"], token=API_TOKEN)
    return True


def _load_people(customers: list[Customer]) -> None:
    # Hashing is made to be slow. The password is the same and published, so one hash serves everyone.
    password = make_password(PASSWORD)
    staff = User(username="staff", first_name="Hanne", last_name="Sievers", is_staff=True, password=password)
    admin = User(
        username="admin", first_name="Ada", last_name="Minden", is_staff=True, is_superuser=True, password=password
    )
    people = [staff, admin]
    for number, (customer, (first, last)) in enumerate(zip(customers, NAMES, strict=True), start=1):
        people.append(_buyer(f"customer{number}", first, last, customer, password))
        if number in SECOND_BUYERS:
            people.append(_buyer(f"customer{number}b", *SECOND_BUYERS[number], customer, password))
    User.objects.bulk_create(people)
    staff.groups.set(Group.objects.filter(name__in=ROLES))


def _buyer(username: str, first: str, last: str, customer: Customer, password: str) -> User:
    return User(username=username, first_name=first, last_name=last, customer=customer, password=password)


def _load_catalogue() -> tuple[dict[str, Material], dict[str, Warehouse]]:
    materials = Material.objects.bulk_create(
        Material(
            slug=article.slug,
            name=article.name,
            category=article.category,
            form=article.form,
            grade=article.grade,
            price_per_kg=article.price_per_kg,
            density_kg_per_m3=article.density_kg_per_m3,
            currency="EUR",
            archived=False,
        )
        for article in ASSORTMENT
    )
    warehouses = Warehouse.objects.bulk_create(Warehouse(code=p.code, name=p.name, city=p.city) for p in PLACES)
    return {each.slug: each for each in materials}, {each.code: each for each in warehouses}


def _load_stock(planned: Plan, materials: dict[str, Material], warehouses: dict[str, Warehouse]) -> None:
    levels = StockLevel.objects.bulk_create(
        StockLevel(
            material=materials[slug],
            warehouse=warehouses[code],
            on_hand=stock.on_hand,
            reserved=stock.reserved,
            reorder_below=stock.reorder_below,
        )
        for (slug, code), stock in planned.stock.items()
    )
    _set_updated_at("stock_stocklevel", levels, [stock.touched_at for stock in planned.stock.values()])


def _load_orders(
    planned: Plan, customers: list[Customer], materials: dict[str, Material], warehouses: dict[str, Warehouse]
) -> list[Order]:
    orders = Order.objects.bulk_create(
        Order(
            number=next_number(),
            status=past.status,
            status_since=past.updated_at,
            customer=customers[past.buyer],
            customer_name=customers[past.buyer].name,
            total=sum(line.total for line in past.lines),
            currency="EUR",
            placed_at=past.placed_at,
            promised_at=past.promised_at,
            archived=past.archived,
        )
        for past in planned.orders
    )
    _set_updated_at("orders_order", orders, [past.updated_at for past in planned.orders])
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=position,
            material=materials[line.article.slug],
            warehouse=warehouses[line.warehouse],
            material_name=line.article.name,
            material_slug=line.article.slug,
            quantity_kg=line.quantity_kg,
            unit_price=line.unit_price,
            total=line.total,
        )
        for order, past in zip(orders, planned.orders, strict=True)
        for position, line in enumerate(past.lines, start=1)
    )
    happened = sorted(
        ((event, order) for order, past in zip(orders, planned.orders, strict=True) for event in past.events),
        key=lambda pair: pair[0].at,
    )
    OrderEvent.objects.bulk_create(
        OrderEvent(order=order, kind=event.kind, message=event.message, actor=event.actor, at=event.at)
        for event, order in happened
    )
    return orders


def _set_updated_at(table: str, rows: list[StockLevel] | list[Order], moments: list[datetime]) -> None:
    """Date rows back; saving them sets the present."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET updated_at = past.at "  # noqa: S608 - one of two names above
            "FROM unnest(%s::bigint[], %s::timestamptz[]) AS past(id, at) WHERE past.id = "
            f"{table}.id",
            [[row.pk for row in rows], moments],
        )
