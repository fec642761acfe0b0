"""Clients that behave badly, and what the others feel of it."""

import asyncio

from tests.faults.cast import join
from tests.faults.history import Reads
from tests.faults.nemesis.fault import SERVER_SECONDS, Fault
from tests.faults.recorder import Recorder
from tests.faults.scene import Scene

BAD_CLIENTS = 6
ROWS, WRITE_EVERY_SECONDS = 200, 0.2
"""More than the kernel keeps for who does not read, and no more than a snapshot may have."""

STORM_EVERY_SECONDS = 1.0
STORM_CLIENTS = 60


class BadClients(Fault):
    """Clients who take little or nothing; they come, stay for a while, and are cut."""

    parts = frozenset({"clients"})
    promised_seconds = SERVER_SECONDS
    holds = (2.0, 10.0)

    def __init__(self, reads: Reads, name: str, what: str) -> None:
        self.reads, self.name, self.what = reads, name, what
        self._bad: list[Recorder] = []

    async def begin(self, scene: Scene) -> None:
        """Let them come, to every server."""
        staff = scene.people.staff
        self._bad = [await join(scene, staff[number % len(staff)], reads=self.reads) for number in range(BAD_CLIENTS)]

    async def hold(self, scene: Scene) -> None:
        """Write so much that they can't keep up."""
        over = asyncio.get_running_loop().time() + scene.seconds
        while asyncio.get_running_loop().time() < over:
            scene.writers.copy(ROWS)
            await asyncio.sleep(WRITE_EVERY_SECONDS)

    async def end(self, scene: Scene) -> None:
        """Let them go."""
        for recorder in self._bad:
            await recorder.close()

    async def clean_up(self, scene: Scene) -> None:
        """Let what was written for them go too."""
        scene.writers.truncate()


class ReconnectStorm(Fault):
    """Everyone is cut at once and comes back at once, again and again."""

    name = "reconnect_storm"
    what = f"{STORM_CLIENTS} more clients, all cut at once, once a second, and back at once"
    parts = frozenset({"clients", "link client-server"})
    promised_seconds = SERVER_SECONDS
    holds = (2.0, 10.0)

    async def begin(self, scene: Scene) -> None:
        """Let more clients come."""
        people = [*scene.people.buyers, *scene.people.staff]
        self._more = [await join(scene, people[turn % len(people)]) for turn in range(STORM_CLIENTS)]

    async def hold(self, scene: Scene) -> None:
        """Cut all."""
        over = asyncio.get_running_loop().time() + scene.seconds
        while asyncio.get_running_loop().time() < over:
            await asyncio.sleep(STORM_EVERY_SECONDS)
            await scene.aside(scene.stage.links.reset, "client-server")

    async def clean_up(self, scene: Scene) -> None:
        """Let those who came go."""
        for recorder in self._more:
            await recorder.close()
