"""What is shown of the catalogue's rows. A change of this module gives clients new snapshots."""

from typing import Any

from realtime import Row


def material_row(row: Row) -> dict[str, Any]:
    """A material as anyone may see it; price and density are exact numbers, a density may be null."""
    return {
        "id": row["id"],
        "slug": row["slug"],
        "name": row["name"],
        "category": row["category"],
        "form": row["form"],
        "grade": row["grade"],
        "price_per_kg": row["price_per_kg"],
        "currency": row["currency"],
        "density_kg_per_m3": row["density_kg_per_m3"],
        "archived": row["archived"],
        "lead_time_days": row["lead_time_days"],
    }
