"""PostgreSQL is killed right after positions were published: they must not be given out again."""

import tempfile
from pathlib import Path

from core.demo.embedded import PostgresServer
from realtime.conf import RealtimeSettings
from realtime.drivers.relay import Relay
from tests.stateful.actors import Crew
from tests.stateful.history import require
from tests.stateful.relays import Wire
from tests.stateful.stage import Stage, bare_database
from tests.stateful.tables import STREAM
from tests.support.ports import free_port

SETTINGS = {"fsync": "off", "full_page_writes": "off", "wal_writer_delay": "10s"}
"""What a commit did not write is not written before the crash either. For killed processes no fsync is needed."""

MARK = "SELECT mark FROM realtime_log WHERE stream = %s AND position = %s"


def crash_after_publishing(stage: Stage) -> None:
    """Kill a server of its own when a relay has published a change, and look for that when it is back."""
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", port=free_port(), settings=SETTINGS)
        server.start()
        try:
            _crash(server, stage.crew)
        finally:
            server.kill()


def _crash(server: PostgresServer, crew: Crew) -> None:
    with bare_database(server) as database:
        wire = Wire()
        for key in (1, 2):
            database.execute("INSERT INTO tide_row (id, born, token) VALUES (%s, 'b', 't')", key)
            drain(crew, Relay(database.url, wire, RealtimeSettings()))
        server.kill()
        server.start()
        published = [batch for batch in wire.batches if batch.after != batch.head]
        require(len(published) == 2, "I1", f"published was {published}")
        for batch in published:
            found = database.execute(MARK, STREAM, batch.head)
            require(found == [(batch.mark,)], "I2", f"position {batch.head} was published, and is lost in the crash")


def drain(crew: Crew, relay: Relay) -> None:
    """Let a relay give positions to all that there is."""
    actor = crew.hire("relay")
    actor.begin(relay.drain())
    while not actor.idle:
        crew.settle()
        if actor.stopped:
            actor.go()
    crew.dismiss()
