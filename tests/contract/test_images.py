"""Trigger and snapshot give the same image of a row, for all captured types and whatever the writer has set."""

from datetime import date
from decimal import Decimal

import pytest

from realtime.adapters import capture
from realtime.pure.changes import RowKey
from tests.support import shelf
from tests.support.databases import Database

VALUES = {
    "exact": ["0", "-1.50", "12345678901234567890.1234567890", "0.000000000000000000001", "1e40", "'NaN'", "NULL"],
    "inexact": ["0.1", "1e-300", "-1.7976931348623157e308", "0.30000000000000004", "'-infinity'", "NULL"],
    "moment": ["'2026-03-29 01:30:00+01'", "'1883-11-18 12:03:58.123456-04:56:02'", "'infinity'", "NULL"],
    "day": ["'2026-02-03'", "'0044-03-15 BC'", "'-infinity'", "NULL"],
    "hour": ["'04:05:06.789'", "'24:00'", "NULL"],
    "span": ["'1 year 2 months 3 days 04:05:06.7'", "'-1 day'", "NULL"],
    "flag": ["true", "false", "NULL"],
    "uid": ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "NULL"],
    "raw": [r"'\x00ff5c'", "''", "NULL"],
    "document": ["""'{"a": [1.50, null, "é\\u0001"]}'""", "'null'", "'\"x\"'", "NULL"],
    "words": ["""ARRAY['a "b" \\', NULL, '{,}']""", "'{}'", "NULL"],
    "address": ["'10.0.0.1/8'", "'::1'", "NULL"],
}

SETTINGS = """
SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'postgres_verbose';
SET bytea_output = 'escape'; SET extra_float_digits = -10; SET lc_numeric = 'C'
"""


def fill(database: Database) -> None:
    """Write one row for each value, as a session with settings of its own."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute(SETTINGS)
        number = 0
        for column, values in VALUES.items():
            for value in values:
                number += 1
                moment = f"timestamptz '2026-01-01 00:00+05' + interval '{number} seconds'"
                connection.execute(f"INSERT INTO shelf_oddity (id, {column}) VALUES ({moment}, {value})")


async def test_the_log_leads_to_the_rows_of_a_snapshot(database: Database) -> None:
    """Key by key and column by column the decoded rows are equal, exact numbers to the last digit."""
    fill(database)
    await shelf.drain()
    rows = shelf.replay({}, await shelf.read_log(shelf.STREAM, shelf.CAPTURES))
    snapshot = await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)
    assert len(snapshot) == sum(len(values) for values in VALUES.values())
    assert {key: repr(row) for key, row in rows.items()} == {key: repr(row) for key, row in snapshot.items()}


async def test_exact_numbers_and_times_are_what_was_written(database: Database) -> None:
    """Digits are kept, times are RFC 3339 in UTC."""
    fill(database)
    rows = await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)
    found = [{name: value for name, value in row.items() if value is not None} for row in rows.values()]
    assert {"id", "exact"} < set().union(*found)
    assert "12345678901234567890.1234567890" in {str(row.get("exact")) for row in found}
    assert Decimal("1e40") in [row.get("exact") for row in found]
    assert "2026-03-29T00:30:00+00:00" in {row.get("moment") for row in found}
    assert date(2026, 2, 3).isoformat() in {row.get("day") for row in found}


async def test_an_image_that_depends_on_the_writer_would_be_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the pinned settings the comparison above is red."""
    monkeypatch.setattr(capture, "settings_of", lambda *_: {"search_path": "pg_catalog, pg_temp"})
    fill(database)
    await shelf.drain()
    rows = shelf.replay({}, await shelf.read_log(shelf.STREAM, shelf.CAPTURES))
    snapshot = await shelf.read_tables(shelf.STREAM, shelf.CAPTURES)
    assert {key: repr(row) for key, row in rows.items()} != {key: repr(row) for key, row in snapshot.items()}
    assert all(isinstance(key, RowKey) for key in rows)
