"""Processes that are stopped and go on later, as on a machine that hangs or a host that migrates."""

from realtime.drivers.relay import Step
from tests.faults import stepped
from tests.faults.nemesis.fault import (
    LATENCY_SECONDS,
    PAUSES,
    POSTGRES_SECONDS,
    REDIS_SECONDS,
    RELAY_SECONDS,
    SERVER_SECONDS,
    Fault,
)
from tests.faults.nemesis.kills import units_of
from tests.faults.scene import Scene
from tests.faults.supervised import Unit
from tests.support.waiting import eventually


class UnitFrozen(Fault):
    """A server or a relay, one of the two by chance, or both."""

    holds = PAUSES

    def __init__(self, role: str, *, count: int = 1) -> None:
        self.role, self.count = role, count
        self.name = f"{role}_frozen" if count == 1 else f"{role}s_frozen"
        self.what = f"SIGSTOP of {'one of the' if count == 1 else 'both'} {role}s"
        self.promised_seconds = SERVER_SECONDS if role == "server" else RELAY_SECONDS
        self.parts = frozenset({role})
        self._frozen: list[Unit] = []

    async def begin(self, scene: Scene) -> None:
        """Stop."""
        self._frozen = scene.chance.sample(units_of(scene, self.role), self.count)
        for unit in self._frozen:
            unit.freeze()

    async def end(self, scene: Scene) -> None:
        """Go on."""
        for unit in self._frozen:
            unit.thaw()


class RelayFrozenAt(Fault):
    """A relay that stops itself right after a step; the other one runs."""

    parts = frozenset({"relay"})
    holds = PAUSES
    promised_seconds = RELAY_SECONDS

    def __init__(self, step: Step, name: str, what: str) -> None:
        self.step, self.name, self.what = step, name, what
        self._unit: Unit | None = None

    async def begin(self, scene: Scene) -> None:
        """Put a relay that freezes itself in the place of one of the two, and let it come to the step."""
        self._unit = scene.chance.choice(scene.stage.relays)
        await scene.aside(self._replace, scene, stepped.command(self.step))
        await scene.aside(eventually, lambda: stepped.frozen(self._live().live.pid), 60.0)

    async def end(self, scene: Scene) -> None:
        """Let it go on; it relays as before."""
        self._live().thaw()

    async def clean_up(self, scene: Scene) -> None:
        """Put an ordinary relay back in its place."""
        await scene.aside(self._replace, scene, scene.stage.relay_command())

    def _replace(self, scene: Scene, command: list[str]) -> None:
        assert self._unit is not None
        scene.stage.supervisor.replace(self._unit, command, self._unit.env)

    def _live(self) -> Unit:
        assert self._unit is not None
        return self._unit


class RedisFrozen(Fault):
    """It answers nothing, and no connection ends."""

    name = "redis_frozen"
    what = "SIGSTOP of Redis"
    parts = frozenset({"redis"})
    holds = PAUSES
    promised_seconds = REDIS_SECONDS
    latency_seconds = LATENCY_SECONDS

    async def begin(self, scene: Scene) -> None:
        """Stop."""
        scene.stage.valkey.freeze()

    async def end(self, scene: Scene) -> None:
        """Go on."""
        scene.stage.valkey.thaw()


class PostgresFrozen(Fault):
    """All its processes; no connection ends."""

    name = "postgres_frozen"
    what = "SIGSTOP of all processes of PostgreSQL"
    parts = frozenset({"postgres"})
    holds = PAUSES
    promised_seconds = POSTGRES_SECONDS

    async def begin(self, scene: Scene) -> None:
        """Stop."""
        await scene.aside(scene.stage.postgres.freeze)

    async def end(self, scene: Scene) -> None:
        """Go on."""
        await scene.aside(scene.stage.postgres.thaw)
