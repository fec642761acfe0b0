"""The demo seller's past: what lies in stock, and the orders of the last months with all that happened to them.

Pure: the same seed and the same moment give the same plan. Nothing here touches the database.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from core.demo.assortment import ASSORTMENT, Article
from core.demo.people import BUYERS, PLACES
from core.quantities import GRAM, PRICE_STEP, money

ORDERS = 300
DRAFTS = 5
PAST_DAYS = 150
ARCHIVE_AFTER = timedelta(days=30)
OPEN_HOURS = range(7, 18)
RECENT_ORDERS = 60
"""Among so many of the newest orders, about two weeks' worth, there is one of each buyer."""

NEVER = datetime.max.replace(tzinfo=UTC)

CANCELLED_SHARE = 0.07
REASONS = ("ordered twice", "project postponed", "bought elsewhere", "wrong grade ordered", "credit limit reached")
CARRIERS = ("DB Cargo", "Hellmann", "Dachser", "Rhenus", "own lorry")

Shelf = tuple[str, str]
"""An article's slug and a warehouse's code."""


@dataclass(slots=True)
class Stock:
    """Kilograms on one shelf."""

    on_hand: Decimal
    reorder_below: Decimal
    touched_at: datetime
    reserved: Decimal = Decimal(0)

    @property
    def available(self) -> Decimal:
        """What may still be promised."""
        return self.on_hand - self.reserved


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a past order."""

    article: Article
    warehouse: str
    quantity_kg: Decimal
    unit_price: Decimal

    @property
    def total(self) -> Decimal:
        """Quantity by price, to the cent."""
        return money(self.quantity_kg * self.unit_price)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a past order."""

    kind: str
    message: str
    actor: str
    at: datetime


@dataclass(slots=True)
class PastOrder:
    """An order as it stands now; a draft has no events and was not placed."""

    buyer: int
    lines: list[Line]
    events: list[Event]
    promised_at: datetime | None
    updated_at: datetime
    archived: bool

    @property
    def status(self) -> str:
        """What was reached last."""
        return self.events[-1].kind if self.events else "draft"

    @property
    def placed_at(self) -> datetime | None:
        """When it was placed."""
        return self.events[0].at if self.events else None


@dataclass(slots=True)
class Plan:
    """All that is to be loaded."""

    stock: dict[Shelf, Stock]
    orders: list[PastOrder] = field(default_factory=list)


def plan(seed: int, now: datetime) -> Plan:
    """Return the past of a seller as of `now`; what open orders have reserved is reserved in its stock."""
    random = Random(seed)  # noqa: S311 - a plausible past, not a secret
    planned = Plan(_stock(random, now))
    moments = (now - timedelta(days=random.random() ** 1.6 * PAST_DAYS) for _ in range(ORDERS - DRAFTS))
    placed = sorted(_working(random, moment, no_later=now) for moment in moments)
    recent = random.sample(range(len(placed) - RECENT_ORDERS, len(placed)), len(BUYERS))
    buyers = {index: buyer for buyer, index in enumerate(recent)}
    for index, placed_at in enumerate(placed):
        planned.orders.append(_order(random, planned.stock, placed_at, now, buyers.get(index)))
    for _ in range(DRAFTS):
        planned.orders.append(_draft(random, planned.stock, now))
    return planned


def _stock(random: Random, now: datetime) -> dict[Shelf, Stock]:
    found = {}
    for article in ASSORTMENT:
        keeping = [place for place in PLACES if not place.categories or article.category in place.categories]
        for place in random.sample(keeping, random.randint(min(2, len(keeping)), len(keeping))):
            reorder_below = Decimal(article.lot_kg) * 2
            lots = random.uniform(0.6, 1.9) if random.random() < 0.08 else random.uniform(2.2, 9)
            on_hand = max(_weight(lots * article.lot_kg), Decimal(1))
            touched_at = now - timedelta(minutes=random.randint(3, 6 * 24 * 60))
            found[article.slug, place.code] = Stock(on_hand, reorder_below, touched_at)
    return found


