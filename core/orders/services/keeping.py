"""Keeping orders: whose they are, and how long they stay in the live lists."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from core.accounts.models import Customer
from core.orders.models import Order, OrderEvent, Status

FINISHED = (Status.DELIVERED, Status.CANCELLED)


@transaction.atomic
def reassign(order: Order, customer: Customer, *, actor: str) -> Order:
    """Make the order another customer's: from the commit on, only its people may see it."""
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    order.customer, order.customer_name = customer, customer.name
    order.save(update_fields=["customer", "customer_name", "updated_at"])
    OrderEvent.objects.create(
        order=order, kind="reassigned", message=f"to {customer.name}", actor=actor, at=timezone.now()
    )
    return order


def archive_finished(*, before: datetime) -> int:
    """Take orders that ended before a time out of the live lists; return how many."""
    finished = Order.objects.filter(archived=False, status__in=FINISHED, updated_at__lt=before)
    return finished.update(archived=True)
