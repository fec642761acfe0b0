"""Reading the log and snapshots: whole transactions, verified; rows and stream meet exactly."""

import asyncio
from typing import Any

import pytest

from realtime.adapters import snapshots as snapshots_module
from realtime.adapters.database import conninfo_of
from realtime.adapters.log import LogReader
from realtime.errors import EpochChanged, FloorPassed, LogUnavailable, SnapshotTooLarge
from realtime.pure.changes import Capture, Head, Mark, RowKey
from realtime.pure.selection import Alternative, Part, Projection, Selection
from tests.conftest import Servers
from tests.support import shelf
from tests.support.databases import Database
from tests.support.waiting import soon


@pytest.fixture
def shelved(database: Database) -> Database:
    """Five items in four transactions: one, two, one, one."""
    with database.connect() as connection:
        shelf.build(connection)
        for values in ("(1, 'a')", "(2, 'b'), (3, 'c')", "(4, 'd')", "(5, 'e')"):
            connection.execute(f"INSERT INTO shelf_item (id, name) VALUES {values}")
    return database


def select(*alternatives: Alternative) -> Selection:
    """Return a selection of items."""
    return Selection(shelf.STREAM, (Part("item", alternatives, Projection("dict", "1", dict)),))


async def head_of(reader: LogReader) -> Head:
    """Return the stream's row."""
    return (await reader.heads())[shelf.STREAM]


@pytest.mark.parametrize(
    ("after", "upto", "limit", "reached"),
    [(0, 5, 100, 5), (0, 5, 1, 1), (1, 5, 1, 3), (0, 5, 2, 3), (0, 5, 4, 4), (3, 4, 100, 4), (5, 5, 100, 5)],
)
async def test_a_range_holds_whole_transactions(
    shelved: Database, after: int, upto: int, limit: int, reached: int
) -> None:
    """A limited range goes on to the end of the transaction in which the limit falls."""
    await shelf.drain()
    async with shelf.reading(shelf.CAPTURES) as reader:
        head = await head_of(reader)
        found = await reader.read(shelf.STREAM, head.epoch, after, upto, known=None, limit=limit)
    assert (found.after, found.upto) == (after, reached)
    assert [change.position for change in found.changes] == list(range(after + 1, reached + 1))
    assert not found.changes or found.changes[-1].ends


async def test_a_range_may_begin_at_any_position(shelved: Database) -> None:
    """Above 32,767, too, where the limit ends another kind of integer than the one that it began with."""
    async with shelf.reading(shelf.CAPTURES) as reader:
        head = await head_of(reader)
        with pytest.raises(EpochChanged, match="are not in the log"):
            await reader.read(shelf.STREAM, head.epoch, 32_000, 33_000, known=None, limit=5_000)


async def test_a_range_is_verified_by_the_mark_that_was_known(shelved: Database) -> None:
    """The right mark passes and the range names the last mark in it; a wrong one, or a missing position, is refused."""
    await shelf.drain()
    shelved.execute("UPDATE shelf_item SET name = 'x' WHERE id = 1")
    async with shelf.reading(shelf.CAPTURES) as reader:
        first = await head_of(reader)
        await shelf.drain()
        known = Mark(first.position, first.mark)
        found = await reader.read(shelf.STREAM, first.epoch, 5, 6, known=known, limit=10)
        second = await head_of(reader)
        assert found.mark == Mark(6, second.mark)
        with pytest.raises(EpochChanged, match="has the mark"):
            await reader.read(shelf.STREAM, first.epoch, 5, 6, known=Mark(5, "another"), limit=10)
        with pytest.raises(EpochChanged, match="are not in the log"):
            await reader.read(shelf.STREAM, first.epoch, 6, 9, known=None, limit=10)
        with pytest.raises(EpochChanged):
            await reader.read("nothing", first.epoch, 0, 1, known=None, limit=10)
        shelved.execute("UPDATE realtime_stream SET floor = 5 WHERE name = 'shelf'")
        with pytest.raises(FloorPassed):
            await reader.read(shelf.STREAM, first.epoch, 5, 6, known=known, limit=10)


@pytest.mark.parametrize(
    ("alternatives", "keys"),
    [
        ([()], ["1", "2", "3", "4", "5"]),
        ([(("id", 2),)], ["2"]),
        ([(("id", 2),), (("id", 4), ("name", "d"))], ["2", "4"]),
        ([(("id", 2), ("name", "not b"))], []),
        ([(("main_id", None),)], []),
        ([], []),
    ],
    ids=["every row", "an equality", "alternatives", "two equalities", "None never matches", "no alternative"],
)
async def test_a_snapshot_holds_the_selected_rows(
    shelved: Database, alternatives: list[Alternative], keys: list[str]
) -> None:
    """SQL selects what `Part.matches` selects."""
    async with shelf.reading(shelf.CAPTURES) as reader:
        found = await shelf.snapshot_of(reader, select(*alternatives))
        everything = await shelf.snapshot_of(reader, select(()))
    assert sorted(key for (_, key), _ in found.rows) == keys
    part = select(*alternatives).parts[0]
    assert {key for key, row in everything.rows if part.matches(row)} == {key for key, _ in found.rows}


