"""Relays: the product's own, which stop before each statement, and a wire that keeps what they publish."""

from collections import deque
from contextlib import suppress

import psycopg

from realtime.conf import RealtimeSettings
from realtime.drivers.relay import Relay
from realtime.pure.changes import Batch
from realtime.pure.wire import decode_batch
from tests.stateful.actors import Actor, Crew
from tests.stateful.tables import CAPTURES, STREAM

SEGMENT_POSITIONS = 8

POINTS = {
    "look": "FROM realtime_inbox WHERE id > ",
    "begin": "BEGIN",
    "lock": "pg_current_xact_id()::text FROM realtime_stream",
    "number": "DELETE FROM realtime_inbox",
    "commit": "COMMIT",
    "read back": "SELECT position, inbox_id, kind, key, version, reset, ends, new, old FROM realtime_log",
    "rest": "pg_sleep",
}
"""Where a relay can be told to stop, by what is in the statement before which it then stands."""

EXPECTED = (psycopg.errors.LockNotAvailable, psycopg.errors.CheckViolation)
"""What a relay may be refused: it prunes later, and makes room in the log."""


class Wire:
    """A bus that keeps what was published until it is looked at."""

    def __init__(self) -> None:
        self.batches: deque[Batch] = deque()

    async def publish(self, batch_bytes: bytes, stream: str) -> None:
        """Keep the batch."""
        if stream == STREAM:
            self.batches.append(decode_batch(batch_bytes, CAPTURES))


class RelayActor:
    """A relay of the product."""

    def __init__(self, name: str, crew: Crew, conninfo: str, slice_changes: int) -> None:
        self.actor: Actor = crew.hire(name)
        self.wire = Wire()
        self._conninfo = conninfo
        self._settings = RealtimeSettings(
            relay_poll_seconds=0.0005,
            relay_slice_changes=slice_changes,
            log_segment_positions=SEGMENT_POSITIONS,
            log_retention_seconds=0,
        )
        self.actor.begin(self._serve())

    async def _serve(self) -> None:
        """One that has not begun to serve does not survive the end of its backend: then there is another."""
        while True:
            with suppress(psycopg.Error):
                await Relay(self._conninfo, self.wire, self._settings).run()

    def stands_at(self, point: str) -> bool:
        """Tell whether the next statement is this one."""
        return self.actor.next is not None and POINTS[point] in self.actor.next
