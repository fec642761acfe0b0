"""The journal of stock movements: what services did to levels, why and who, and the window of it that is live.

The topic `stock/movements` shows the movements that are `recent`. Nothing runs by the clock to keep them few:
whoever writes a movement takes the oldest beyond the newest `WINDOW` out of the window, in the same transaction.
That costs a walk over the window's partial index and one statement on rows that nobody else touches. Writers at
the same time don't wait for each other: each passes over what another has locked (SKIP LOCKED) and does not see
what another has not committed, so that the window may be larger by what was under way, and the next movement
makes up for it (`MAKE_UP` at a time). The window is therefore bounded by WINDOW and the number of writers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from core.stock.models import Movement, StockLevel, StockMovement

WINDOW = 200
MAKE_UP = 50

# The bound comes from a query without locks: FOR UPDATE would lock the rows that OFFSET passes over, too.
# ARRAY makes the inner query run once, whatever plan the UPDATE gets.
CLOSE_WINDOW = """
UPDATE stock_stockmovement SET recent = false WHERE id = ANY(ARRAY(
    SELECT id FROM stock_stockmovement
    WHERE recent AND id <= (SELECT id FROM stock_stockmovement WHERE recent ORDER BY id DESC OFFSET %s LIMIT 1)
    ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
))
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a level changes, and who changes it (a user name, or what a program calls itself)."""

    kind: Movement
    reason: str
    actor: str


def record(cause: Cause, moved: Iterable[tuple[StockLevel, Decimal]]) -> None:
    """Note what was done to levels, each with the kg by which it changed what is on hand.

    Call it in the transaction that changed them, with the levels as that wrote them.
    """
    movements = [
        StockMovement(
            level=level,
            material_id=level.material_id,
            warehouse_id=level.warehouse_id,
            kind=cause.kind,
            quantity_kg=quantity,
            on_hand_after=level.on_hand,
            reorder_below_after=level.reorder_below,
            reason=cause.reason,
            actor=cause.actor,
            at=level.updated_at,
        )
        for level, quantity in moved
    ]
    if not movements:
        return
    StockMovement.objects.bulk_create(movements)
    with connection.cursor() as cursor:
        cursor.execute(CLOSE_WINDOW, [WINDOW, MAKE_UP])
