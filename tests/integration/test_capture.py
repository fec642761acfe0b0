"""P1 and P2: whatever writes to a watched table, each committed change is in the log once, and nothing else is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F

from core.stock.models import Warehouse
from realtime.declare import registry
from realtime.pure.changes import Capture, Change
from tests.support import shelf
from tests.support.databases import Database

Run = list[tuple[str, str, str]]
"""What one transaction left in the log: (kind, key, what happened), in order."""

INVENTORY = registry.streams["inventory"].captures

ROWS = """
INSERT INTO shelf_category (id, name) VALUES (1, 'bars'), (2, 'sheets');
INSERT INTO shelf_item (id, name, price, main_id, other_id) VALUES
    (1, 'rebar', 2.4500, 1, 1), (2, 'plate', 3.1, 2, 1), (3, 'rod', NULL, NULL, NULL);
INSERT INTO shelf_label (id, item_id, text) VALUES (1, 1, 'new'), (2, 1, 'hot'), (3, 2, 'old');
INSERT INTO shelf_reading (id, at, value) VALUES (1, 10, 'a'), (2, 110, 'b');
INSERT INTO stock_warehouse (id, code, name, city) VALUES (901, 'A', 'A', ''), (902, 'B', 'B', ''), (903, 'C', 'C', '');
"""


@pytest.fixture
def filled(database: Database) -> Database:
    """The shelf's tables with a few rows, and three warehouses."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute(ROWS)
    return database


@dataclass(frozen=True)
class Writer:
    """A way to write, and the runs that it leaves in the log, in the order of commits."""

    name: str
    write: Callable[[Database], object]
    runs: list[Run]
    stream: str = shelf.STREAM


def sql(*statements: str) -> Callable[[Database], object]:
    """Return a writer that sends each statement by itself, in autocommit mode."""

    def write(database: Database) -> None:
        with database.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    return write


def rolled_back(database: Database) -> None:
    with database.connect(autocommit=False) as connection:
        connection.execute("UPDATE shelf_item SET name = 'never' WHERE id = 1")
        connection.rollback()


def save_point(database: Database) -> None:
    with database.connect() as connection, connection.transaction():
        connection.execute("UPDATE shelf_item SET name = 'kept' WHERE id = 1")
        with connection.transaction(force_rollback=True):
            connection.execute("UPDATE shelf_item SET name = 'never' WHERE id = 2")
        with connection.transaction():
            connection.execute("UPDATE shelf_item SET name = 'kept too' WHERE id = 3")


def copy(database: Database) -> None:
    statement = "COPY shelf_item (id, name, price) FROM STDIN"
    with database.connect() as connection, connection.cursor() as cursor, cursor.copy(statement) as copying:
        copying.write_row((11, "a", "1.5"))
        copying.write_row((12, "b", None))


