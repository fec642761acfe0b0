"""How the engine's own connections to PostgreSQL are made, and how names and values are put into SQL."""

from collections.abc import Mapping
from typing import Any

from django.db import connections
from psycopg.conninfo import make_conninfo

PINNED: Mapping[str, str] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
"""What an image may depend on besides the row: the same for triggers and for snapshots, whatever a writer has set."""

KEEPALIVE: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,
}
"""A vanished host is noticed within about 12 seconds; PostgreSQL's own default is over two hours."""


PARAMETERS = (
    *("host", "port", "dbname", "user", "password", "service", "passfile"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey"),
)
"""What is taken over from Django's connection."""


def conninfo_of(alias: str, application_name: str) -> str:
    """Return libpq parameters for the engine's own connections to a Django database, the primary only."""
    given = connections[alias].get_connection_params()
    chosen: dict[str, Any] = {name: given[name] for name in PARAMETERS if given.get(name)}
    chosen["options"] = _options(given)
    return make_conninfo(**chosen, **KEEPALIVE, application_name=application_name, target_session_attrs="read-write")


def _options(given: Mapping[str, Any]) -> str:
    """Return command-line options that pin the session's settings, after the deployment's own."""
    settings = {**PINNED, "jit": "off"}
    pinned = [f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items()]
    return " ".join([given.get("options") or "", *pinned]).strip()


def name_of(*parts: str) -> str:
    """Return a quoted, perhaps schema-qualified SQL name."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def text_of(value: str) -> str:
    """Return a quoted SQL text constant, right under any `standard_conforming_strings`."""
    quoted = "'" + value.replace("'", "''").replace("\\", "\\\\") + "'"
    return f"E{quoted}" if "\\" in value else quoted
