"""Capture: triggers that write every committed change of a watched table into the inbox.

An app's migration names the stream, the model and the columns that may enter the log:

    operations = [WatchTable("inventory", "stocklevel", columns=["id", "warehouse", "on_hand"])]

One trigger for each kind of statement calls one function of the table. What must hold:

- The new image is read from the table by key when the trigger runs, never from NEW. When a row trigger updates
  the row again, the inner statement's newer image is logged before the outer one's; a view built from NEW
  would stay wrong for good.
- Of the rows with a key, the one that this transaction wrote counts (its `xmin` is no older than the transaction).
  Under REPEATABLE READ there may be another: one that was deleted since the snapshot, and is still to be seen in it.
  This takes unique keys for granted that are checked when a statement ends, not when the transaction does
  (INITIALLY DEFERRED): else of two that wrote one key the first to log it might be the last to commit.
- The old image comes from OLD. A key may occur twice in a transition table (two SET NULL cascades): two
  changes, with the same new image.
- An UPDATE is logged under its old keys: for each of them what it held, and what it holds now. What came to a
  new key is logged by a row trigger that is called for those rows alone (`realtime_rekey`). The two need no
  order and don't know of each other: each change says what its key holds when it is logged, so of two changes
  of one key (two rows that swapped theirs) the later is right, and they travel in one transaction. A row that
  has left its new key again is not logged there: who moved it on, did. The row trigger reads no transition
  table, which would be quadratic when every key changes.
- A row that moves to another partition is a DELETE and an INSERT to row triggers. In partitions, and in
  inheritance, the statement trigger therefore has both transition tables, and looks for keys that came.
- PostgreSQL refuses to change the type of a column that a row trigger's condition names: a migration that does
  so with the key drops `realtime_rekey` before it, and ends with WatchTable, which makes it again.
- Nothing depends on how many rows the plan was made for: the function's plan is kept by the session, so an
  index is looked up for each row (`enable_seqscan` off), and keys are compared by EXCEPT, never by a join.
- An image depends on the row alone: the search path and the settings that its types depend on are pinned, the
  function runs with its owner's rights, and the triggers are ENABLE ALWAYS.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState
from django.db.transaction import atomic

from realtime.adapters.database import PINNED, name_of, text_of
from realtime.declare import capture_of
from realtime.errors import DeclarationError
from realtime.pure.changes import Capture

COLUMNS_MAX = 100
"""PostgreSQL's bound on the arguments of json_build_array."""

STATEMENT = "FOR EACH STATEMENT"

TRIGGERS: Mapping[str, str] = {
    "realtime_insert": f"AFTER INSERT ON {{table}} REFERENCING NEW TABLE AS new_rows {STATEMENT}",
    "realtime_update": f"AFTER UPDATE ON {{table}} REFERENCING OLD TABLE AS old_rows {STATEMENT}",
    "realtime_rekey": "AFTER UPDATE ON {table} FOR EACH ROW WHEN (OLD.{key} IS DISTINCT FROM NEW.{key})",
    "realtime_delete": f"AFTER DELETE ON {{table}} REFERENCING OLD TABLE AS old_rows {STATEMENT}",
    "realtime_truncate": f"AFTER TRUNCATE ON {{table}} {STATEMENT}",
}
"""A watched table has these five."""

MOVED = f"AFTER UPDATE ON {{table}} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows {STATEMENT}"
"""`realtime_update` where rows can move between tables: each of the tables has it, and no `realtime_rekey`."""


def image_of(capture: Capture, row: str) -> str:
    """Return the SQL expression of a row's image: the one place where it is written."""
    return f"json_build_array({', '.join(f'{row}.{name_of(column)}' for column in capture.columns)})::text"


def key_of(capture: Capture, row: str) -> str:
    """Return the SQL expression of a row's key."""
    return f"{row}.{name_of(capture.key)}::text"


