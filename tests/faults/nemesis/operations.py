"""What an operator does: servers restarted one after another, a log that is pruned."""

import time

from tests.faults.nemesis.fault import RELAY_SECONDS, SERVER_SECONDS, Fault
from tests.faults.nemesis.log import quiet, stream
from tests.faults.scene import Scene
from tests.faults.stage import ENGINE
from tests.support.waiting import eventually

FORGETFUL = {"log_retention_seconds": 0.5}


class RollingRestart(Fault):
    """Each server is ended in order and started again, the next one when it is ready."""

    name = "rolling_restart"
    what = "SIGTERM and a new start of each server, one after another"
    parts = frozenset({"server"})
    promised_seconds = SERVER_SECONDS

    async def begin(self, scene: Scene) -> None:
        """Restart all."""
        supervisor = scene.stage.supervisor
        for unit in scene.stage.servers:
            await scene.aside(supervisor.stop, unit)
            supervisor.start(unit)
            await scene.aside(unit.wait_until_ready)


class RetentionPasses(Fault):
    """The log is pruned beyond the cursors of clients that are away; they get snapshots, never silence."""

    name = "retention_passes"
    what = "the log is pruned beyond the cursors of clients that are away"
    parts = frozenset({"relay"})
    promised_seconds = RELAY_SECONDS
    alone = True
    holds = (1.0, 7.0)

    async def begin(self, scene: Scene) -> None:
        """Send half of the clients away."""
        self._away = scene.chance.sample(scene.crowd.recorders, len(scene.crowd.recorders) // 2)
        for recorder in self._away:
            recorder.hold()

    async def end(self, scene: Scene) -> None:
        """Let the floor rise above all their cursors, then let them come back."""
        await scene.aside(self._pass, scene)
        for recorder in self._away:
            recorder.release()

    async def clean_up(self, scene: Scene) -> None:
        """Let relays keep the log again."""
        await scene.aside(self._run_relays, scene, {})

    def _pass(self, scene: Scene) -> None:
        """Leave the segments behind that the cursors are in; a relay prunes when it starts."""
        known = stream(scene)[1]
        scene.writers.truncate("bulk").result()
        scene.writers.big_update(2 * ENGINE["log_segment_positions"]).result()
        quiet(scene)
        time.sleep(FORGETFUL["log_retention_seconds"])
        self._run_relays(scene, FORGETFUL)
        eventually(lambda: stream(scene)[2] > known, 20.0, what="the floor is above the cursors")
        scene.writers.resume()

    @staticmethod
    def _run_relays(scene: Scene, engine: dict[str, float]) -> None:
        stage = scene.stage
        for unit in stage.relays:
            stage.supervisor.replace(unit, stage.relay_command(), stage.relay_environment(**engine))
        for unit in stage.relays:
            unit.wait_until_ready()
