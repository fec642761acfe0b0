"""Writes of every kind, each a part of a transaction: ORM, bulk and raw SQL, upserts, MERGE, COPY, cascades.

Rows that are to be written are locked first where a statement could otherwise insert what another has deleted: keys
are never used again. Imported once Django is set up.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import F

from tests.faults.app.models import Doc, Event, Item, Line
from tests.faults.hand import FIRST_VERSION, PASS_DOC, PASS_LINES, Hand, canary

ITEMS, DOCS, EVENTS = 200, 20, 200
"""About so many there are."""

STANDING_SECONDS = 0.005
"""So long some wait at most before they queue up."""

Deed = Callable[[Hand], None]


def rows_of(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a raw statement; return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def locked(model: type[Item | Doc | Line], count: int) -> list[Any]:
    """Lock some rows that nobody else holds, and return them."""
    return list(model._default_manager.select_for_update(skip_locked=True).order_by("?")[:count])


def new_item(hand: Hand) -> Item:
    """Return an item that is to be inserted."""
    key, owner = hand.keys.new(), hand.customer()
    hand.inserted("item", key)
    return Item(
        id=key, version=FIRST_VERSION, token=hand.token, owner_id=owner, amount=hand.amount(), canary=canary(owner, key)
    )


# Items


def save(hand: Hand) -> None:
    """ORM: read, change, `save()`."""
    for item in locked(Item, 1):
        item.version, item.token, item.amount = item.version + 1, hand.token, hand.amount()
        item.save()
        hand.updated("item", item.id, item.version)


def create(hand: Hand) -> None:
    """ORM: a new row."""
    new_item(hand).save(force_insert=True)


def bulk_create(hand: Hand) -> None:
    """ORM: several new rows in one statement."""
    Item._default_manager.bulk_create([new_item(hand) for _ in range(hand.random.randint(2, 6))])


def update(hand: Hand) -> None:
    """ORM: `QuerySet.update()`."""
    chosen = locked(Item, hand.random.randint(1, 5))
    some = Item._default_manager.filter(pk__in=[item.id for item in chosen])
    some.update(version=F("version") + 1, token=hand.token, amount=hand.amount())
    for item in chosen:
        hand.updated("item", item.id, item.version + 1)


UPSERT = """
INSERT INTO proof_item (id, version, token, owner_id, amount, canary) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET version = proof_item.version + 1, token = EXCLUDED.token, amount = EXCLUDED.amount
"""

MERGE = """
MERGE INTO proof_item t USING (
    VALUES (%s::bigint, %s::int, %s, %s::bigint, %s::numeric, %s)
) AS s (id, version, token, owner_id, amount, canary) ON t.id = s.id
WHEN MATCHED THEN UPDATE SET version = t.version + 1, token = s.token, amount = s.amount
WHEN NOT MATCHED THEN INSERT (id, version, token, owner_id, amount, canary)
    VALUES (s.id, s.version, s.token, s.owner_id, s.amount, s.canary)
"""


def upsert(hand: Hand) -> None:
    """INSERT … ON CONFLICT DO UPDATE, of rows that are there and of one that is not."""
    _insert_or_update(hand, UPSERT)


def merge(hand: Hand) -> None:
    """MERGE, of rows that are there and of one that is not."""
    _insert_or_update(hand, MERGE)


def _insert_or_update(hand: Hand, statement: str) -> None:
    there = locked(Item, 2)
    for item in [*there, new_item(hand)]:
        rows_of(statement, item.id, FIRST_VERSION, hand.token, item.owner_id, hand.amount(), item.canary)
    for item in there:
        hand.updated("item", item.id, item.version + 1)


RAW = """
UPDATE proof_item SET version = version + 1, token = %s, amount = amount + 1
WHERE id IN (SELECT id FROM proof_item ORDER BY random() LIMIT %s) RETURNING id, version
"""

HOT = """
UPDATE proof_item SET version = version + 1, token = %s, amount = amount + 1
WHERE id = (SELECT min(id) FROM proof_item) RETURNING id, version
"""


def raw(hand: Hand) -> None:
    """Raw SQL."""
    for key, version in rows_of(RAW, hand.token, hand.random.randint(1, 4)):
        hand.updated("item", key, version)


def hot(hand: Hand) -> None:
    """The one row that everybody wants."""
    for key, version in rows_of(HOT, hand.token):
        hand.updated("item", key, version)


def queue_up(hand: Hand) -> None:
    """Write something, then want what everybody wants: those who wait have older ids than the one they wait for."""
    create(hand)
    time.sleep(hand.random.uniform(0, STANDING_SECONDS))
    hot(hand)


COPY = "COPY proof_item (id, version, token, owner_id, amount, canary) FROM STDIN"


def copy(hand: Hand) -> None:
    """COPY of new rows."""
    with connection.cursor() as cursor, cursor.copy(COPY) as sink:
        for _ in range(hand.random.randint(2, 8)):
            item = new_item(hand)
            sink.write_row((item.id, item.version, item.token, item.owner_id, item.amount, item.canary))


MOVE = """
UPDATE proof_item SET version = version + 1, token = %s, owner_id = %s, canary = 'canary-of-' || %s || '-' || id
WHERE id = ANY(%s) RETURNING id, version
"""


def move(hand: Hand) -> None:
    """Items pass to another customer."""
    owner = hand.customer()
    for key, version in rows_of(MOVE, hand.token, owner, str(owner), [item.id for item in locked(Item, 2)]):
        hand.updated("item", key, version)


def delete(hand: Hand) -> None:
    """Rows go, by raw SQL or by the ORM, as long as there are more than enough."""
    excess = Item._default_manager.count() - ITEMS
    if excess <= 0:
        return create(hand)
    gone = locked(Item, min(excess, hand.random.randint(1, 8)))
    keys = [item.id for item in gone]
    if hand.random.random() < 0.5:
        rows_of("DELETE FROM proof_item WHERE id = ANY(%s)", keys)
    else:
        Item._default_manager.filter(pk__in=keys).delete()
    for item in gone:
        hand.deleted("item", item.id, item.version)
    return None


# Events


def happen(hand: Hand) -> None:
    """Events are appended."""
    for _ in range(hand.random.randint(1, 3)):
        key, owner = hand.keys.new(), hand.customer()
        hand.inserted("event", key)
        Event(id=key, version=FIRST_VERSION, token=hand.token, owner_id=owner, text=canary(owner, key)).save(
            force_insert=True
        )


def tidy(hand: Hand) -> None:
    """Old events are put away, so that the views stay of a size."""
    excess = Event._default_manager.count() - EVENTS
    if excess <= 0:
        return happen(hand)
    gone = list(Event._default_manager.select_for_update(skip_locked=True).order_by("turn")[: min(excess, 20)])
    rows_of("DELETE FROM proof_event WHERE id = ANY(%s)", [event.id for event in gone])
    for event in gone:
        hand.deleted("event", event.id, event.version)
    return None


# Documents and their lines


def new_line(hand: Hand, doc: Doc) -> Line:
    """Return a line that is to be inserted; its document is locked, so that it can't pass to somebody else."""
    key = hand.keys.new()
    hand.inserted("line", key)
    return Line(
        id=key, version=FIRST_VERSION, token=hand.token, owner_id=doc.owner_id, doc_id=doc.id, amount=hand.amount(),
        canary=canary(doc.owner_id, key),
    )  # fmt: skip


