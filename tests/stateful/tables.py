"""Two small watched tables, in the stream `tide`, and how they are emptied between two plays.

    tide_row   a row trigger updates a row again as often as `again` says
    tide_slot  its key is deferrable, so that two rows can change places in one statement

Every statement of a writer counts `version` up and leaves a `token` of its own; `born` is the row's first, and goes
with it to another key. `unseen` is not captured; `was` keeps the key before the statement, for RETURNING.
"""

import json
from typing import Any, NamedTuple

from psycopg import Connection, sql

from realtime.adapters.capture import install, locate
from realtime.pure.changes import Capture, RowKey

STREAM = "tide"
COLUMNS = ("id", "born", "version", "token", "again")
TYPES = (int, str, int, str, int)
CAPTURES = {kind: Capture(kind, f"tide_{kind}", "id", COLUMNS, TYPES) for kind in ("row", "slot")}
KINDS = tuple(CAPTURES)

SCHEMA = """
CREATE TABLE tide_row (
    id bigint PRIMARY KEY, born text NOT NULL, version bigint NOT NULL DEFAULT 1, token text NOT NULL,
    again integer NOT NULL DEFAULT 0, was bigint, unseen text
);
CREATE TABLE tide_slot (LIKE tide_row INCLUDING DEFAULTS, PRIMARY KEY (id) DEFERRABLE);
CREATE FUNCTION tide_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tide_row SET version = version + 1, again = again - 1 WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER a_second_thought AFTER UPDATE ON tide_row FOR EACH ROW WHEN (NEW.again > 0)
    EXECUTE FUNCTION tide_again();
"""

RESET = """
TRUNCATE tide_row, tide_slot;
TRUNCATE realtime_inbox, realtime_doubt RESTART IDENTITY;
DELETE FROM realtime_segment;
UPDATE realtime_stream SET head = 0, floor = 0, mark = '';
"""


class Image(NamedTuple):
    """The captured columns of a row."""

    id: int
    born: str
    version: int
    token: str
    again: int


Rows = dict[RowKey, Image]
"""Rows of both tables by key."""


def build(connection: Connection[Any]) -> None:
    """Create the tables and put the captures on them."""
    connection.execute(SCHEMA)
    put_captures(connection)


def put_captures(connection: Connection[Any]) -> None:
    """Install the captures as the product says now."""
    with connection.transaction(), connection.cursor() as cursor:
        for capture in CAPTURES.values():
            installation = locate(cursor, STREAM, capture)
            assert installation is not None
            install(cursor, installation)


def reset(connection: Connection[Any]) -> None:
    """Empty tables, inbox and log, and begin at position 1."""
    with connection.transaction():
        for (segment,) in connection.execute("SELECT id FROM realtime_segment").fetchall():
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"realtime_log_{segment}")))
        connection.execute(RESET)


def read_rows(connection: Connection[Any]) -> Rows:
    """Return what the tables hold."""
    found: Rows = {}
    for kind, capture in CAPTURES.items():
        for values in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM {capture.table}").fetchall():
            found[RowKey(kind, str(values[0]))] = Image(*values)
    return found


def decode(image: str | None) -> Image | None:
    """Return the row of a captured image."""
    return None if image is None else Image(*json.loads(image))
