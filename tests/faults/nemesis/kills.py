"""Processes that are killed with -9. Servers and relays are supervised: they are started again at once."""

import asyncio
import os
import signal

import psycopg

from tests.faults.nemesis.fault import POSTGRES_SECONDS, RELAY_SECONDS, SERVER_SECONDS, Fault
from tests.faults.scene import Scene
from tests.faults.supervised import Unit
from tests.support.waiting import eventually, soon


class UnitKilled(Fault):
    """A server or a relay, one of the two by chance, or both at the same time."""

    def __init__(self, role: str, *, count: int = 1) -> None:
        self.role, self.count = role, count
        self.name = f"{role}_killed" if count == 1 else f"{role}s_killed"
        self.what = f"kill -9 of {'one of the' if count == 1 else 'both'} {role}s"
        self.promised_seconds = SERVER_SECONDS if role == "server" else RELAY_SECONDS
        self.parts = frozenset({role})

    async def begin(self, scene: Scene) -> None:
        """Kill."""
        self._killed = {unit: unit.starts for unit in scene.chance.sample(units_of(scene, self.role), self.count)}
        for unit in self._killed:
            unit.kill()

    async def clean_up(self, scene: Scene) -> None:
        """Wait until they run again, as they will if they were killed."""
        for unit, starts in self._killed.items():
            await soon(lambda unit=unit, starts=starts: unit.starts > starts and unit.is_ready, 60.0, what=unit.name)


class BackendKilled(Fault):
    """PostgreSQL then ends all sessions by itself and recovers from its log."""

    name = "postgres_backend_killed"
    what = "kill -9 of one PostgreSQL backend, which makes it end all sessions and recover"
    parts = frozenset({"postgres"})
    promised_seconds = POSTGRES_SECONDS

    async def begin(self, scene: Scene) -> None:
        """Kill the backend of a server, a relay or a writer."""
        pid = await scene.aside(self._choose, scene)
        os.kill(pid, signal.SIGKILL)

    async def end(self, scene: Scene) -> None:
        """Wait until it takes connections again."""
        await asyncio.sleep(0.1)
        await scene.aside(wait_for_postgres, scene)

    @staticmethod
    def _choose(scene: Scene) -> int:
        postmaster = scene.stage.postgres.process
        assert postmaster is not None
        with scene.stage.connect() as connection:
            query = (
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
                "AND datname = current_database() ORDER BY pid"
            )
            pids = [int(row[0]) for row in connection.execute(query).fetchall()]
        return scene.chance.choice(pids)


class WriterKilled(Fault):
    """Its transaction is rolled back; what it had committed is there."""

    name = "writer_killed"
    what = "kill -9 of a writer in mid-transaction"
    parts = frozenset({"writer"})

    async def begin(self, scene: Scene) -> None:
        """Kill one."""
        await scene.aside(scene.writers.kill_in_transaction)


def units_of(scene: Scene, role: str) -> list[Unit]:
    """Return the servers or the relays."""
    return scene.stage.servers if role == "server" else scene.stage.relays


def wait_for_postgres(scene: Scene, seconds: float = 60.0) -> None:
    """Wait until PostgreSQL takes connections to the stage's database."""

    eventually(lambda: answers(scene), seconds, what="PostgreSQL takes connections")


def answers(scene: Scene) -> bool:
    """Tell whether PostgreSQL takes a connection to the stage's database now."""
    try:
        scene.stage.connect().close()
    except psycopg.Error:
        return False
    return True
