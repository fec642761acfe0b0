"""`history`: what the log recorded of a kind lately, whoever wrote it, newest first and never a long scan."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from core.catalogue.models import Material
from core.stock.models import StockLevel, Warehouse
from realtime import BadParameter, History, LogUnavailable, Row, history
from realtime.adapters import history as module
from realtime.declare import registry
from realtime.errors import DeclarationError
from tests.conftest import Servers
from tests.support import shelf
from tests.support.databases import Database, clone, make_template

HOUR = timedelta(hours=1)


def lately(kind: str = "warehouse", *, since: timedelta = HOUR, limit: int = 100, **where: Any) -> History:
    """Return the recorded changes of a kind of the inventory."""
    return history("inventory", kind, since=since, limit=limit, where=where)


async def recorded(kind: str = "warehouse", **asked: Any) -> History:
    """Return them from a test that runs on the event loop, after the relay gave all their positions."""
    await shelf.drain()
    return await sync_to_async(lately, thread_sensitive=False)(kind, **asked)


def names(found: History) -> list[tuple[str | None, str | None]]:
    """Return the names of warehouses before and after each change."""
    return [(name_in(change.old), name_in(change.new)) for change in found]


def name_in(row: Row | None) -> str | None:
    """Return the name in a row, None where there is no row."""
    return None if row is None else row["name"]


def rename(database: Database, *written: str) -> None:
    """Rename the first warehouse, once for each name, each in its own transaction."""
    for name in written:
        database.execute("UPDATE stock_warehouse SET name = %s WHERE id = 1", name)


@pytest.fixture
def stocked(database: Database) -> Database:
    """Two warehouses, recorded in one transaction."""
    database.execute("INSERT INTO stock_warehouse (id, code, name, city) VALUES (1, 'A', 'a', ''), (2, 'B', 'b', '')")
    return database


async def test_whoever_wrote_it_newest_first(stocked: Database) -> None:
    """The ORM, raw SQL and a delete are recorded alike: position, moment, key, the row before and after it."""
    began = datetime.now(UTC)
    await sync_to_async(Warehouse.objects.filter(pk=1).update)(name="by the ORM")
    rename(stocked, "by SQL")
    stocked.execute("DELETE FROM stock_warehouse WHERE id = 2")
    found = await recorded()
    assert names(found) == [("b", None), ("by the ORM", "by SQL"), ("a", "by the ORM"), (None, "b"), (None, "a")]
    assert [change.position for change in found] == [5, 4, 3, 2, 1]
    assert [(change.key, change.ends) for change in found[2:]] == [("1", True), ("2", True), ("1", False)]
    assert all(change.at.tzinfo is UTC and change.at >= began for change in found[:3])
    assert found.reaches_back_to <= found[-1].at


async def test_numbers_are_exact_and_columns_the_captured_ones(stocked: Database) -> None:
    """Rows are decoded as in views: exact numbers are Decimal, a foreign key stands under its column."""
    material = await sync_to_async(Material.objects.create)(
        slug="rebar", name="Rebar", price_per_kg=Decimal("2.4500"), density_kg_per_m3=Decimal(7850)
    )
    await sync_to_async(StockLevel.objects.create)(material=material, warehouse_id=1, on_hand=Decimal("12.500"))
    (change,) = await recorded("stocklevel")
    assert change.new is not None
    assert (change.new["on_hand"], change.new["warehouse_id"]) == (Decimal("12.500"), 1)
    assert set(change.new) == set(registry.streams["inventory"].captures["stocklevel"].columns)


async def test_a_column_is_matched_before_or_after_the_change(stocked: Database) -> None:
    """A row that left the selection, or came to it, is in it; values are taken as in declarations."""
    rename(stocked, "x", "y", "z")
    assert names(await recorded(name="y")) == [("y", "z"), ("x", "y")]
    assert names(await recorded(id="2")) == [(None, "b")]
    assert names(await recorded(id=2, name="a")) == []
    assert names(await recorded(name=None)) == []


async def test_the_limit_keeps_the_newest(stocked: Database) -> None:
    """Of more changes the newest are given, and it is told after which moment none is missing."""
    rename(stocked, "x")
    await shelf.drain()
    rename(stocked, "y")
    found = await recorded(limit=1)
    assert names(found) == [("x", "y")]
    assert found.reaches_back_to == found[0].at


async def test_only_the_span_that_was_asked_for(stocked: Database) -> None:
    """What was recorded before it is left out, and the span is told as reached."""
    await shelf.drain()
    stocked.execute("UPDATE realtime_log SET assigned_at = assigned_at - interval '2 hours'")
    rename(stocked, "x")
    found = await recorded()
    assert names(found) == [("a", "x")]
    assert abs(datetime.now(UTC) - HOUR - found.reaches_back_to) < timedelta(minutes=1)
    assert len(await recorded(since=timedelta(hours=3))) == 3


async def test_a_busy_stream_is_not_read_through(stocked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than so many positions are looked through, of any kind; it is told how far back that reaches."""
    monkeypatch.setattr(module, "SCANNED_MAX", 25)
    monkeypatch.setattr(module, "PAGE_MIN", 4)
    monkeypatch.setattr(module, "PAGE_MAX", 8)
    await shelf.drain()
    rename(stocked, *(f"n{number}" for number in range(20)))
    await shelf.drain()
    stocked.execute(
        "INSERT INTO catalogue_material (slug, name, price_per_kg, density_kg_per_m3) "
        "SELECT n::text, n::text, 1, 1 FROM generate_series(1, 10) n"
    )
    found = await recorded()
    assert [change.position for change in found] == list(range(22, 7, -1))
    ((moment,),) = stocked.execute("SELECT assigned_at FROM realtime_log WHERE stream = 'inventory' AND position = 8")
    assert found.reaches_back_to == moment


