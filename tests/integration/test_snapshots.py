"""Several views read in one transaction: each exact, none failed by another, and few statements for all."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from realtime.adapters.log import LogReader
from realtime.errors import LogUnavailable, SnapshotTooLarge, StatementFailed
from realtime.pure.changes import Capture, Change, RowKey, Snapshot
from realtime.pure.selection import Part, Projection, Selection
from tests.integration.test_hub_resumes import StatementLog
from tests.support import shelf
from tests.support.databases import Database, administrate
from tests.support.hubs import Listener, Stage, hub_on, items_of, relay_on
from tests.support.waiting import soon

CATEGORIES = range(1, 9)
ITEMS = 40
VIEWS = [items_of(category) for category in CATEGORIES]


@pytest.fixture
def shelved(database: Database, redis_url: str) -> Database:
    """Eight categories, and items that are moved between them."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute("INSERT INTO shelf_category (id, name) SELECT n, 'c' FROM generate_series(1, 8) n")
        connection.execute(
            "INSERT INTO shelf_item (id, name, main_id) SELECT n, '0', 1 + n %% 8 FROM generate_series(1, %s) n",
            [ITEMS],
        )
    return database


@pytest.fixture
async def reader(shelved: Database) -> AsyncIterator[LogReader]:
    """A reader on them."""
    async with shelf.reading(shelf.CAPTURES) as made:
        yield made


async def read(reader: LogReader, *selections: Selection, max_rows: int = 1_000) -> list[Snapshot]:
    """Return the snapshots of selections in one transaction; raise why one has none."""
    found = await reader.snapshots(selections, max_rows=max_rows)
    for each in found:
        if isinstance(each, Exception):
            raise each
    return [each for each in found if isinstance(each, Snapshot)]


@contextmanager
def moving(database: Database, writers: int = 3) -> Iterator[None]:
    """Have writers move items between categories, several in a transaction, some of which are rolled back."""
    over = threading.Event()

    def write(number: int) -> None:
        chance = random.Random(number)
        with database.connect(autocommit=False) as connection:
            while not over.is_set():
                for item in sorted(chance.sample(range(1, ITEMS + 1), 3)):
                    connection.execute(
                        "UPDATE shelf_item SET main_id = %s, name = (name::int + 1)::text WHERE id = %s",
                        [chance.choice(CATEGORIES), item],
                    )
                (connection.rollback if chance.random() < 0.2 else connection.commit)()

    threads = [threading.Thread(target=write, args=[number], name=f"writer {number}") for number in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def of_one_moment(found: list[Snapshot]) -> bool:
    """Tell whether views that share all items among them show each item once."""
    return sorted(int(key.key) for each in found for key, _ in each.rows) == list(range(1, ITEMS + 1))


def exact(found: Snapshot, selection: Selection, log: list[Change]) -> bool:
    """Tell whether a view's rows are the selected ones where it is first shown: where what they hold has passed."""
    part, cut = selection.parts[0], found.head.position
    shown_at = max([cut, *(change.position for change in log if change.inbox_id in found.pending)])
    rows = dict(found.rows)
    for change in log:
        if not cut < change.position <= shown_at or change.kind != part.kind or change.inbox_id in found.pending:
            continue
        key = RowKey(change.kind, change.key)
        if part.matches(change.new) and change.new is not None:
            rows[key] = change.new
        else:
            rows.pop(key, None)
    everything = shelf.replay({}, [change for change in log if change.position <= shown_at])
    return rows == {key: row for key, row in everything.items() if key.kind == part.kind and part.matches(row)}


async def kept_while_others_write(database: Database, reader: LogReader) -> list[list[Snapshot]]:
    """Read all views together, many times, while items are moved and a relay runs."""
    async with relay_on():
        with moving(database):
            return [await read(reader, *VIEWS) for _ in range(40)]


async def all_exact(kept: list[list[Snapshot]]) -> bool:
    """Tell whether every view was of one moment with the others, and exact where it is first shown."""
    await shelf.drain()
    log = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)
    return all(map(of_one_moment, kept)) and all(
        exact(snapshot, selection, log) for found in kept for snapshot, selection in zip(found, VIEWS, strict=True)
    )


