"""What is live of the orders: the stream `orders`, and its topics."""

from typing import Any

from core.accounts.policies import is_customer, is_staff, is_staff_or_customer
from core.orders.models import GoodsReturn, Order, OrderEvent, OrderLine, Shipment, ShipmentLine
from core.orders.rows import event_row, goods_return_row, line_row, order_row, shipment_line_row, shipment_row
from realtime import Rows, Stream, Watch

# Each list is the one of the table's WatchTable in a migration; a system check compares them.
ORDER = [
    "id", "number", "status", "customer", "customer_name", "total", "currency", "placed_at", "updated_at",
    "promised_at", "archived", "status_since", "net", "tax_percent", "tax", "tax_note",
]  # fmt: skip
ORDER_LINE = [
    "id", "order", "position", "material_name", "material_slug", "quantity_kg", "unit_price", "total", "quantity",
    "unit", "shipped_kg", "returned_kg",
]  # fmt: skip
ORDER_EVENT = ["id", "order", "kind", "message", "actor", "at"]
SHIPMENT = ["id", "order", "number", "carrier", "tracking", "at"]
SHIPMENT_LINE = ["id", "order", "shipment", "line", "quantity_kg"]
GOODS_RETURN = ["id", "order", "line", "quantity_kg", "reason", "at"]

orders = Stream(
    "orders",
    watch=[
        Watch(Order, columns=ORDER),
        Watch(OrderLine, columns=ORDER_LINE),
        Watch(OrderEvent, columns=ORDER_EVENT),
        Watch(Shipment, columns=SHIPMENT),
        Watch(ShipmentLine, columns=SHIPMENT_LINE),
        Watch(GoodsReturn, columns=GOODS_RETURN),
    ],
)


@orders.topic("orders", policy=is_staff)
def live_orders(user: Any) -> list[Rows]:
    """All orders that have not been archived, for the people who work here."""
    return [Rows(Order, where={"archived": False}, project=order_row)]


@orders.topic("orders/mine", policy=is_customer)
def my_orders(user: Any) -> list[Rows]:
    """The orders, not archived, of the customer that the user buys for."""
    return [Rows(Order, where={"customer": user.customer_id, "archived": False}, project=order_row)]


@orders.topic("orders/<code:number>", policy=is_staff_or_customer)
def one_order(user: Any, number: str) -> list[Rows]:
    """One order with all that belongs to it: for staff, and for the customer as long as it is theirs."""
    theirs = {} if is_staff(user) else {"customer": user.customer_id}
    order = Order.objects.only("pk").get(number=number, **theirs)
    return [
        Rows(Order, where={"id": order.pk, **theirs}, project=order_row, anchor=True),
        Rows(OrderLine, where={"order": order.pk}, project=line_row),
        Rows(OrderEvent, where={"order": order.pk}, project=event_row),
        Rows(Shipment, where={"order": order.pk}, project=shipment_row),
        Rows(ShipmentLine, where={"order": order.pk}, project=shipment_line_row),
        Rows(GoodsReturn, where={"order": order.pk}, project=goods_return_row),
    ]
