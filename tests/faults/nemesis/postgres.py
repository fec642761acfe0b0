"""What can happen to PostgreSQL, other than that it hangs."""

import signal
import subprocess
from contextlib import suppress

from tests.faults.nemesis.fault import PAUSES, POSTGRES_SECONDS, Fault
from tests.faults.nemesis.kills import wait_for_postgres
from tests.faults.scene import Scene


class PostgresFault(Fault):
    """One that is over once PostgreSQL takes connections."""

    parts = frozenset({"postgres"})
    promised_seconds = POSTGRES_SECONDS

    async def end(self, scene: Scene) -> None:
        """Wait until it does."""
        await scene.aside(wait_for_postgres, scene)


class PostgresStopped(PostgresFault):
    """As by `pg_ctl stop -m immediate`: no checkpoint, sessions are dropped; it recovers from its log."""

    name = "postgres_stopped"
    what = "immediate stop of PostgreSQL under load, started again after the pause"
    holds = PAUSES

    async def begin(self, scene: Scene) -> None:
        """Stop."""
        await scene.aside(stop_at_once, scene)

    async def end(self, scene: Scene) -> None:
        """Start."""
        await scene.aside(scene.stage.data, scene.stage.postgres.start)
        await super().end(scene)


class BackendsTerminated(PostgresFault):
    """Every session of the database is ended, as by an administrator or a pooler."""

    name = "postgres_backends_terminated"
    what = "pg_terminate_backend of every session, twice a second"
    holds = (1.0, 7.0)

    async def hold(self, scene: Scene) -> None:
        """Again and again."""
        await scene.until_over(scene.stage.cut_backends, 0.5)


def stop_at_once(scene: Scene) -> None:
    """Stop PostgreSQL as a crash would, but for its children, which are told."""
    process = scene.stage.postgres.process
    assert process is not None
    process.send_signal(signal.SIGQUIT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    scene.stage.postgres.kill()
