"""What the demo's people have been told before anyone looks: the last steps of their orders, low stock, and messages.

Pure: the same past and the same moment give the same news, oldest first. What is older than a day was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from urllib.parse import quote

from core.demo.assortment import ASSORTMENT
from core.demo.history import PastOrder, Plan
from core.demo.people import BUYERS, PLACES

STEPS = {
    "placed": "was placed",
    "paid": "was paid",
    "picking": "is being picked",
    "shipped": "was shipped",
    "delivered": "was delivered",
    "cancelled": "was cancelled",
}
LEVELS = {"delivered": "success", "cancelled": "warning"}

STEPS_TOLD = 6
"""So many of the last steps of each customer's orders."""
LOW_TOLD = 6
UNREAD_AT_LEAST, UNREAD_AT_MOST = timedelta(hours=8), timedelta(days=1)
READ_SHARE = 0.4
"""Of what came in between, so much has been read."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that an audience was told: a buyer (index in `BUYERS`), a role, a username, or (all empty) everyone."""

    at: datetime
    title: str
    body: str = ""
    level: str = "info"
    link: str = ""
    buyer: int | None = None
    role: str = ""
    username: str = ""


def news(planned: Plan, numbers: Sequence[str], now: datetime) -> list[News]:
    """Return what people have been told; `numbers` are those of the planned orders, in their order."""
    told = [*_messages(now), *_steps(planned.orders, numbers), *_low_stock(planned)]
    return sorted(told, key=lambda each: each.at)


def was_read(random: Random, told: News, now: datetime) -> bool:
    """Tell whether somebody has read it by now."""
    age = now - told.at
    return age > UNREAD_AT_MOST or (age > UNREAD_AT_LEAST and random.random() < READ_SHARE)


def _messages(now: datetime) -> Iterator[News]:
    def ago(**how_long: float) -> datetime:
        return now - timedelta(**how_long)

    yield News(ago(days=6), "Prices and stock are live", "What you see changes by itself.", link="/materials/")
    yield News(ago(hours=5), "Closed on 24 and 31 December", "The last lorries leave on the day before at 14:00.")
    yield News(
        ago(days=2, hours=3), "Stocktaking on Friday at 16:00", "Please bring the scanners back by noon.",
        role="warehouse", link="/stock/",
    )  # fmt: skip
    yield News(
        ago(hours=9), f"New customer: {BUYERS[-1].name}", "Wants brass and copper, weekly.", "success", role="sales"
    )
    yield News(ago(days=1, hours=4), "The forklift in hall 2 is back", level="success", role="staff")
    yield News(ago(hours=2), "Your holidays are approved", "6 to 17 July, by Ada Minden.", "success", username="staff")


def _steps(orders: Sequence[PastOrder], numbers: Sequence[str]) -> Iterator[News]:
    for buyer in range(len(BUYERS)):
        steps = [
            News(
                event.at,
                f"{number} {STEPS[event.kind]}",
                f"{event.message[:1].upper()}{event.message[1:]}." if event.message else "",
                LEVELS.get(event.kind, "info"),
                f"/orders/{number}/",
                buyer=buyer,
            )
            for order, number in zip(orders, numbers, strict=True)
            if order.buyer == buyer and not order.archived
            for event in order.events
        ]
        yield from sorted(steps, key=lambda each: each.at)[-STEPS_TOLD:]


def _low_stock(planned: Plan) -> Iterator[News]:
    names = {article.slug: article.name for article in ASSORTMENT}
    places = {place.code: place.name for place in PLACES}
    low = [(shelf, stock) for shelf, stock in planned.stock.items() if stock.available < stock.reorder_below]
    for (slug, code), stock in sorted(low, key=lambda pair: pair[1].touched_at)[-LOW_TOLD:]:
        yield News(
            stock.touched_at,
            f"Low stock: {names[slug]}",
            f"{places[code]}: {stock.available.normalize():,f} kg available, "
            f"below the threshold of {stock.reorder_below.normalize():,f} kg.",
            "warning",
            f"/stock/?text={quote(names[slug])}",
            role="warehouse",
        )
