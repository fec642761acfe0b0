"""The engine: what is committed to a watched table reaches every client that may see it.

An installable Django app that knows nothing of the project that installs it. This is its facade: the
declarations that a project makes, the recorded past, and what an ASGI edge needs to serve sessions. Other
packages import from here, from `realtime.views`, and in migrations from `realtime.adapters.capture`; nothing else.

Each floor imports only those below it: drivers → adapters → declarations → pure.
"""

from typing import TYPE_CHECKING, Any

from realtime.adapters.history import History, Recorded, history
from realtime.declare import Derived, Rows, Stream, Watch, anyone
from realtime.drivers.access import Identity, IdentityProvider
from realtime.drivers.transport import SendTransport, process_budget
from realtime.errors import BadParameter, LogUnavailable, Unavailable
from realtime.pure.changes import Row, RowKey
from realtime.pure.frames import SUBPROTOCOL
from realtime.server.extension import EXTENSION, Prepared, Transport

if TYPE_CHECKING:
    from realtime.drivers.sessions import sessions

__all__ = [
    "EXTENSION",
    "SUBPROTOCOL",
    "BadParameter",
    "Derived",
    "History",
    "Identity",
    "IdentityProvider",
    "LogUnavailable",
    "Prepared",
    "Recorded",
    "Row",
    "RowKey",
    "Rows",
    "SendTransport",
    "Stream",
    "Transport",
    "Unavailable",
    "Watch",
    "anyone",
    "history",
    "process_budget",
    "sessions",
]


def __getattr__(name: str) -> Any:
    """Import what only a server needs when it is asked for: it brings the hub and the clients of both servers."""
    if name == "sessions":
        from realtime.drivers.sessions import sessions  # noqa: PLC0415

        return sessions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