def prepared(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("UPDATE shelf_item SET name = 'in two phases' WHERE id = 1")
        connection.execute("PREPARE TRANSACTION 'held'")
        connection.execute("UPDATE shelf_item SET name = 'at once' WHERE id = 2")
        connection.execute("COMMIT PREPARED 'held'")


def prepared_and_dropped(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("UPDATE shelf_item SET name = 'never' WHERE id = 1")
        connection.execute("PREPARE TRANSACTION 'held'")
        connection.execute("ROLLBACK PREPARED 'held'")


def truncate_and_reload(database: Database) -> None:
    with database.connect() as connection, connection.transaction():
        connection.execute("TRUNCATE shelf_label")
        connection.execute("INSERT INTO shelf_label (id, item_id, text) VALUES (1, 1, 'again')")


def as_clerk(database: Database) -> None:
    """A role with rights on the table alone: none on the inbox, none on the function, another search path."""
    name = f"clerk_{database.name}"
    with database.connect() as connection:
        connection.execute(f"CREATE ROLE {name}")
        connection.execute(f"GRANT SELECT, UPDATE ON shelf_item TO {name}")
        try:
            connection.execute(f"SET ROLE {name}")
            connection.execute("SET search_path = pg_catalog")
            connection.execute("UPDATE public.shelf_item SET name = 'by a clerk' WHERE id = 1")
        finally:
            connection.execute("RESET ROLE")
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def decoy(database: Database) -> None:
    """Tables of the same names stand first in the writer's search path."""
    with database.connect() as connection:
        connection.execute("CREATE TEMP TABLE realtime_inbox (LIKE public.realtime_inbox)")
        connection.execute("CREATE TEMP TABLE shelf_item (LIKE public.shelf_item)")
        connection.execute("UPDATE public.shelf_item SET name = 'past the decoys' WHERE id = 1")


def orm_save(database: Database) -> None:
    warehouse = Warehouse.objects.get(code="A")
    warehouse.name = "Saved"
    warehouse.save()
    Warehouse.objects.create(pk=910, code="N").delete()


def orm_bulk(database: Database) -> None:
    Warehouse.objects.bulk_create([Warehouse(pk=911, code="N1"), Warehouse(pk=912, code="N2")])
    a, b = Warehouse.objects.filter(code__in=("A", "B")).order_by("pk")
    a.name, b.name = "bulk a", "bulk b"
    Warehouse.objects.bulk_update([a, b], ["name"])


def orm_update(database: Database) -> None:
    with transaction.atomic():
        Warehouse.objects.filter(code__in=("A", "B")).update(city=F("code"))
        Warehouse.objects.filter(code="C").update(city="")  # As it was: no change.


def orm_upsert(database: Database) -> None:
    Warehouse.objects.bulk_create(
        [Warehouse(code="A", name="upserted"), Warehouse(pk=913, code="N3")],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["name"],
    )


BEFORE = """
CREATE FUNCTION shelf_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE shelf_item SET price = 9 WHERE id = 3;
        NEW.name = NEW.name || '!';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER shelf_before BEFORE UPDATE ON shelf_item FOR EACH ROW EXECUTE FUNCTION shelf_before();
"""

AFTER = """
CREATE FUNCTION shelf_after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE shelf_item SET name = name || ' again' WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER shelf_after AFTER INSERT OR UPDATE ON shelf_item FOR EACH ROW EXECUTE FUNCTION shelf_after();
"""

AFTER_LABEL = AFTER.replace("shelf_item", "shelf_label").replace("name", "text").replace("INSERT OR UPDATE", "UPDATE")

AFTER_AND_DELETE = AFTER.replace("UPDATE shelf_item SET name = name || ' again'", "DELETE FROM shelf_item")

ODDITY = """
INSERT INTO shelf_oddity VALUES ('2026-01-02 03:04:05.678901+05', 12345678901234567890.12345678900, 0.1,
    '1999-12-31 23:59:59-08', '2026-02-03', '04:05:06.7', '1 year 2 days 03:00', true,
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff', '{"a": [1.50, null]}', ARRAY['x', NULL, '"'], '10.0.0.1/8')
"""

SETTINGS = """
SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'postgres_verbose';
SET bytea_output = 'escape'; SET extra_float_digits = -10; SET standard_conforming_strings = off;
SET session_replication_role = replica; SET enable_indexscan = off; SET quote_all_identifiers = on;
"""

WRITERS = [
    Writer(
        "ORM save, create and delete",
        orm_save,
        [[("warehouse", "901", "update")], [("warehouse", "910", "insert")], [("warehouse", "910", "delete")]],
        "inventory",
    ),
    Writer(
        "ORM bulk_create and bulk_update",
        orm_bulk,
        [
            [("warehouse", "911", "insert"), ("warehouse", "912", "insert")],
            [("warehouse", "901", "update"), ("warehouse", "902", "update")],
        ],
        "inventory",
    ),
    Writer(
        "QuerySet.update; a row left as it was is no change",
        orm_update,
        [[("warehouse", "901", "update"), ("warehouse", "902", "update")]],
        "inventory",
    ),
    Writer("ORM upsert", orm_upsert, [[("warehouse", "913", "insert"), ("warehouse", "901", "update")]], "inventory"),
    Writer(
        "ON CONFLICT DO UPDATE",
        sql(
            "INSERT INTO shelf_item (id, name) VALUES (1, 'taken'), (21, 'free') "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name"
        ),
        [[("item", "21", "insert"), ("item", "1", "update")]],
    ),
    Writer(
        "ON CONFLICT DO NOTHING", sql("INSERT INTO shelf_item (id, name) VALUES (1, 'x') ON CONFLICT DO NOTHING"), []
    ),
    Writer(
        "MERGE",
        sql(
            "MERGE INTO shelf_item i USING (VALUES (1, 'm'), (2, NULL), (31, 'n')) v (id, name) ON i.id = v.id "
            "WHEN MATCHED AND v.name IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET name = v.name "
            "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, v.name)",
        ),
        [[("label", "3", "delete"), ("item", "2", "delete"), ("item", "1", "update"), ("item", "31", "insert")]],
    ),
    Writer(
        "raw SQL",
        sql("UPDATE shelf_item SET price = price * 2 WHERE id < 3"),
        [[("item", "1", "update"), ("item", "2", "update")]],
    ),
    Writer("a column that is not captured", sql("UPDATE shelf_item SET secret = 'changed'"), []),
    Writer("a statement that finds no row", sql("DELETE FROM shelf_item WHERE id = 99"), []),
    Writer("COPY", copy, [[("item", "11", "insert"), ("item", "12", "insert")]]),
    Writer(
        "a cascade of deletes",
        sql("DELETE FROM shelf_item WHERE id = 1"),
        [[("label", "1", "delete"), ("label", "2", "delete"), ("item", "1", "delete")]],
    ),
    Writer(
        "SET NULL twice on one row",
        sql("DELETE FROM shelf_category WHERE id = 1"),
        [[("category", "1", "delete"), ("item", "1", "update"), ("item", "1", "update"), ("item", "2", "update")]],
    ),
    Writer(
        "a key changed",
        sql("UPDATE shelf_label SET id = 71 WHERE id = 1"),
        [[("label", "1", "delete"), ("label", "71", "insert")]],
    ),
    Writer(
        "all keys moved by one",
        sql("UPDATE shelf_label SET id = id + 10", "UPDATE shelf_label SET id = id - 9"),
        [
            [("label", key, "delete") for key in ("1", "2", "3")]
            + [("label", key, "insert") for key in ("11", "12", "13")],
            [("label", key, "delete") for key in ("11", "12", "13")]
            + [("label", key, "insert") for key in ("2", "3", "4")],
        ],
    ),
    Writer("TRUNCATE", sql("TRUNCATE shelf_label"), [[("label", "", "reset")]]),
    Writer(
        "TRUNCATE and reload in one transaction",
        truncate_and_reload,
        [[("label", "", "reset"), ("label", "1", "insert")]],
    ),
    Writer("rollback", rolled_back, []),
    Writer("rollback to a savepoint", save_point, [[("item", "1", "update"), ("item", "3", "update")]]),
    Writer("a prepared transaction", prepared, [[("item", "1", "update")], [("item", "2", "update")]]),
    Writer("a prepared transaction rolled back", prepared_and_dropped, []),
    Writer(
        "a BEFORE row trigger that writes to another row",
        sql(BEFORE, "UPDATE shelf_item SET name = 'b' WHERE id = 1"),
        [[("item", "3", "update"), ("item", "1", "update")]],
    ),
    Writer(
        "an AFTER row trigger that writes to the same row",
        sql(AFTER, "UPDATE shelf_item SET name = 'b' WHERE id = 1"),
        [[("item", "1", "update"), ("item", "1", "update")]],
    ),
    Writer(
        "an AFTER row trigger that writes to the inserted row",
        sql(AFTER, "INSERT INTO shelf_item (id, name) VALUES (41, 'b')"),
        [[("item", "41", "update"), ("item", "41", "insert")]],
    ),
    Writer(
        "an AFTER row trigger that deletes the inserted row",
        sql(AFTER_AND_DELETE, "INSERT INTO shelf_item (id, name) VALUES (42, 'b')"),
        [[("item", "42", "delete")]],
    ),
    Writer("settings of the writer", sql(SETTINGS + ODDITY), [[("oddity", "2026-01-01 22:04:05.678901+00", "insert")]]),
    Writer("a role with rights on the table alone", as_clerk, [[("item", "1", "update")]]),
    Writer("tables of the same names in the search path", decoy, [[("item", "1", "update")]]),
    Writer(
        "through a partitioned table",
        sql("UPDATE shelf_reading SET value = 'c'", "INSERT INTO shelf_reading VALUES (3, 120, 'd')"),
        [[("reading", "1", "update"), ("reading", "2", "update")], [("reading", "3", "insert")]],
    ),
    Writer(
        "to a partition",
        sql("UPDATE shelf_reading_new SET value = 'c'", "DELETE FROM shelf_reading_old"),
        [[("reading", "2", "update")], [("reading", "1", "delete")]],
    ),
    Writer(
        "from one partition to another",
        sql("UPDATE shelf_reading SET at = 150 WHERE id = 1"),
        [[("reading", "1", "update")]],
    ),
]


def happened(change: Change) -> tuple[str, str, str]:
    """Return kind, key and what happened, as the table of writers writes it."""
    if change.reset:
        return change.kind, change.key, "reset"
    what = "delete" if change.new is None else "insert" if change.old is None else "update"
    return change.kind, change.key, what


def runs_of(changes: list[Change]) -> Iterator[Run]:
    """Cut the log at the ends of transactions."""
    run: Run = []
    for change in changes:
        run.append(happened(change))
        if change.ends:
            yield run
            run = []
    assert not run, "the log ends within a transaction"


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
async def test_each_committed_change_arrives_once_in_one_run_per_transaction(filled: Database, writer: Writer) -> None:
    """Whoever writes: what was committed is in the log once, in one run per transaction; what was not is not."""
    captures: dict[str, Capture] = shelf.CAPTURES if writer.stream == shelf.STREAM else INVENTORY
    await shelf.drain()
    before = await shelf.read_log(writer.stream, captures)
    rows = await shelf.read_tables(writer.stream, captures)

    await run_in_thread(writer.write, filled)

    await shelf.drain()
    changes = await shelf.read_log(writer.stream, captures, after=len(before))
    found = [sorted(run) for run in runs_of(changes)]
    assert sorted(sorted(run) for run in writer.runs) == sorted(found)
    assert await shelf.read_tables(writer.stream, captures) == shelf.replay(rows, changes)
    assert [change.position for change in changes] == list(range(len(before) + 1, len(before) + len(changes) + 1))


async def run_in_thread(write: Callable[[Database], object], database: Database) -> None:
    """Run a writer outside the event loop, as Django insists for its ORM."""
    await sync_to_async(write, thread_sensitive=False)(database)


async def test_ten_thousand_rows_in_one_statement_are_one_run(filled: Database) -> None:
    """A bulk UPDATE arrives as one transaction of 10,000 changes, each with its row before and after."""
    filled.execute("INSERT INTO shelf_item (id, name, price) SELECT n, 'x', 1 FROM generate_series(101, 10100) n")
    await shelf.drain()
    before = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)

    filled.execute("UPDATE shelf_item SET price = id WHERE id > 100")

    await shelf.drain()
    changes = await shelf.read_log(shelf.STREAM, shelf.CAPTURES, after=len(before))
    assert [change.position for change in changes if change.ends] == [len(before) + 10_000]
    assert {int(change.key) for change in changes} == set(range(101, 10_101))
    assert all(c.new and c.old and c.new["price"] == int(c.key) and c.old["price"] == 1 for c in changes)


async def test_the_old_image_is_the_row_before_it(filled: Database) -> None:
    """A change carries the captured columns before and after, and never a column that is not captured."""
    await shelf.drain()
    before = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)
    filled.execute("UPDATE shelf_item SET price = 2.5000, secret = 'x' WHERE id = 1")
    await shelf.drain()
    (change,) = await shelf.read_log(shelf.STREAM, shelf.CAPTURES, after=len(before))
    assert change.old is not None and change.new is not None
    assert (str(change.old["price"]), str(change.new["price"])) == ("2.4500", "2.5000")
    assert set(change.new) == {"id", "name", "price", "main_id", "other_id"}
    assert filled.execute("SELECT count(*) FROM realtime_log WHERE new LIKE '%secret%'") == [(0,)]


