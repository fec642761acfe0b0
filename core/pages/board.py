"""The order board: the orders that are on their way, by how far they have come."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.accounts.policies import is_staff, may_move_orders
from core.orders.models import Status

COLUMNS = (Status.PLACED, Status.PAID, Status.PICKING, Status.SHIPPED, Status.DELIVERED, Status.CANCELLED)


@require_safe
@login_required
def board(request: HttpRequest) -> HttpResponse:
    """Show the orders by status, for staff alone; those who may move orders find the next step at each."""
    if not is_staff(request.user):
        raise PermissionDenied
    return render(request, "pages/board.html", {"columns": COLUMNS, "may_move": may_move_orders(request.user)})
