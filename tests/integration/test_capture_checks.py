"""Captures that differ from their declarations are errors at start-up, and the migration operation sets them right."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import OperationWriter

from core.stock.models import Warehouse
from realtime.adapters.capture import WatchTable, install, locate
from realtime.checks import check_captures, check_settings
from realtime.conf import realtime_settings
from realtime.declare import capture_of, registry
from realtime.errors import DeclarationError
from tests.support import shelf
from tests.support.databases import Database

COLUMNS = ["id", "code", "name", "city", "dispatch_days"]


def found() -> list[tuple[str | None, str]]:
    """Return ids and texts of what the check of captures says."""
    return [(message.id, message.msg) for message in check_captures(databases=["default"])]


def ids(messages: list[CheckMessage]) -> list[str | None]:
    """Return the ids of messages."""
    return [message.id for message in messages]


def test_the_migrated_database_is_as_declared(database: Database, django_db_blocker: Any) -> None:
    """After `migrate` every declared capture is installed as declared; without the database nothing is compared."""
    assert found() == []
    assert check_captures(databases=None) == []


@pytest.mark.parametrize(
    ("statement", "expected", "text"),
    [
        ("DROP TRIGGER realtime_update ON stock_warehouse", "realtime.E005", "lacks realtime_update"),
        ("DROP TRIGGER realtime_rekey ON stock_warehouse", "realtime.E005", "lacks realtime_rekey"),
        ("ALTER TABLE stock_warehouse DISABLE TRIGGER realtime_rekey", "realtime.E006", "realtime_rekey is disabled"),
        ("ALTER TABLE stock_warehouse DISABLE TRIGGER realtime_delete", "realtime.E006", "realtime_delete is disabled"),
        ("ALTER TABLE stock_warehouse ENABLE TRIGGER realtime_insert", "realtime.E006", "skipped by some sessions"),
        ("DROP FUNCTION realtime_capture_stock_warehouse CASCADE", "realtime.E005", "realtime_truncate"),
        ("ALTER FUNCTION realtime_capture_stock_warehouse SECURITY INVOKER", "realtime.E007", "is not the one"),
        ("ALTER FUNCTION realtime_capture_stock_warehouse RESET search_path", "realtime.E007", "is not the one"),
    ],
)
def test_a_capture_that_was_touched_is_an_error(database: Database, statement: str, expected: str, text: str) -> None:
    """Missing, disabled, not ENABLE ALWAYS, or another function: each is named, with its table."""
    database.execute(statement)
    ((error, message),) = found()
    assert error == expected
    assert text in message
    assert "stock_warehouse" in message


def test_a_declaration_that_went_on_is_an_error(database: Database) -> None:
    """The installed function captures other columns than the declared ones."""
    operate(WatchTable("inventory", "warehouse", columns=["id", "code"]))
    assert [error for error, _ in found()] == ["realtime.E007"]


def test_a_partition_without_triggers_is_an_error(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that was added later lacks them until the capture is installed again."""
    with database.connect() as session:
        shelf.build(session)
    monkeypatch.setattr(registry, "streams", {"shelf": FakeStream})
    assert found() == []
    database.execute("CREATE TABLE shelf_reading_next PARTITION OF shelf_reading FOR VALUES FROM (200) TO (300)")
    assert [(error, "shelf_reading_next" in text) for error, text in found()] == [("realtime.E005", True)]


