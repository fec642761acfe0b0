"""What changes orders: new ones, their progress, and that old ones make room."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random

from django.db import connection, transaction
from django.utils import timezone

from core.accounts.models import Customer, User
from core.catalogue.models import Material
from core.demo.people import BUYERS
from core.demo.trading.housekeeping import keep_notifications_few
from core.demo.trading.purchasing import ARTICLES
from core.errors import NotEnoughStock
from core.orders.models import Order, Status
from core.orders.services.keeping import FINISHED, archive_finished
from core.orders.services.placing import place_order
from core.orders.services.progress import cancel, deliver, pay, ship, start_picking
from core.stock.models import Warehouse
from core.stock.services import Wanted, receive

OPEN_ORDERS = 120
"""While so many orders are open, none is placed."""
FINISHED_ORDERS = 80
"""So many finished orders stay in the live lists."""
ARCHIVED_ORDERS = 5_000
"""So many archived orders are kept."""
CANCELLED_SHARE = 0.03

LIKED = {buyer.name: frozenset(buyer.categories) for buyer in BUYERS}

NEXT: dict[str, tuple[Callable[..., Order], str]] = {
    Status.PLACED: (pay, "accounts"),
    Status.PAID: (start_picking, "warehouse"),
    Status.PICKING: (ship, "warehouse"),
    Status.SHIPPED: (deliver, "carrier"),
}
"""By status: the step that follows, and who takes it."""


def sell(random: Random) -> bool:
    """Place an order for one of the customers; order more from the mill when there is not enough."""
    if Order.objects.filter(archived=False, status__in=NEXT).count() >= OPEN_ORDERS:
        return False
    customer = Customer.objects.order_by("?").first()
    if customer is None or not (wanted := _shopping_list(random, customer)):
        return False
    buyer = User.objects.filter(customer=customer, is_active=True).order_by("?").first()
    promised_at = timezone.now() + timedelta(days=random.randint(3, 10))
    try:
        place_order(customer, wanted, actor=buyer.username if buyer else "staff", promised_at=promised_at)
    except NotEnoughStock:
        return _replenish(random, wanted)
    return True


def move_on(random: Random) -> bool:
    """Take the next step with one of the orders that have waited longest; give a few up."""
    waiting = Order.objects.filter(archived=False, status__in=NEXT).order_by("updated_at")[:25]
    if not (orders := list(waiting)):
        return False
    order = random.choice(orders)
    if order.status != Status.SHIPPED and random.random() < CANCELLED_SHARE:
        cancel(order, actor="staff", reason=random.choice(("project postponed", "ordered twice", "bought elsewhere")))
        return True
    step, actor = NEXT[order.status]
    try:
        step(order, actor=actor)
    except NotEnoughStock:
        cancel(order, actor="staff", reason="lost in the warehouse")
    return True


def postpone(random: Random) -> bool:
    """Promise a few open orders for later, in one bulk update."""
    late = Order.objects.filter(archived=False, status__in=(Status.PAID, Status.PICKING)).order_by("?")
    chosen = list(late.values_list("pk", flat=True)[: random.randint(1, 4)])
    now = timezone.now()
    return (
        Order.objects.filter(pk__in=chosen).update(
            promised_at=now + timedelta(days=random.randint(2, 8)), updated_at=now
        )
        > 0
    )


def archive_old(_: Random) -> bool:
    """Take finished orders and old notifications out of what is live; delete archived ones past their bounds."""
    finished = Order.objects.filter(archived=False, status__in=FINISHED).order_by("-updated_at")
    oldest_kept = finished.values_list("updated_at", flat=True)[FINISHED_ORDERS : FINISHED_ORDERS + 1].first()
    archived = archive_finished(before=oldest_kept) if oldest_kept else 0
    return _prune() + archived + keep_notifications_few() > 0


@transaction.atomic
def _prune() -> int:
    """Delete the oldest archived orders past the bound, in plain SQL as a nightly job would; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(id) FROM"
            " (SELECT id FROM orders_order WHERE archived ORDER BY id DESC OFFSET %s LIMIT 200) AS oldest",
            [ARCHIVED_ORDERS],
        )
        (ids,) = cursor.fetchone()
        if not ids:
            return 0
        cursor.execute("DELETE FROM orders_orderevent WHERE order_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM orders_orderline WHERE order_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM orders_order WHERE id = ANY(%s)", [ids])
        return len(ids)


def _shopping_list(random: Random, customer: Customer) -> list[Wanted]:
    materials = Material.objects.filter(archived=False, stock_levels__isnull=False).distinct()
    if customer.name in LIKED:
        materials = materials.filter(category__in=LIKED[customer.name])
    found = list(materials)
    chosen = random.sample(found, k=min(len(found), random.choice((1, 1, 2, 2, 3, 4))))
    return [_wanted(random, material) for material in chosen]


def _wanted(random: Random, material: Material) -> Wanted:
    """Want about a lot, most often out of the warehouse that is nearest to the customer, whatever it has."""
    quantity = _lot(material) * Decimal(random.choice((0.25, 0.5, 0.5, 1, 1, 1.5)))
    warehouses = list(Warehouse.objects.filter(stock_levels__material=material))
    return Wanted(material, quantity, random.choice(warehouses) if random.random() < 0.9 else None)


def _replenish(random: Random, wanted: list[Wanted]) -> bool:
    """Receive what an order could not be placed for."""
    for each in wanted:
        warehouses = Warehouse.objects.filter(stock_levels__material=each.material)
        place = each.warehouse or random.choice(list(warehouses))
        receive(each.material, place, _lot(each.material) * 2, actor="purchasing", reason="ordered for a customer")
    return True


def _lot(material: Material) -> Decimal:
    article = ARTICLES.get(material.slug)
    return Decimal(article.lot_kg if article else 100)
