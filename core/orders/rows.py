"""What is shown of the orders' rows. A change of this module gives clients new snapshots."""

from typing import Any

from realtime import Row


def order_row(row: Row) -> dict[str, Any]:
    """An order without its lines; times are RFC 3339 in UTC or null."""
    return {
        "id": row["id"],
        "number": row["number"],
        "status": row["status"],
        "customer_id": row["customer_id"],
        "customer_name": row["customer_name"],
        "total": row["total"],
        "currency": row["currency"],
        "placed_at": row["placed_at"],
        "updated_at": row["updated_at"],
        "promised_at": row["promised_at"],
        "archived": row["archived"],
        "status_since": row["status_since"],
        "net": row["net"],
        "tax_percent": row["tax_percent"],
        "tax": row["tax"],
        "tax_note": row["tax_note"],
    }


def line_row(row: Row) -> dict[str, Any]:
    """A line of an order, in kg and as it was written (`quantity` of `unit`; null: in kg).

    Where it is picked is the seller's business.
    """
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "position": row["position"],
        "material_name": row["material_name"],
        "material_slug": row["material_slug"],
        "quantity_kg": row["quantity_kg"],
        "unit_price": row["unit_price"],
        "total": row["total"],
        "quantity": row["quantity"],
        "unit": row["unit"],
        "shipped_kg": row["shipped_kg"],
        "returned_kg": row["returned_kg"],
    }


def event_row(row: Row) -> dict[str, Any]:
    """Something that happened to an order: `kind` is the status that was reached, or another word for it."""
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "kind": row["kind"],
        "message": row["message"],
        "actor": row["actor"],
        "at": row["at"],
    }


def shipment_row(row: Row) -> dict[str, Any]:
    """Goods that left together, the order's shipment number `number`."""
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "number": row["number"],
        "carrier": row["carrier"],
        "tracking": row["tracking"],
        "at": row["at"],
    }


def shipment_line_row(row: Row) -> dict[str, Any]:
    """What of a line went with a shipment, in kg."""
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "shipment_id": row["shipment_id"],
        "line_id": row["line_id"],
        "quantity_kg": row["quantity_kg"],
    }


def goods_return_row(row: Row) -> dict[str, Any]:
    """What of a line came back, in kg, and why."""
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "line_id": row["line_id"],
        "quantity_kg": row["quantity_kg"],
        "reason": row["reason"],
        "at": row["at"],
    }
