"""What is shown of the stock's rows. A change of this module gives clients new snapshots."""

from typing import Any

from realtime import Row


def warehouse_row(row: Row) -> dict[str, Any]:
    """A warehouse; `dispatch_days` are working days from order to dispatch."""
    return {
        "id": row["id"],
        "code": row["code"],
        "name": row["name"],
        "city": row["city"],
        "dispatch_days": row["dispatch_days"],
    }


def stock_row(row: Row) -> dict[str, Any]:
    """A stock level in kg; `available` is what may still be promised, `low` that it is time to reorder."""
    available = row["on_hand"] - row["reserved"]
    return {
        "id": row["id"],
        "material_id": row["material_id"],
        "warehouse_id": row["warehouse_id"],
        "on_hand": row["on_hand"],
        "reserved": row["reserved"],
        "available": available,
        "reorder_below": row["reorder_below"],
        "low": available < row["reorder_below"],
        "updated_at": row["updated_at"],
    }


def movement_row(row: Row) -> dict[str, Any]:
    """A movement; quantities in kg, `at` is the `updated_at` that its level got by it."""
    return {
        "id": row["id"],
        "level_id": row["level_id"],
        "material_id": row["material_id"],
        "warehouse_id": row["warehouse_id"],
        "kind": row["kind"],
        "quantity_kg": row["quantity_kg"],
        "on_hand_after": row["on_hand_after"],
        "reorder_below_after": row["reorder_below_after"],
        "reason": row["reason"],
        "actor": row["actor"],
        "at": row["at"],
    }
