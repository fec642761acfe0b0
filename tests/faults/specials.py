"""What the harness itself writes, by raw SQL: each of these is one transaction, and is journaled like the others."""

import time
from typing import Any

import psycopg

from tests.faults.hand import FIRST_VERSION, PASS_DOC, PASS_LINES, Hand, canary

ITEMS, DOCS, LINES = 200, 20, 60
"""So many there are at the beginning."""


def fill(hand: Hand, connection: "psycopg.Connection[Any]") -> None:
    """Insert what there is at the beginning."""
    copy(hand, connection, rows=ITEMS)
    for number in range(DOCS):
        doc, owner = hand.keys.new(), hand.customers[number % len(hand.customers)]
        connection.execute("INSERT INTO proof_doc VALUES (%s, %s, %s, %s)", [doc, FIRST_VERSION, hand.token, owner])
        hand.inserted("doc", doc)
        for _ in range(LINES // DOCS):
            key = hand.keys.new()
            connection.execute(
                "INSERT INTO proof_line (id, version, token, owner_id, doc_id, amount, canary)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [key, FIRST_VERSION, hand.token, owner, doc, hand.amount(), canary(owner, key)],
            )
            hand.inserted("line", key)


def copy(hand: Hand, connection: "psycopg.Connection[Any]", rows: int) -> None:
    """COPY new items."""
    statement = "COPY proof_item (id, version, token, owner_id, amount, canary) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as sink:
        for _ in range(rows):
            key, owner = hand.keys.new(), hand.customer()
            sink.write_row((key, FIRST_VERSION, hand.token, owner, hand.amount(), canary(owner, key)))
            hand.inserted("item", key)


def fill_bulk(hand: Hand, connection: "psycopg.Connection[Any]", rows: int) -> None:
    """Insert rows until there are so many."""
    (there,) = connection.execute("SELECT count(*) FROM proof_bulk").fetchone() or (0,)
    if there >= rows:
        return
    first, last = hand.keys.range(rows - there)
    connection.execute(
        "INSERT INTO proof_bulk SELECT g, %s, %s FROM generate_series(%s::bigint, %s::bigint) g",
        [FIRST_VERSION, hand.token, first, last],
    )
    hand.written.append(["bulk", str(first), None, FIRST_VERSION, str(last)])


RUNS = """
SELECT min(id), max(id), version FROM (
    SELECT id, version, id - row_number() OVER (PARTITION BY version ORDER BY id) AS run
    FROM proof_bulk WHERE id <= %s
) AS runs GROUP BY version, run
"""

LAST = "SELECT id FROM proof_bulk ORDER BY id OFFSET %s LIMIT 1"


def update_bulk(hand: Hand, connection: "psycopg.Connection[Any]", rows: int) -> None:
    """Update so many rows, which are there."""
    (last,) = connection.execute(LAST, [rows - 1]).fetchone() or (0,)
    runs = connection.execute(RUNS, [last]).fetchall()
    statement = "UPDATE proof_bulk SET version = version + 1, token = %s WHERE id <= %s"
    updated = connection.execute(statement, [hand.token, last]).rowcount
    assert updated == rows, f"{updated} rows were there, not {rows}"
    hand.written += [["bulk", str(first), version, version + 1, str(upto)] for first, upto, version in runs]


def truncate(hand: Hand, connection: "psycopg.Connection[Any]", kind: str) -> None:
    """Empty a table; an event of the same transaction says who did."""
    connection.execute(f"TRUNCATE proof_{kind}".encode())
    hand.written.append([kind, "", None, None])
    happen(hand, connection, hand.customer())


def linger(hand: Hand, connection: "psycopg.Connection[Any]", seconds: float) -> None:
    """Write a row at once and a row at last, and do nothing in between."""
    copy(hand, connection, rows=1)
    time.sleep(seconds)
    copy(hand, connection, rows=1)


def touch_all(hand: Hand, connection: "psycopg.Connection[Any]", events: set[str], docs: dict[str, int]) -> None:
    """Let something happen to every customer, and write every document."""
    found = connection.execute(
        "UPDATE proof_doc SET version = version + 1, token = %s RETURNING id, version", [hand.token]
    )
    for key, version in found:
        hand.updated("doc", key, version)
        docs[str(key)] = version
    for owner in hand.customers:
        events.add(str(happen(hand, connection, owner)))


def happen(hand: Hand, connection: "psycopg.Connection[Any]", owner: int) -> int:
    """Let something happen to a customer; return the event's key."""
    key = hand.keys.new()
    connection.execute(
        "INSERT INTO proof_event (id, version, token, owner_id, text) VALUES (%s, %s, %s, %s, %s)",
        [key, FIRST_VERSION, hand.token, owner, canary(owner, key)],
    )
    hand.inserted("event", key)
    return key


def reassign(hand: Hand, connection: "psycopg.Connection[Any]", doc: int) -> None:
    """Let a document pass to another customer, with its lines."""
    row = connection.execute("SELECT owner_id FROM proof_doc WHERE id = %s FOR UPDATE", [doc]).fetchone()
    if row is None:
        return
    owner = hand.random.choice([each for each in hand.customers if each != row[0]])
    for (version,) in connection.execute(PASS_DOC, [hand.token, owner, doc]):
        hand.updated("doc", doc, version)
    for key, version in connection.execute(PASS_LINES, [hand.token, owner, str(owner), doc]):
        hand.updated("line", key, version)