def lines_of(doc: Doc) -> Sequence[Line]:
    """Lock the lines of a document, and return them."""
    return list(Line._default_manager.select_for_update().filter(doc=doc).order_by("id"))


def edit(hand: Hand) -> None:
    """A document and one of its lines are saved, and it gets another line."""
    for doc in locked(Doc, 1):
        doc.version, doc.token = doc.version + 1, hand.token
        doc.save()
        hand.updated("doc", doc.id, doc.version)
        lines = lines_of(doc)
        for line in lines[:1]:
            line.version, line.token, line.amount = line.version + 1, hand.token, hand.amount()
            line.save()
            hand.updated("line", line.id, line.version)
        if len(lines) < 4:
            new_line(hand, doc).save(force_insert=True)


def correct(hand: Hand) -> None:
    """A line is written that the table's own trigger writes once more."""
    for line in locked(Line, 1):
        line.version, line.token, line.amount = line.version + 1, hand.token, -hand.amount()
        line.save()
        hand.corrected(line.id, line.version + 1)


DROP_LINES = "DELETE FROM proof_line WHERE id = ANY(%s)"


def shorten(hand: Hand) -> None:
    """Lines of a long document go."""
    for doc in locked(Doc, 1):
        gone = lines_of(doc)[3:]
        rows_of(DROP_LINES, [line.id for line in gone])
        for line in gone:
            hand.deleted("line", line.id, line.version)


def reassign(hand: Hand) -> None:
    """A document passes to another customer, with its lines, in one transaction and in either order."""
    for doc in locked(Doc, 1):
        owner = hand.customer()
        lines_of(doc)

        def pass_doc(doc: Doc = doc, owner: int = owner) -> None:
            for (version,) in rows_of(PASS_DOC, hand.token, owner, doc.id):
                hand.updated("doc", doc.id, version)

        def pass_lines(doc: Doc = doc, owner: int = owner) -> None:
            for key, version in rows_of(PASS_LINES, hand.token, owner, str(owner), doc.id):
                hand.updated("line", key, version)

        steps = [pass_doc, pass_lines]
        hand.random.shuffle(steps)
        for step in steps:
            step()


def cascade(hand: Hand) -> None:
    """A document is deleted, and PostgreSQL deletes its lines; another one comes."""
    if Doc._default_manager.count() >= DOCS:
        # Mostly the latest one: somebody may look at those that were there first, and shall not always lose them.
        order = "-id" if hand.random.random() < 0.9 else "?"
        for doc in Doc._default_manager.select_for_update(skip_locked=True).order_by(order)[:1]:
            lines = lines_of(doc)
            rows_of("DELETE FROM proof_doc WHERE id = %s", doc.id)
            hand.deleted("doc", doc.id, doc.version)
            for line in lines:
                hand.deleted("line", line.id, line.version)
    doc = Doc(id=hand.keys.new(), version=FIRST_VERSION, token=hand.token, owner_id=hand.customer())
    hand.inserted("doc", doc.id)
    doc.save(force_insert=True)
    Line._default_manager.bulk_create([new_line(hand, doc) for _ in range(3)])


DEEDS: dict[Deed, int] = {
    **dict.fromkeys((save, update, raw, upsert, merge), 6),
    **dict.fromkeys((create, hot, bulk_create, copy, move, delete, happen, edit, correct, tidy), 4),
    **dict.fromkeys((shorten, reassign, cascade), 2),
}
"""With their shares."""
