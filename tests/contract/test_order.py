"""One suite over two orders: what the relay's SQL assigns, and what the pure function says."""

import random
from typing import Any

import pytest

from realtime.adapters import assignment
from realtime.pure.order import Pending, order
from tests.support import shelf
from tests.support.databases import Database

INSERT = """
INSERT INTO realtime_inbox (id, xid, stream, kind, key, version) OVERRIDING SYSTEM VALUE
VALUES (%s, %s::text::xid8, %s, 'item', %s, 'v')
"""


def fill(database: Database, seed: int) -> list[Pending]:
    """Put random interleaved transactions in two streams into the inbox, as triggers would have written them."""
    chance = random.Random(seed)
    pending = [
        Pending(number, chance.randint(1, 12), chance.choice(["inventory", "orders"]))
        for number in sorted(chance.sample(range(1, 500), 80))
    ]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(INSERT, [(each.id, each.xid, each.stream, str(each.id)) for each in pending])
        cursor.execute("SELECT setval('realtime_inbox_id_seq', 500)")
    return pending


def assigned(database: Database) -> list[tuple[Any, ...]]:
    """Return what the relay assigned."""
    return database.execute("SELECT inbox_id, stream, position, ends FROM realtime_log ORDER BY stream, position")


@pytest.mark.parametrize("seed", range(5))
async def test_sql_assigns_the_order_of_the_pure_function(database: Database, seed: int) -> None:
    """All at once: the same places, above the heads."""
    heads = {"inventory": 0, "orders": 0}
    for _ in range(2):
        pending = fill(database, seed)
        await shelf.drain()
        wanted = order(pending, heads)
        found = assigned(database)
        assert [tuple(place) for place in wanted] == [row for row in found if row[2] > heads[row[1]]]
        heads = {stream: max(row[2] for row in found if row[1] == stream) for stream in heads}
        database.execute("SELECT setval('realtime_inbox_id_seq', 1)")


@pytest.mark.parametrize("seed", range(5))
async def test_slices_assign_the_same_order(database: Database, seed: int) -> None:
    """A slice holds the transactions that end below its cut, so that all slices together are in the one order."""
    pending = fill(database, seed)
    await shelf.drain(relay_slice_changes=10)
    assert [tuple(place) for place in order(pending, {"inventory": 0, "orders": 0})] == assigned(database)


@pytest.mark.parametrize("wrong", ["min(id) OVER", "max(xid) OVER"])
async def test_another_order_would_be_found(database: Database, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """The comparison is red for the orders that reverse updates: by first id, and by transaction id."""
    assert "max(id) OVER" in assignment.ASSIGN_ALL
    statement = assignment.ASSIGN_ALL.replace("max(id) OVER", wrong)
    monkeypatch.setattr(assignment, "ASSIGN_ALL", statement)
    pending = fill(database, 1)
    await shelf.drain()
    wanted = [place.id for place in order(pending, {"inventory": 0, "orders": 0})]
    assert wanted != [row[0] for row in assigned(database)]