async def test_a_snapshot_says_which_changes_are_in_it(shelved: Database) -> None:
    """What has a position is at or below its head, what has none is named by its inbox id; nothing else is in it."""
    await shelf.drain()
    with shelved.connect(autocommit=False) as open_one:
        open_one.execute("UPDATE shelf_item SET name = 'not committed' WHERE id = 1")
        shelved.execute("UPDATE shelf_item SET name = 'committed' WHERE id = 2")
        async with shelf.reading(shelf.CAPTURES) as reader:
            found = await shelf.snapshot_of(reader, select(()))
        open_one.commit()
    (pending,) = found.pending
    rows = dict(found.rows)
    assert found.head.position == 5
    assert (rows[RowKey("item", "1")]["name"], rows[RowKey("item", "2")]["name"]) == ("a", "committed")
    await shelf.drain()
    changes = await shelf.read_log(shelf.STREAM, shelf.CAPTURES, after=5)
    assert {(change.inbox_id == pending, change.key) for change in changes} == {(True, "2"), (False, "1")}


async def test_a_truncate_with_reload_is_seen_whole_or_not_at_all(shelved: Database) -> None:
    """TRUNCATE is not MVCC-safe: the snapshot waits for it, and then shows the reloaded rows, not an empty table."""
    with shelved.connect(autocommit=False) as writer:
        writer.execute("TRUNCATE shelf_item CASCADE")
        writer.execute("INSERT INTO shelf_item (id, name) SELECT n, 'new' FROM generate_series(1, 1000) n")
        async with shelf.reading(shelf.CAPTURES) as reader:
            reading = asyncio.create_task(shelf.snapshot_of(reader, select(()), max_rows=2000))
            await soon(lambda: shelved.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
            writer.commit()
            found = await reading
    assert len(found.rows) == 1000
    assert len(found.pending) == 1000 + 5 + 2


async def test_too_many_rows_are_refused(shelved: Database) -> None:
    """A selection above the bound is SnapshotTooLarge, and the bound itself is not."""
    async with shelf.reading(shelf.CAPTURES) as reader:
        assert len((await shelf.snapshot_of(reader, select(()), max_rows=5)).rows) == 5
        with pytest.raises(SnapshotTooLarge):
            await shelf.snapshot_of(reader, select(()), max_rows=4)


async def test_a_relay_far_behind_makes_snapshots_unavailable(
    shelved: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more pending changes than a snapshot may name, it is refused instead of growing without bound."""
    monkeypatch.setattr(snapshots_module, "PENDING_MAX", 4)
    async with shelf.reading(shelf.CAPTURES) as reader:
        with pytest.raises(LogUnavailable, match="wait for a position"):
            await shelf.snapshot_of(reader, select(()))


async def test_images_of_another_capture_become_resets(shelved: Database) -> None:
    """A process that declares other columns does not misread images: it is told to read the table anew."""
    await shelf.drain()
    narrower = Capture("item", "shelf_item", "id", ("id", "name"), (int, str))
    async with shelf.reading({"item": narrower}) as reader:
        head = await head_of(reader)
        found = await reader.read(shelf.STREAM, head.epoch, 0, head.position, known=None, limit=10)
    assert {(change.kind, change.key, change.reset, change.new) for change in found.changes} == {
        ("item", "", True, None)
    }


async def test_many_snapshots_at_once_share_four_connections(shelved: Database) -> None:
    """Twenty snapshots at once all answer, and never take more than four connections."""
    async with shelf.reading(shelf.CAPTURES) as reader:
        found = await asyncio.gather(*(shelf.snapshot_of(reader, select(())) for _ in range(20)))
        (count,) = shelved.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tideline-test'")[0]
    assert {len(each.rows) for each in found} == {5}
    assert count <= 4


async def test_an_outage_is_log_unavailable_and_passes(servers: Servers, database: Database) -> None:
    """Every call says LogUnavailable while PostgreSQL is gone, and answers once it is back."""
    server = servers.postgres()
    reader = LogReader(f"{server.url()} ", {})
    calls: list[Any] = [
        lambda: reader.heads(),
        lambda: reader.read("s", "e", 0, 1, known=None, limit=1),
        lambda: reader.verify("s", "e", Mark(1, "m")),
        lambda: reader.doubt("s", "e", Mark(1, "m")),
        lambda: shelf.snapshot_of(reader, Selection("s", ()), max_rows=1),
    ]
    server.kill()
    for call in calls:
        with pytest.raises(LogUnavailable):
            await call()
    await reader.close()


async def test_a_connection_that_was_ended_is_made_anew(shelved: Database) -> None:
    """The call that finds its connection dead says LogUnavailable; the next one works."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tideline-test'"
    async with shelf.reading(shelf.CAPTURES) as reader:
        await reader.heads()
        await shelf.snapshot_of(reader, select(()))
        shelved.execute(end)
        with pytest.raises(LogUnavailable):
            await reader.heads()
        assert shelf.STREAM in await reader.heads()
        assert len((await shelf.snapshot_of(reader, select(()))).rows) == 5


async def test_a_cancelled_call_leaves_the_reader_usable(shelved: Database) -> None:
    """A caller that goes away while the log is slow does not spoil the connection for the next one."""
    with shelved.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE realtime_stream IN ACCESS EXCLUSIVE MODE")
        async with shelf.reading(shelf.CAPTURES) as reader:
            waiting = asyncio.create_task(reader.heads())
            await soon(lambda: shelved.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            blocker.rollback()
            assert shelf.STREAM in await reader.heads()


def test_the_engines_own_connections_notice_a_vanished_host(database: Database) -> None:
    """They go to the primary only, with keepalives and pinned settings."""
    conninfo = conninfo_of("default", "tideline-hub")
    for wanted in (
        "target_session_attrs=read-write",
        "keepalives_idle=5",
        "TimeZone=UTC",
        "application_name=tideline-hub",
    ):
        assert wanted in conninfo
