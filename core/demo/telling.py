"""Load what the demo's people have been told, and who of them has read it."""

from datetime import datetime, timedelta
from random import Random

from core.accounts.models import Customer, User
from core.demo.history import Plan
from core.demo.news import News, news, was_read
from core.notifications.audience import Audience, audiences_of
from core.notifications.models import AudienceKind, Notification, NotificationRead
from core.orders.models import Order


def load_news(random: Random, planned: Plan, orders: list[Order], customers: list[Customer], now: datetime) -> None:
    """Load it in the place of what loading the orders has told: that would all be of this moment."""
    Notification.objects.all().delete()
    told = news(planned, [order.number for order in orders], now)
    rows = Notification.objects.bulk_create(_notification(each, customers) for each in told)
    reads = [
        NotificationRead(notification=row, user=user, read_at=min(row.created_at + _pause(random), now))
        for user in User.objects.order_by("pk").prefetch_related("groups")
        for row, each in zip(rows, told, strict=True)
        if _audience(row) in audiences_of(user) and was_read(random, each, now)
    ]
    NotificationRead.objects.bulk_create(reads)


def _notification(told: News, customers: list[Customer]) -> Notification:
    to = _to(told, customers)
    return Notification(
        audience=to.kind,
        user_id=to.user_id,
        customer_id=to.customer_id,
        role=to.role,
        title=told.title,
        body=told.body,
        level=told.level,
        link=told.link,
        created_at=told.at,
    )


def _to(told: News, customers: list[Customer]) -> Audience:
    if told.buyer is not None:
        return Audience.of_customer(customers[told.buyer])
    if told.username:
        return Audience.of_user(User.objects.get(username=told.username))
    return Audience.of_role(told.role) if told.role else Audience.everyone()


def _audience(row: Notification) -> Audience:
    return Audience(AudienceKind(row.audience), row.user_id, row.customer_id, row.role)


def _pause(random: Random) -> timedelta:
    return timedelta(minutes=random.uniform(1, 240))