@dataclass(frozen=True, slots=True)
class Installation:
    """A capture in a stream, the schemas of its table and of the inbox, and the settings its function runs under.

    `partitioned`: the table has or is a partition, or inherits, so that a row may move to another table.
    """

    stream: str
    capture: Capture
    table_schema: str
    inbox_schema: str
    settings: Mapping[str, str]
    partitioned: bool

    @property
    def table(self) -> str:
        """The watched table as an SQL name."""
        return name_of(self.table_schema, self.capture.table)

    @property
    def function_name(self) -> str:
        """The function's bare name, within PostgreSQL's 63 bytes."""
        name = f"realtime_capture_{self.capture.table}"
        if len(name.encode()) <= 63:
            return name
        return f"realtime_capture_{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    @property
    def function(self) -> str:
        """The function as an SQL name; it lives beside the table."""
        return name_of(self.table_schema, self.function_name)

    @property
    def triggers(self) -> dict[str, str]:
        """The triggers that are due on the table and on each of its partitions, by name: all but the call."""
        if not self.partitioned:
            return dict(TRIGGERS)
        due = {**TRIGGERS, "realtime_update": MOVED}
        del due["realtime_rekey"]
        return due

    def body(self) -> str:
        """Return the source of the trigger function. Every name and value in it is quoted (hence the noqa)."""
        capture, key = self.capture, name_of(self.capture.key)
        words = f"{text_of(self.stream)}, {text_of(capture.kind)}"
        version = text_of(capture.version)
        own = f"t.{key} = r.pk AND age(t.xmin) <= 0"
        new = f"(SELECT {image_of(capture, 't')} FROM {self.table} t WHERE {own})"  # noqa: S608
        were = f"SELECT o.{key} AS pk, {image_of(capture, 'o')} AS old FROM old_rows o"  # noqa: S608
        came = f"SELECT n.{key}, NULL FROM (SELECT {key} FROM new_rows EXCEPT SELECT {key} FROM old_rows) n"  # noqa: S608
        are = f"SELECT n.{key} AS pk, NULL::text AS old FROM new_rows n"  # noqa: S608
        is_now = f"SELECT NEW.{key} AS pk, NULL::text AS old"
        insert = (
            f"INSERT INTO {name_of(self.inbox_schema, 'realtime_inbox')}\n"
            f"            (stream, kind, key, version, reset, new, old)"
        )

        def log(rows: str) -> str:
            return f"""{insert}
        SELECT {words}, c.key, {version}, false, c.new, c.old FROM (
            SELECT r.pk::text AS key, {new} AS new, r.old FROM ({rows}) r OFFSET 0
        ) c WHERE c.new IS DISTINCT FROM c.old;"""  # noqa: S608

        cases = {
            "TG_OP = 'UPDATE' AND TG_LEVEL = 'STATEMENT'": log(
                f"{were} UNION ALL {came}" if self.partitioned else were
            ),
            "TG_OP = 'INSERT'": log(are),
            "TG_OP = 'DELETE'": log(were),
            "TG_OP = 'TRUNCATE'": f"{insert}\n        VALUES ({words}, '', {version}, true, NULL, NULL);",
        }
        if not self.partitioned:
            cases["TG_OP = 'UPDATE'"] = log(is_now)
        branches = "\n    ELSIF ".join(f"{condition} THEN\n        {action}" for condition, action in cases.items())
        return f"\nBEGIN\n    IF {branches}\n    END IF;\n    RETURN NULL;\nEND\n"

    def create_function(self) -> str:
        """Return the statement that creates or replaces the trigger function."""
        settings = " ".join(f"SET {name} = {_setting(name, value)}" for name, value in self.settings.items())
        return (
            f"CREATE OR REPLACE FUNCTION {self.function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"{settings} AS {dollar_quoted(self.body())}"
        )

    def create_triggers(self, relation: str) -> list[str]:
        """Return the statements that put the triggers that are due, and no others, on the table or a partition."""
        key = name_of(self.capture.key)
        statements = [f"DROP TRIGGER IF EXISTS {name} ON {relation}" for name in TRIGGERS]
        for name, event in self.triggers.items():
            statements += [
                f"CREATE TRIGGER {name} {event.format(table=relation, key=key)} EXECUTE FUNCTION {self.function}()",
                f"ALTER TABLE {relation} ENABLE ALWAYS TRIGGER {name}",
            ]
        return statements


