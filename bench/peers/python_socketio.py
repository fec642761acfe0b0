"""python-socketio on uvicorn with its Redis manager (programs/socket_io.py): one process, a room per topic.

uvloop, httptools, orjson, no compression, no access log, WebSocket alone. A message is published as a
write-only manager does it: JSON on the one channel of all servers.
"""

import json

from bench.fanout.load import Audience
from bench.fanout.subjects import Change, message
from bench.peers.installing import PROGRAMS, python
from bench.peers.peer import Peer, Publisher
from bench.peers.redis import command, publisher_to
from bench.peers.socket_io import HEARTBEAT, PATH, opening

EMIT = {"method": "emit", "event": "change", "binary": False, "namespace": "/", "skip_sid": None, "callback": None}

UVICORN = [
    *("--log-level", "warning", "--no-access-log", "--lifespan", "off", "--backlog", "4096"),
    *("--loop", "uvloop", "--http", "httptools", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"),
]


class PythonSocketIo(Peer):
    """The usual way in Python, but for Channels."""

    name = "python-socketio, uvicorn"

    def install(self) -> None:
        """Make an environment with python-socketio and uvicorn from PyPI."""
        python()

    def begin(self) -> Publisher:
        """Start Valkey and uvicorn."""
        valkey = self.run_valkey()
        where = ["--app-dir", str(PROGRAMS), "--host", "127.0.0.1", "--port", str(self.port)]
        self.run(python(), "-m", "uvicorn", "socket_io:application", *where, *UVICORN, REDIS_URL=valkey.url())
        return publisher_to(valkey)

    def audience(self, connections: int) -> Audience:
        """Clients that are in their room."""
        return Audience(self.port, connections, path=PATH, script=opening(self.subscribed), options=[HEARTBEAT])

    def encode(self, change: Change) -> bytes:
        """PUBLISH as a write-only manager."""
        emit = {**EMIT, "data": [json.loads(message(change))], "room": self.topic(change), "host_id": "bench"}
        return command(b"PUBLISH", b"socketio", json.dumps(emit, separators=(",", ":")).encode())