async def test_pages_join_up(stocked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of the pages: each change once."""
    monkeypatch.setattr(module, "PAGE_MIN", 1)
    monkeypatch.setattr(module, "PAGE_MAX", 3)
    rename(stocked, *(f"n{number}" for number in range(20)))
    assert [change.position for change in await recorded()] == list(range(22, 0, -1))


async def test_another_epoch_is_another_log(stocked: Database) -> None:
    """Nothing of an earlier epoch is given: its positions mean nothing any more."""
    await shelf.drain()
    stocked.execute(
        "UPDATE realtime_stream SET epoch = 'e2', epoch_number = epoch_number + 1, head = 0, floor = 0, mark = ''"
    )
    assert names(await recorded()) == []
    rename(stocked, "x")
    assert names(await recorded()) == [("a", "x")]


async def test_what_was_pruned_is_not_missed_in_silence(stocked: Database) -> None:
    """The log begins at its floor: what is told reaches back to there."""
    rename(stocked, "x")
    await shelf.drain()
    stocked.execute("UPDATE realtime_stream SET floor = 2 WHERE name = 'inventory'")
    stocked.execute("DELETE FROM realtime_log WHERE stream = 'inventory' AND position <= 2")
    found = await recorded()
    assert names(found) == [("a", "x")]
    assert found.reaches_back_to == found[0].at


async def test_a_reset_is_told_as_such(stocked: Database) -> None:
    """TRUNCATE concerns every row: it is there whatever is asked for."""
    stocked.execute("TRUNCATE stock_warehouse CASCADE")
    first = (await recorded(name="nobody's"))[0]
    assert (first.reset, first.key, first.old, first.new) == (True, "", None, None)


async def test_images_of_another_capture_are_left_out(stocked: Database) -> None:
    """What was captured with other columns can't be read by name any more, and is not guessed at."""
    rename(stocked, "x")
    await shelf.drain()
    stocked.execute("UPDATE realtime_log SET version = 'another' WHERE position = 3")
    stocked.execute("UPDATE realtime_log SET new = '[true]' WHERE position = 2")
    assert [change.position for change in await recorded()] == [1]


@pytest.mark.parametrize(
    ("stream", "kind", "where", "message"),
    [
        ("stock", "warehouse", {}, "there is no stream 'stock'; there are"),
        ("inventory", "order", {}, "does not watch 'order'; it watches"),
        ("inventory", "warehouse", {"colour": 1}, "has no column 'colour'"),
    ],
)
def test_what_is_not_declared_is_refused(
    database: Database, stream: str, kind: str, where: dict[str, Any], message: str
) -> None:
    """An unknown stream, kind or column is named, with what there is."""
    with pytest.raises(DeclarationError, match=message):
        history(stream, kind, since=HOUR, limit=1, where=where)


def test_impossible_values_are_refused(database: Database) -> None:
    """A value that the column can't have, a span or a limit that is none."""
    with pytest.raises(BadParameter, match="id"):
        lately(id="seven")
    with pytest.raises(ValueError, match="positive span"):
        lately(since=timedelta(0))
    with pytest.raises(ValueError, match="limit"):
        lately(limit=0)


def test_a_quiet_stream_has_no_history(database: Database) -> None:
    """Nothing recorded: an empty history, that reaches back to now."""
    found = lately()
    assert list(found) == []
    assert datetime.now(UTC) - found.reaches_back_to < timedelta(minutes=1)


def test_an_outage_is_told_as_such(servers: Servers, django_db_blocker: Any) -> None:
    """With PostgreSQL gone: LogUnavailable, and the next call works once it is back."""
    server = servers.postgres()
    with django_db_blocker.unblock():
        make_template(server)
        with clone(server):
            assert list(lately()) == []
            server.kill()
            with pytest.raises(LogUnavailable, match="PostgreSQL did not answer"):
                lately()
            connection.close()
            server.start()
            assert list(lately()) == []