def _setting(name: str, value: str) -> str:
    return value if name == "search_path" else text_of(value)


def dollar_quoted(source: str) -> str:
    """Return a function's source between dollar quotes that it does not contain."""
    tag = "$capture$"
    while tag in source:
        tag = f"{tag[:-1]}_$"
    return f"{tag}{source}{tag}"


SCHEMA_OF = """
SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)
"""

TYPES_OF = """
SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(%s) AND a.attname = ANY(%s)
"""

PARTITIONED = """
SELECT c.relkind = 'p' OR EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
"""Whether a table has or is a partition, or has to do with inheritance."""

RELATIONS_OF = "SELECT c.relid::regclass::text FROM pg_partition_tree(%s::regclass) c ORDER BY c.level"
"""A table and its partitions; a table without partitions is not in its own tree."""

DEPENDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("bool", "int2", "int4", "int8", "numeric", "text", "varchar", "bpchar", "uuid", "jsonb"), ()),
    **dict.fromkeys(("date", "time", "timestamp"), ()),
    "timestamptz": ("TimeZone",),
    "interval": ("IntervalStyle",),
    "bytea": ("bytea_output",),
    "float4": ("extra_float_digits",),
    "float8": ("extra_float_digits",),
}
"""The pinned settings that a type's JSON depends on; any other type is taken to depend on all of them."""

KEYS_ALIKE = ("int2", "int4", "int8", "text", "varchar", "uuid")
"""Types whose text depends on no setting; a key is shown as text, not as JSON."""