def _order(
    random: Random, stock: dict[Shelf, Stock], placed_at: datetime, now: datetime, buyer: int | None
) -> PastOrder:
    """Plan an order of this buyer (None: of one by appetite), up to the present."""
    if buyer is None:
        buyer = random.choices(range(len(BUYERS)), [each.appetite for each in BUYERS])[0]
    lines = _lines(random, stock, buyer, now - placed_at)
    events = [event for event in _story(random, buyer, lines, placed_at) if event.at <= now]
    updated_at = events[-1].at
    ended = events[-1].kind in ("delivered", "cancelled")
    if not ended and events[-1].kind != "shipped":
        for line in lines:
            stock[line.article.slug, line.warehouse].reserved += line.quantity_kg
    promised_at = (placed_at + timedelta(days=random.randint(5, 12))).replace(hour=16, minute=0)
    return PastOrder(buyer, lines, events, promised_at, updated_at, ended and now - updated_at > ARCHIVE_AFTER)


def _draft(random: Random, stock: dict[Shelf, Stock], now: datetime) -> PastOrder:
    buyer = random.randrange(len(BUYERS))
    lines = _lines(random, stock, buyer, timedelta())
    return PastOrder(buyer, lines, [], None, now - timedelta(hours=random.randint(1, 90)), archived=False)


def _lines(random: Random, stock: dict[Shelf, Stock], buyer: int, age: timedelta) -> list[Line]:
    liked = [article for article in ASSORTMENT if article.category in BUYERS[buyer].categories]
    lines: list[Line] = []
    for article in random.sample(liked, k=min(len(liked), random.choice((1, 1, 2, 2, 3, 4, 5)))):
        places = [(shelf.available, code) for (slug, code), shelf in stock.items() if slug == article.slug]
        available, warehouse = max(places)
        # At most half of what is there: nothing is ever sold out in the past, so every line has its stock.
        wanted = _weight(article.lot_kg * random.choice((0.25, 0.5, 0.5, 1, 1, 1.5, 2)))
        quantity = min(wanted, (available / 2).quantize(GRAM))
        drift = 1 - 0.0004 * age.days + random.uniform(-0.02, 0.02)
        price = max((article.price_per_kg * Decimal(drift)).quantize(PRICE_STEP), PRICE_STEP)
        lines.append(Line(article, warehouse, quantity, price))
    return lines


def _story(random: Random, buyer: int, lines: list[Line], placed_at: datetime) -> Iterator[Event]:
    """Yield all that happens to an order, in order; the caller stops at the present."""
    total = sum((line.total for line in lines), Decimal(0))
    person = f"customer{buyer + 1}"
    yield Event("placed", f"{len(lines)} {'line' if len(lines) == 1 else 'lines'}, EUR {total:,}", person, placed_at)
    at = placed_at + timedelta(minutes=random.randint(20, 60 * 40))
    if random.random() < CANCELLED_SHARE:
        yield Event("cancelled", random.choice(REASONS), random.choice((person, "staff")), at)
        return
    yield Event("paid", f"EUR {total:,} received", "accounts", at)
    at = _working(random, at + timedelta(hours=random.randint(2, 40)))
    warehouses = ", ".join(sorted({line.warehouse for line in lines}))
    yield Event("picking", f"in {warehouses}", f"warehouse {warehouses}", at)
    # Lorries are loaded in opening hours: what was begun on Friday is often still being picked on Monday.
    at = _working(random, at + timedelta(minutes=random.randint(120, 60 * 30)))
    weight = sum((line.quantity_kg for line in lines), Decimal(0))
    yield Event("shipped", f"{weight.normalize():,f} kg left the warehouse", f"warehouse {warehouses}", at)
    at = _working(random, at + timedelta(hours=random.randint(14, 96)))
    yield Event("delivered", f"by {random.choice(CARRIERS)}", "carrier", at)


def _working(random: Random, at: datetime, *, no_later: datetime = NEVER) -> datetime:
    """Return a moment in opening hours, on that day or the next working day; the given one when that is too late."""
    open_at = at
    while open_at.weekday() >= 5 or open_at.hour >= OPEN_HOURS.stop:
        open_at = (open_at + timedelta(days=1)).replace(hour=0)
    if open_at.hour not in OPEN_HOURS:
        open_at = open_at.replace(hour=random.choice(OPEN_HOURS), minute=random.randrange(60))
    return open_at if open_at <= no_later else at


def _weight(kg: float) -> Decimal:
    """Return a weight as a scale of that size shows it."""
    step = Decimal(5) if kg >= 500 else Decimal(1) if kg >= 20 else Decimal("0.5")
    return (Decimal(kg) / step).quantize(Decimal(1)) * step.quantize(GRAM)
