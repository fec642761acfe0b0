"""Connections for reading: every wait is bounded, and an outage is LogUnavailable, whatever it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from realtime import metrics
from realtime.errors import LogUnavailable, StatementFailed

ANSWER_SECONDS = 15.0
"""No call waits longer. Statements and locks are bounded below it at the server, this is for a vanished host."""

STATEMENT_MILLISECONDS = 10_000
LOCK_MILLISECONDS = 3_000

OUTAGES = ("08", "53", "57")
"""Classes of SQLSTATE that say nothing of the statement: connection lost, resources short, server ending."""

TIMED_OUT = "57014"
"""Of those, the one that does: the statement took longer than it may."""


async def connect(conninfo: str) -> AsyncConnection[Any]:
    """Return a connection in autocommit mode whose statements and locks are bounded."""
    options = conninfo_to_dict(conninfo).get("options") or ""
    bounds = f"-c statement_timeout={STATEMENT_MILLISECONDS} -c lock_timeout={LOCK_MILLISECONDS}"
    return await AsyncConnection.connect(
        make_conninfo(conninfo, options=f"{options} {bounds}".strip()), autocommit=True
    )


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Bound the time of a call; raise LogUnavailable for an outage, StatementFailed when a statement is to blame."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except (psycopg.Error, OSError, TimeoutError) as error:
        metrics.log_failures.inc()
        reason = " ".join(str(error).split()) or type(error).__name__
        if _blames_a_statement(error):
            raise StatementFailed(f"PostgreSQL refused: {reason}") from error
        raise LogUnavailable(f"PostgreSQL did not answer: {reason}") from error


def _blames_a_statement(error: Exception) -> bool:
    if not isinstance(error, psycopg.Error) or isinstance(error, psycopg.errors.LockNotAvailable):
        return False
    if error.sqlstate is None:
        return not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate == TIMED_OUT or error.sqlstate[:2] not in OUTAGES