def test_a_key_that_is_checked_too_late_is_an_error(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """P2: two transactions could write one key at a time, and commit in another order than that of the log."""
    with database.connect() as session:
        shelf.build(session)
    monkeypatch.setattr(registry, "streams", {"shelf": FakeStream})
    late = "ADD CONSTRAINT late PRIMARY KEY (id) DEFERRABLE INITIALLY"
    database.execute(f"ALTER TABLE shelf_label DROP CONSTRAINT shelf_label_pkey, {late} IMMEDIATE")
    assert found() == []
    database.execute(f"ALTER TABLE shelf_label DROP CONSTRAINT late, {late} DEFERRED")
    assert [(error, "constraint late is INITIALLY DEFERRED" in text) for error, text in found()] == [
        ("realtime.E008", True)
    ]
    database.execute("CREATE UNIQUE INDEX at_once ON shelf_label (id)")
    assert found() == []


def test_a_table_that_became_a_partition_is_an_error(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows can now move to another table, which its capture does not see: it is to be installed anew."""
    with database.connect() as session:
        shelf.build(session)
        monkeypatch.setattr(registry, "streams", {"shelf": FakeStream})
        session.execute("ALTER TABLE shelf_label ALTER id DROP IDENTITY")
        session.execute("CREATE TABLE whole (LIKE shelf_label) PARTITION BY RANGE (id)")
        session.execute("ALTER TABLE whole ATTACH PARTITION shelf_label FOR VALUES FROM (0) TO (100)")
        assert [(error, "shelf_label" in text) for error, text in found()] == [("realtime.E007", True)]
        with session.transaction(), session.cursor() as cursor:
            installation = locate(cursor, shelf.STREAM, shelf.LABEL)
            assert installation is not None
            install(cursor, installation)
        assert found() == []
        triggers = session.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = 'shelf_label'::regclass").fetchall()
        assert ("realtime_rekey",) not in triggers


def test_a_capture_of_an_earlier_release_is_renewed(database: Database) -> None:
    """`migrate` brings it to the present form, and records a reset; one that is as it should be is left alone."""
    database.execute("INSERT INTO stock_warehouse (id, code) VALUES (1, 'A')")
    ((source,),) = database.execute("SELECT pg_get_functiondef('realtime_capture_stock_warehouse'::regproc)")
    database.execute(source.replace("BEGIN", "BEGIN -- as it was", 1))
    database.execute("DROP TRIGGER realtime_rekey ON stock_warehouse")
    assert {error for error, _ in found()} == {"realtime.E005", "realtime.E007"}
    MigrationRecorder(connection).record_unapplied("realtime", "0003_own_rows")

    call_command("migrate", verbosity=0, interactive=False)

    assert found() == []
    assert database.execute("SELECT kind, reset FROM realtime_inbox ORDER BY id") == [
        ("warehouse", False),
        ("warehouse", True),
    ]


class FakeStream:
    """The shelf as a declared stream; it has no Django models."""

    name = shelf.STREAM
    captures = shelf.CAPTURES


def test_with_migrations_not_applied_nothing_is_compared(database: Database) -> None:
    """`migrate` runs the checks before it has installed anything: then there is a warning only."""
    for app, newest in MigrationLoader(connection).graph.leaf_nodes("stock"):
        MigrationRecorder(connection).record_unapplied(app, newest)
    assert [error for error, _ in found()] == ["realtime.W004"]


def operate(operation: migrations.operations.base.Operation, *, backwards: bool = False) -> None:
    """Run an operation of a migration of `stock` on the database as it is."""
    state = ProjectState.from_apps(Warehouse._meta.apps)
    with connection.schema_editor() as editor:
        run = operation.database_backwards if backwards else operation.database_forwards
        run("stock", editor, state, state)


def captured(database: Database) -> Iterator[tuple[bool, str | None]]:
    """Return (reset, new image) of what is in the inbox, in order."""
    yield from database.execute("SELECT reset, new FROM realtime_inbox ORDER BY id")


def test_other_columns_replace_the_capture_and_record_a_reset(database: Database) -> None:
    """The operation is repeatable and reversible: new columns, the earlier ones, none."""
    operation = WatchTable("inventory", "warehouse", columns=["id", "code"], was=COLUMNS)
    insert = "INSERT INTO stock_warehouse (id, code) VALUES (%s, %s)"

    database.execute(insert, 1, "A")
    operate(operation)
    database.execute(insert, 2, "B")
    operate(operation, backwards=True)
    database.execute(insert, 3, "C")
    assert list(captured(database)) == [
        (False, '[1, "A", "", "", 1]'),
        (True, None),
        (False, '[2, "B"]'),
        (True, None),
        (False, '[3, "C", "", "", 1]'),
    ]
    assert found() == []

    operate(WatchTable("inventory", "warehouse", columns=COLUMNS), backwards=True)
    database.execute(insert, 4, "D")
    assert len(list(captured(database))) == 5


def test_a_table_that_nobody_can_have_seen_needs_no_reset(database: Database) -> None:
    """A new project's log is empty, however often its migrations change what is watched; nothing is ever left out."""
    assert database.execute("SELECT count(*) FROM realtime_inbox") == [(0,)]
    operation = WatchTable("inventory", "warehouse", columns=["id", "code"], was=COLUMNS)
    operate(operation)
    assert list(captured(database)) == []
    database.execute("INSERT INTO stock_warehouse (id, code) VALUES (1, 'A')")
    database.execute("DELETE FROM stock_warehouse")
    operate(operation, backwards=True)
    assert list(captured(database)) == [(False, '[1, "A"]'), (False, None), (True, None)]


def test_the_operation_is_written_as_it_was_made() -> None:
    """`makemigrations` and `squashmigrations` can write it; `sqlmigrate` names it."""
    operation = WatchTable("inventory", "warehouse", columns=["id"], was=["id", "code"])
    written, imports = OperationWriter(operation, indentation=0).serialize()
    assert "import realtime.adapters.capture" in imports
    assert "was=['id', 'code']" in written
    assert operation.describe() == "Capture changes of warehouse in the stream inventory"


def test_the_operation_refuses_what_it_can_not_capture(database: Database) -> None:
    """A key left out, an unknown column: an error that names them, and no trigger."""
    for columns in (["code"], ["id", "colour"]):
        with pytest.raises(DeclarationError):
            operate(WatchTable("inventory", "warehouse", columns=columns))
    assert capture_of(Warehouse, COLUMNS).columns == tuple(COLUMNS)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"relay_poll_seconds": 0}, ["realtime.E002"]),
        ({"deployment": "with space"}, ["realtime.E002"]),
        ({"channel_layer": "absent"}, ["realtime.E002"]),
    ],
    ids=str,
)
def test_settings_that_can_not_work_are_errors(settings: Any, changed: dict[str, Any], expected: list[str]) -> None:
    """Broken settings are told at start-up, with their value."""
    settings.REALTIME = {**settings.REALTIME, **changed}
    realtime_settings.cache_clear()
    try:
        assert ids(check_settings()) == expected
    finally:
        realtime_settings.cache_clear()


def test_the_core_channel_layer_is_warned_of(settings: Any) -> None:
    """A layer that drops messages at its capacity works, late: a warning."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}
    assert ids(check_settings()) == ["realtime.W003"]