def settings_of(capture: Capture, types: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for the function of a capture, by its columns' types.

    No more than are needed: each one costs a single-row statement about two per cent of its time.
    """
    needed = {name for column in capture.columns for name in DEPENDS.get(types.get(column, ""), tuple(PINNED))}
    if types.get(capture.key) not in KEYS_ALIKE:
        needed = set(PINNED)
    pinned = {name: value for name, value in PINNED.items() if name in needed}
    return {"search_path": "pg_catalog, pg_temp", "enable_seqscan": "off", **pinned}


def locate(cursor: Any, stream: str, capture: Capture) -> Installation | None:
    """Return the installation of a capture in the cursor's database, or None when its table or the inbox is missing."""
    schemas = []
    for table in (capture.table, "realtime_inbox"):
        cursor.execute(SCHEMA_OF, [name_of(table)])
        row = cursor.fetchone()
        if row is None:
            return None
        schemas.append(row[0])
    cursor.execute(TYPES_OF, [name_of(capture.table), list(capture.columns)])
    settings = settings_of(capture, dict(cursor.fetchall()))
    cursor.execute(PARTITIONED, [name_of(capture.table)])
    (partitioned,) = cursor.fetchone()
    table_schema, inbox_schema = schemas
    return Installation(stream, capture, table_schema, inbox_schema, settings, partitioned)


def relations_of(cursor: Any, installation: Installation) -> list[str]:
    """Return the watched table and its partitions as SQL names."""
    cursor.execute(RELATIONS_OF, [installation.table])
    found = [row[0] for row in cursor.fetchall()]
    return found or [installation.table]


ADD_STREAM = """
INSERT INTO realtime_stream (name, epoch, epoch_number, system_identifier, timeline)
SELECT %s, %s, 1, (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8)
ON CONFLICT (name) DO NOTHING
"""

ADD_RESET = """
INSERT INTO realtime_inbox (stream, kind, key, version, reset) VALUES (%s, %s, '', %s, true)
"""


def install(cursor: Any, installation: Installation) -> None:
    """Put the capture on its table and all partitions; record a reset where anybody can have seen the table before."""
    capture, function = installation.capture, f"{installation.function}()"
    cursor.execute(f"LOCK TABLE {installation.table} IN SHARE ROW EXCLUSIVE MODE")
    seen = _has_rows(cursor, installation.table) or _has_moved(cursor, installation.stream)
    cursor.execute(installation.create_function())
    cursor.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for relation in relations_of(cursor, installation):
        for statement in installation.create_triggers(relation):
            cursor.execute(statement)
    cursor.execute(ADD_STREAM, [installation.stream, uuid4().hex])
    if seen:
        cursor.execute(ADD_RESET, [installation.stream, capture.kind, capture.version])


SOURCE = "SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure(%s)"


def renew(cursor: Any, stream: str, capture: Capture) -> None:
    """Install a capture anew where another release of the engine installed it, with a reset.

    One of other columns is left alone: the migration that changed them installs its successor.
    """
    installation = locate(cursor, stream, capture)
    if installation is None:
        return
    cursor.execute(SOURCE, [f"{installation.function}()"])
    row = cursor.fetchone()
    if row is not None and text_of(capture.version) in row[0] and row[0] != installation.body():
        install(cursor, installation)


MOVED_ON = """
SELECT EXISTS (SELECT FROM realtime_stream WHERE name = %s AND (head > 0 OR epoch_number > 1))
    OR EXISTS (SELECT FROM realtime_inbox WHERE stream = %s)
"""


def _has_moved(cursor: Any, stream: str) -> bool:
    """Tell whether the stream ever had a change: only then can anybody have seen rows of a table that is empty now."""
    cursor.execute(MOVED_ON, [stream, stream])
    return bool(cursor.fetchone()[0])


def _has_rows(cursor: Any, table: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608 - the name is quoted
    return bool(cursor.fetchone()[0])


class WatchTable(Operation):
    """Capture every change of a model's table in a stream, with the columns that may enter the log.

    `columns` are names of fields as in `Watch`. Running it again with other columns replaces the capture and
    records a reset, after which every view of the table is read anew; so does running it with the same ones,
    which is how a migration ends that changed values by DDL or attached partitions. `was` are the columns
    before this migration, to which its reversal returns (None: the table was not watched).
    """

    reversible = True
    category = OperationCategory.SQL

    def __init__(self, stream: str, model_name: str, columns: Sequence[str], was: Sequence[str] | None = None) -> None:
        self.stream = stream
        self.model_name = model_name
        self.columns = list(columns)
        self.was = None if was is None else list(was)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return name and arguments for the migration writer."""
        kwargs: dict[str, Any] = {"columns": self.columns}
        if self.was is not None:
            kwargs["was"] = self.was
        return self.__class__.__qualname__, [self.stream, self.model_name], kwargs

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the models as they are."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Install the capture, and record a reset where anybody can have seen the table before."""
        self._install(app_label, schema_editor, to_state, self.columns)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Return to the earlier columns, or remove the capture."""
        if self.was is not None:
            self._install(app_label, schema_editor, to_state, self.was)
            return
        with schema_editor.connection.cursor() as cursor:
            installation = self._locate(cursor, app_label, from_state, self.columns)
            cursor.execute(f"DROP FUNCTION IF EXISTS {installation.function}() CASCADE")

    def describe(self) -> str:
        """Return one line for the output of `migrate` and `makemigrations`."""
        return f"Capture changes of {self.model_name} in the stream {self.stream}"

    @property
    def migration_name_fragment(self) -> str:
        """Return a part of a migration's name."""
        return f"watch_{self.model_name.lower()}"

    def _locate(self, cursor: Any, app_label: str, state: ProjectState, columns: Sequence[str]) -> Installation:
        capture = capture_of(state.apps.get_model(app_label, self.model_name), columns)
        if len(capture.columns) > COLUMNS_MAX:
            raise DeclarationError(f"{self.model_name}: at most {COLUMNS_MAX} columns, not {len(capture.columns)}")
        installation = locate(cursor, self.stream, capture)
        if installation is None:
            raise DeclarationError(
                f"{capture.table!r} or 'realtime_inbox' does not exist: "
                f"let the migration depend on ('realtime', '0001_initial') and on the table's"
            )
        return installation

    def _install(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState, columns: Sequence[str]
    ) -> None:
        with atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            install(cursor, self._locate(cursor, app_label, state, columns))
