"""A database whose disk is full: files can be written where they have bytes, and can't grow."""

from contextlib import suppress

import psycopg

from tests.faults.nemesis.fault import POSTGRES_SECONDS, Fault
from tests.faults.nemesis.kills import answers
from tests.faults.scene import Scene
from tests.support.waiting import eventually


class DiskFull(Fault):
    """Tables can't grow: writers are refused. `log_too`: neither can PostgreSQL's own log, and it goes down."""

    parts = frozenset({"postgres", "clock postgres"})
    promised_seconds = POSTGRES_SECONDS
    needs_shim = True
    holds = (2.0, 10.0)

    def __init__(self, name: str, what: str, *, log_too: bool) -> None:
        self.name, self.what, self.log_too = name, what, log_too

    async def begin(self, scene: Scene) -> None:
        """Fill it."""
        scene.stage.deceptions["postgres"].tell(disk_full=True)
        if self.log_too:
            await scene.aside(self._switch, scene)

    async def end(self, scene: Scene) -> None:
        """Make room; PostgreSQL is started if it had to go down."""
        scene.stage.deceptions["postgres"].tell()
        await scene.aside(self._start, scene)

    @staticmethod
    def _switch(scene: Scene) -> None:
        """Let it want a new file for its log: without room for that it must stop."""
        with suppress(psycopg.Error), scene.stage.connect() as connection:
            for _ in range(20):
                connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS filling (n int)")
                connection.execute("SELECT pg_switch_wal()")
                connection.execute("SELECT pg_logical_emit_message(true, 'filling', repeat('x', 1000))")

    @staticmethod
    def _start(scene: Scene) -> None:
        def started() -> bool:
            if not scene.stage.postgres.running:
                scene.stage.data(scene.stage.postgres.start)
            return answers(scene)

        eventually(started, 60.0, what="PostgreSQL takes connections")
