"""P1 to P3 where keys change: every view has the table's rows, in one frame that names each key once."""

import json
from dataclasses import dataclass

import pytest

from realtime.pure.changes import Row, RowKey
from realtime.pure.selection import Part, Projection, Selection
from realtime.pure.view import Update
from tests.support import shelf
from tests.support.databases import Database
from tests.support.hubs import Listener, Stage, hub_on

ROWS = """
INSERT INTO shelf_item (id, name) VALUES (1, 'rebar'), (2, 'plate'), (3, 'rod');
INSERT INTO shelf_label (id, item_id, text) VALUES (1, 1, 'new'), (2, 1, 'hot'), (3, 2, 'old');
INSERT INTO shelf_reading (id, at, value) VALUES (1, 10, 'a'), (2, 110, 'b');
"""

LATE = """
ALTER TABLE shelf_label DROP CONSTRAINT shelf_label_pkey;
ALTER TABLE shelf_label ADD PRIMARY KEY (id) DEFERRABLE;
"""
"""Keys may meet within a statement."""

MANY = "INSERT INTO shelf_label (id, item_id, text) SELECT n, 1 + n % 2, 'l' || n FROM generate_series(4, 1000) n;"

MOVER = """
CREATE FUNCTION shelf_mover() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE shelf_label SET id = NEW.id + 100, item_id = 2 WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER {name} AFTER UPDATE ON shelf_label FOR EACH ROW EXECUTE FUNCTION shelf_mover();
"""

BEFORE = """
CREATE FUNCTION shelf_renumber() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.id = OLD.id + 60;
    RETURN NEW;
END $$;
CREATE TRIGGER shelf_renumber BEFORE UPDATE ON shelf_label FOR EACH ROW EXECUTE FUNCTION shelf_renumber();
"""

CASCADE = """
UPDATE shelf_label SET item_id = 3;
ALTER TABLE shelf_label ADD FOREIGN KEY (id) REFERENCES shelf_item (id) ON UPDATE CASCADE;
"""


@dataclass(frozen=True)
class Case:
    """What is made ready, and the one statement that changes keys."""

    name: str
    ready: str
    write: str


CASES = [
    Case("one key", "", "UPDATE shelf_label SET id = 71 WHERE id = 1"),
    Case("two keys swapped within a view", LATE, "UPDATE shelf_label SET id = 3 - id WHERE id IN (1, 2)"),
    Case("two keys swapped between views", LATE, "UPDATE shelf_label SET id = 4 - id WHERE id IN (1, 3)"),
    Case("a chain of a thousand keys", LATE + MANY, "UPDATE shelf_label SET id = id + 1"),
    Case(
        "a row trigger that moves the row on before it is captured",
        MOVER.format(name="a_mover"),
        "UPDATE shelf_label SET id = 31 WHERE id = 1",
    ),
    Case(
        "a row trigger that moves the row on after it was captured",
        MOVER.format(name="z_mover"),
        "UPDATE shelf_label SET id = 31 WHERE id = 1",
    ),
    Case(
        "a row trigger that changes the key where the statement did not",
        MOVER.format(name="a_mover"),
        "UPDATE shelf_label SET text = 'b'",
    ),
    Case("a BEFORE row trigger that changes the key", BEFORE, "UPDATE shelf_label SET text = 'b' WHERE id <> 2"),
    Case("ON UPDATE CASCADE to a key", CASCADE, "UPDATE shelf_item SET id = id + 10 WHERE id < 3"),
    Case(
        "an upsert",
        "",
        "INSERT INTO shelf_label (id, item_id, text) VALUES (1, 1, 'x'), (5, 2, 'y') "
        "ON CONFLICT (id) DO UPDATE SET id = 81, item_id = 2, text = excluded.text",
    ),
    Case(
        "MERGE",
        "",
        "MERGE INTO shelf_label l USING (VALUES (1), (2)) v (id) ON l.id = v.id "
        "WHEN MATCHED AND v.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET id = 1",
    ),
    Case("from one partition to another", "", "UPDATE shelf_reading SET id = id + 20, at = 150 - at WHERE id = 1"),
    Case("within a partition", "", "UPDATE shelf_reading_new SET id = 22"),
]

KINDS = {"item": "name", "label": "text", "reading": "value"}
"""What is shown of each kind."""


def part(kind: str, *where: tuple[str, int]) -> Part:
    """Return the rows of a kind, with the one column that is shown."""

    def shown(row: Row) -> dict[str, object]:
        return {"shown": row[KINDS[kind]]}

    return Part(kind, (where,), Projection(f"shown-{kind}", "1", shown))


VIEWS = {
    "everything": Selection(shelf.STREAM, tuple(part(kind) for kind in KINDS)),
    **{f"labels of {item}": Selection(shelf.STREAM, (part("label", ("item_id", item)),)) for item in (1, 2, 3)},
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_views_follow_their_rows_to_other_keys(database: Database, redis_url: str, case: Case) -> None:
    """Whatever changes keys: all views equal the table after one frame, which names each key once."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute(ROWS + case.ready)
    async with hub_on(database) as made:
        await made.assign()
        await made.arrived()
        listeners = {name: await made.opened(selection) for name, selection in VIEWS.items()}

        database.execute(case.write)

        await made.assign()
        await made.arrived()
        for name, listener in listeners.items():
            assert shown_to(listener) == in_table(made, name)
            assert len(listener.updates) <= 1
            assert listener.went_back == []
            assert all(len(set(named)) == len(named) for named in map(keys_of, listener.updates))
        assert listeners["everything"].updates


def shown_to(listener: Listener) -> dict[RowKey, str]:
    """Return what a client shows."""
    return {key: row["shown"] for key, row in listener.rows.items()}


def in_table(made: Stage, view: str) -> dict[RowKey, str]:
    """Return what a view is to show, from the tables."""
    if view != "everything":
        rows = made.database.execute("SELECT id::text, text FROM shelf_label WHERE item_id = %s", int(view[-1]))
        return {RowKey("label", key): text for key, text in rows}
    return {
        RowKey(kind, key): shown
        for kind, column in KINDS.items()
        for key, shown in made.database.execute(f"SELECT id::text, {column} FROM shelf_{kind}")
    }


def keys_of(update: Update) -> list[tuple[str, str]]:
    """Return the keys that a frame names, in order."""
    return [(item["kind"], item["key"]) for item in json.loads(b"[" + b",".join(update.bodies) + b"]")]
