"""What is shown of quotes' rows. A change of this module gives clients new snapshots."""

from typing import Any

from realtime import Row


def quote_row(row: Row) -> dict[str, Any]:
    """A saved quote; times are RFC 3339 in UTC, `used_at` null until it was ordered from."""
    return {
        "id": row["id"],
        "number": row["number"],
        "material_name": row["material_name"],
        "material_slug": row["material_slug"],
        "quantity": row["quantity"],
        "unit": row["unit"],
        "quantity_kg": row["quantity_kg"],
        "unit_price": row["unit_price"],
        "net": row["net"],
        "tax_percent": row["tax_percent"],
        "tax": row["tax"],
        "total": row["total"],
        "currency": row["currency"],
        "valid_until": row["valid_until"],
        "created_by": row["created_by"],
        "created_at": row["created_at"],
        "used_at": row["used_at"],
    }
