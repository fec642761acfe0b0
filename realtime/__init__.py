"""The engine: what is committed to a watched table reaches every client that may see it.

An installable Django app that knows nothing of the project that installs it. This is its facade: the
declarations that a project makes, and what an ASGI edge needs to serve sessions. Other packages import from
here, from `realtime.views`, and in migrations from `realtime.adapters.capture`; nothing else.

Each floor imports only those below it: drivers → adapters → declarations → pure.
"""

from realtime.declare import Derived, Rows, Stream, Watch, anyone
from realtime.errors import BadParameter
from realtime.pure.changes import Row, RowKey

__all__ = [
    "BadParameter",
    "Derived",
    "Row",
    "RowKey",
    "Rows",
    "Stream",
    "Watch",
    "anyone",
]
