"""The pages: each is a frame whose rows come over the WebSocket, where the topic decides what may be seen."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from core.accounts.policies import may_change_stock, may_move_orders
from core.orders.models import Status


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Lead people to where their work is: staff to the stock, customers to their orders, others to the prices."""
    if not request.user.is_authenticated:
        return redirect("materials")
    return redirect("stock" if request.user.is_staff else "orders")


@require_safe
@login_required
def stock(request: HttpRequest) -> HttpResponse:
    """Show the live stock of all warehouses; for staff alone."""
    if not request.user.is_staff:
        raise PermissionDenied
    return render(request, "pages/stock.html", {"may_change": may_change_stock(request.user)})


@require_safe
def materials(request: HttpRequest) -> HttpResponse:
    """Show what is sold, with live prices, to anyone."""
    return render(request, "pages/materials.html")


@require_safe
@login_required
def orders(request: HttpRequest) -> HttpResponse:
    """Show the orders that the user may see: staff all of them, others those of their customer."""
    topic = "orders" if request.user.is_staff else "orders/mine"
    return render(request, "pages/orders.html", {"topic": topic, "statuses": Status.values})


@require_safe
@login_required
def order(request: HttpRequest, number: str) -> HttpResponse:
    """Show one order. Whether it exists for this user is the topic's answer, so that all others look alike."""
    return render(request, "pages/order.html", {"number": number, "may_move": may_move_orders(request.user)})