async def test_a_plan_made_for_one_row_serves_ten_thousand(filled: Database) -> None:
    """A session that first wrote one row to an analysed, empty table does not take minutes for a bulk update."""
    with filled.connect() as connection:
        connection.execute("TRUNCATE shelf_label, shelf_item")
        connection.execute("ANALYZE shelf_item")
        connection.execute("SET statement_timeout = '10s'")
        connection.execute("INSERT INTO shelf_item (id, name) VALUES (1, 'x')")
        connection.execute("UPDATE shelf_item SET name = 'y'")
        connection.execute("INSERT INTO shelf_item (id, name) SELECT n, 'x' FROM generate_series(2, 40000) n")
        connection.execute("UPDATE shelf_item SET name = 'z'")
    await shelf.drain()
    changes = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)
    assert shelf.replay({}, changes) == await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)


def test_a_trigger_function_can_be_called_by_no_one_else(filled: Database) -> None:
    """A role that may create tables can't put the capture on one of its own and forge changes."""
    name = f"forger_{filled.name}"
    filled.execute(f"CREATE ROLE {name}")
    try:
        with filled.connect() as connection:
            connection.execute(f"SET ROLE {name}")
            connection.execute("CREATE TEMP TABLE forged (id bigint)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    "CREATE TRIGGER forged AFTER TRUNCATE ON forged "
                    "FOR EACH STATEMENT EXECUTE FUNCTION public.realtime_capture_shelf_item()"
                )
            connection.execute("DROP TABLE forged")  # the end of a session drops it, but later
    finally:
        filled.execute(f"DROP ROLE {name}")