async def test_views_read_together_are_exact_while_others_write(shelved: Database, reader: LogReader) -> None:
    """P3: rows, head and inbox ids of all of them are of one moment, and what has passed by then makes the rows."""
    kept = await kept_while_others_write(shelved, reader)
    assert any(found[0].pending for found in kept), "some were read while changes had no position"
    assert len({found[0].head.position for found in kept}) > 5
    assert all(len({(each.head, each.pending) for each in found}) == 1 for found in kept)
    assert await all_exact(kept)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
        ("PENDING", "SELECT id FROM realtime_inbox WHERE stream = %s AND id < 0 LIMIT %s"),
    ],
    ids=["each statement of its own moment", "the inbox not looked into"],
)
async def test_the_check_turns_red(
    shelved: Database, reader: LogReader, monkeypatch: pytest.MonkeyPatch, name: str, broken: str
) -> None:
    """Where the statements are of several moments, or what the rows hold already is not known."""
    monkeypatch.setattr(f"realtime.adapters.snapshots.{name}", broken)
    for _ in range(10):
        if not await all_exact(await kept_while_others_write(shelved, reader)):
            return
    pytest.fail("the bug was not seen")


async def test_a_truncate_with_reload_is_seen_whole_by_all_or_by_none(shelved: Database, reader: LogReader) -> None:
    """P3: the transaction waits for the lock before it takes its snapshot: no view shows an emptied table."""
    with shelved.connect(autocommit=False) as writer:
        writer.execute("TRUNCATE shelf_item CASCADE")
        reading = asyncio.create_task(read(reader, *VIEWS))
        await soon(lambda: shelved.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        writer.execute(
            "INSERT INTO shelf_item (id, name, main_id) SELECT n, 'new', 1 + n %% 8 FROM generate_series(1, %s) n",
            [ITEMS],
        )
        writer.commit()
        found = await reading
    assert of_one_moment(found)
    assert {row["name"] for each in found for _, row in each.rows} == {"new"}


async def test_the_bound_on_rows_is_each_view_s_own(shelved: Database, reader: LogReader) -> None:
    """P6: one above it is refused, the others are answered."""
    shelved.execute("UPDATE shelf_item SET main_id = 1 WHERE main_id = 2")
    found = await reader.snapshots(VIEWS, max_rows=5)
    assert [type(each) for each in found[:3]] == [SnapshotTooLarge, Snapshot, Snapshot]


def impossible(kind: str = "item", **chosen: Any) -> Selection:
    """Select by values that PostgreSQL does not take for the columns' types."""
    return Selection(shelf.STREAM, (Part(kind, (tuple(chosen.items()),), Projection("dict", "1", dict)),))


@pytest.mark.parametrize(
    "bad", [impossible(price="NaN?"), impossible(main_id=object()), impossible(nothing=1)],
    ids=["a value PostgreSQL refuses", "a value psycopg refuses", "a column that is not there"],
)  # fmt: skip
async def test_a_statement_that_fails_is_told_from_an_outage(
    shelved: Database, reader: LogReader, bad: Selection
) -> None:
    """Nothing was read for anyone, and the next call is answered."""
    with pytest.raises(StatementFailed):
        await reader.snapshots([*VIEWS, bad], max_rows=10)
    assert of_one_moment(await read(reader, *VIEWS))


async def test_a_statement_that_takes_too_long_is_told_from_an_outage(shelved: Database, reader: LogReader) -> None:
    """The time is each statement's own: what was read before it does not count."""
    shelved.execute("CREATE FUNCTION slowly(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 FROM pg_sleep(0.06)'")
    shelved.execute("CREATE VIEW shelf_seen AS SELECT id, slowly(main_id) AS main_id FROM shelf_item WHERE id <= 2")
    slow = {"slow": Capture("slow", "shelf_seen", "id", ("id", "main_id"), (int, int))}
    seen = impossible("slow", id=1)
    async with shelf.reading(slow) as other:
        found = await other.snapshots([seen] * 6, max_rows=10, statement_milliseconds=200)
        assert [len(each.rows) for each in found if isinstance(each, Snapshot)] == [1] * 6
        with pytest.raises(StatementFailed, match="timeout"):
            await other.snapshots([seen] * 2, max_rows=10, statement_milliseconds=20)


async def test_a_lock_that_is_not_given_is_an_outage(
    shelved: Database, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same for all who select from the table: none is tried alone."""
    monkeypatch.setattr("realtime.adapters.connections.LOCK_MILLISECONDS", 50)
    with shelved.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE shelf_item IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LogUnavailable, match="lock timeout") as raised:
            await reader.snapshots(VIEWS, max_rows=10)
    assert not isinstance(raised.value, StatementFailed)


async def test_a_connection_that_is_ended_is_an_outage(shelved: Database, reader: LogReader) -> None:
    """Also in the middle of a transaction."""
    with shelved.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE shelf_item IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(reader.snapshots(VIEWS, max_rows=10))
        await soon(lambda: shelved.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        shelved.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tideline-test'"
        )
        with pytest.raises(LogUnavailable) as raised:
            await reading
    assert not isinstance(raised.value, StatementFailed)


# Through the hub.


@pytest.fixture
def logged(shelved: Database) -> Iterator[StatementLog]:
    """The statements that the server runs on the test's database."""
    administrate(shelved.server, "ALTER DATABASE {name} SET log_statement = 'all'", name=shelved.name)
    yield StatementLog(shelved)
    administrate(shelved.server, "ALTER DATABASE {name} RESET log_statement", name=shelved.name)


def of_item(item: int) -> Selection:
    """Select one item."""
    return Selection(shelf.STREAM, (Part("item", ((("id", item),),), VIEWS[0].parts[0].projection),))


async def test_many_views_cost_a_statement_each_and_a_few(shelved: Database, logged: StatementLog) -> None:
    """P8: 200 that come at once, with a view each: 200 statements for rows, and five for each 25 of them."""
    async with hub_on(shelved) as made:
        await made.assign()
        await made.arrived()
        logged.mark()
        listeners = [made.listen(of_item(number)) for number in range(200)]
        await answered(listeners)
        assert {call for each in listeners for call in each.calls} == {"snapshot"}
        assert [len(each.rows) for each in listeners] == [int(1 <= number <= ITEMS) for number in range(200)]
        assert len(logged.statements('FROM "shelf_item" t WHERE')) == 200
        assert len(logged.statements("BEGIN ISOLATION")) == 8
        assert len(logged.statements("LOCK TABLE|SET LOCAL|realtime_inbox|COMMIT")) == 4 * 8


async def test_one_that_fails_among_good_ones_fails_alone(shelved: Database) -> None:
    """P3, P5: values that PostgreSQL does not take, a projection with a bug, too many rows: the others are shown."""
    bug = Projection("bug", "1", lambda row: {"name": row["gone"]})
    bad = [impossible(price="NaN?"), Selection(shelf.STREAM, (Part("item", ((("id", 1),),), bug),))]
    async with hub_on(shelved, snapshot_max_rows=6) as made:
        await made.assign()
        await made.arrived()
        shelved.execute("UPDATE shelf_item SET main_id = 1 WHERE main_id = 2")
        await made.assign()
        for _ in range(2):
            listeners = [made.listen(view) for view in (*bad, *VIEWS)]
            await answered(listeners)
            failing, good = listeners[:3], listeners[3:]
            assert [each.calls for each in good] == [["snapshot"]] * len(good)
            assert [each.error and each.error.code for each in failing] == [
                "unavailable", "unavailable", "snapshot_too_large",
            ]  # fmt: skip
            for each in good:
                made.hub.unsubscribe(each)


async def answered(listeners: list[Listener]) -> None:
    """Wait until everyone has been told something."""
    await soon(lambda: all(each.calls for each in listeners))


async def test_views_that_come_together_stay_exact_while_others_write(shelved: Database) -> None:
    """P2, P3: a crowd with a view each, again and again, while items move between the views and the wire runs."""
    async with relay_on(), hub_on(shelved) as made:
        with moving(shelved):
            for _ in range(10):
                await come_and_go(made)
            staying = [await made.opened(view) for view in VIEWS]
        for category, each in zip(CATEGORIES, staying, strict=True):
            await made.equal(each, f"main_id = {category}")


async def come_and_go(made: Stage) -> None:
    """Have everyone subscribe at once, and leave."""
    listeners = [made.listen(view) for view in VIEWS]
    await answered(listeners)
    assert all(each.calls[0] == "snapshot" and not each.went_back for each in listeners)
    for each in listeners:
        made.hub.unsubscribe(each)