def without_rekey(database: Database) -> None:
    database.execute("DROP TRIGGER realtime_rekey ON shelf_label")


def blind_to_moves(database: Database) -> None:
    rewrite(database, "shelf_reading", "FROM old_rows) n", "FROM new_rows) n")


def image_from_new(database: Database) -> None:
    database.execute(
        "CREATE OR REPLACE TRIGGER realtime_update AFTER UPDATE ON shelf_label "
        "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION realtime_capture_shelf_label()"
    )
    database.execute("ALTER TABLE shelf_label ENABLE ALWAYS TRIGGER realtime_update")
    looked_up = 'FROM "public"."shelf_label" t WHERE t."id" = r.pk AND age(t.xmin) <= 0'
    rewrite(database, "shelf_label", looked_up, "FROM new_rows t WHERE t.id = r.pk LIMIT 1")


def rewrite(database: Database, table: str, right: str, wrong: str) -> None:
    """Replace a piece of a capture's function."""
    ((source,),) = database.execute(f"SELECT pg_get_functiondef('realtime_capture_{table}'::regproc)")
    assert right in source
    database.execute(source.replace(right, wrong))


@pytest.mark.parametrize(
    ("ready", "spoil", "write"),
    [
        ("", without_rekey, "UPDATE shelf_label SET id = 71 WHERE id = 1"),
        ("", blind_to_moves, "UPDATE shelf_reading SET id = 71, at = 150 WHERE id = 1"),
        (AFTER_LABEL, image_from_new, "UPDATE shelf_label SET text = 'b' WHERE id = 1"),
    ],
    ids=["keys that came are forgotten", "so are those in partitions", "the new image is taken from NEW"],
)
async def test_the_replay_finds_a_capture_that_is_wrong(
    filled: Database, ready: str, spoil: Callable[[Database], None], write: str
) -> None:
    """The check of the table of writers is green for these writes, and red for captures with a seeded bug."""
    filled.execute(ready)
    assert await replays(filled, write)
    spoil(filled)
    assert not await replays(filled, write.replace("71", "72").replace("id = 1", "id = 2"))


async def replays(database: Database, write: str) -> bool:
    """Tell whether the rows before a write and its changes make the rows after it."""
    await shelf.drain()
    rows = await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)
    before = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)
    database.execute(write)
    await shelf.drain()
    changes = await shelf.read_log(shelf.STREAM, shelf.CAPTURES, after=len(before))
    return await shelf.read_tables(shelf.STREAM, shelf.CAPTURES) == shelf.replay(rows, changes)
