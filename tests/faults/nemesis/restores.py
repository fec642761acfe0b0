"""The database is replaced by an older copy of itself, as by a failover to a standby that lagged behind.

Positions that clients know are gone, or stand for other changes: the epoch must change. Writers are paused while the
copy is made and while it takes the place; their journal goes on in another branch.
"""

import asyncio
import time

import psycopg

from tests.faults.links import Manner
from tests.faults.nemesis.fault import POSTGRES_SECONDS, Fault
from tests.faults.nemesis.log import quiet, stream
from tests.faults.scene import Scene
from tests.faults.stage import DATABASE
from tests.faults.supervised import Unit
from tests.support.waiting import eventually

COPY = "proof_copy"
LINKS = ("server-postgres", "relay-postgres")
CUT = Manner(cut=True)


class Restored(Fault):
    """An older copy comes back.

    `overtaken`: before anyone who knew the old log sees it, the copy has been written to and relayed beyond the old
    head, by a relay that knows nothing. `forgotten`: no relay knew the old log, only the servers did.
    """

    parts = frozenset({"postgres", "relay"})
    promised_seconds = POSTGRES_SECONDS
    alone = True
    holds = (1.0, 7.0)

    def __init__(self, name: str, what: str, *, overtaken: bool = False, forgotten: bool = False) -> None:
        self.name, self.what = name, what
        self.overtaken, self.forgotten = overtaken, forgotten

    async def begin(self, scene: Scene) -> None:
        """Copy the database; it goes on from there."""
        await scene.aside(quiet, scene)
        await scene.aside(copy_database, scene)
        await scene.aside(scene.writers.copied)
        await scene.aside(scene.writers.resume)

    async def end(self, scene: Scene) -> None:
        """Put the copy in its place."""
        await scene.aside(quiet, scene)
        await asyncio.sleep(0.3)  # every hub has looked at the head since
        await scene.aside(self._restore, scene)
        if not self.overtaken:
            await scene.aside(scene.writers.resume)

    def _restore(self, scene: Scene) -> None:
        stage, links = scene.stage, scene.stage.links
        known = stream(scene)[1]
        for link in LINKS:
            links.behave(link, CUT)
        if self.forgotten:
            for unit in stage.relays:
                stage.supervisor.stop(unit)
        stage.administrate("DROP DATABASE {live} WITH (FORCE)", live=DATABASE)
        stage.administrate("ALTER DATABASE {copy} RENAME TO {live}", copy=COPY, live=DATABASE)
        scene.writers.restored()
        scene.archive.take()
        if self.overtaken:
            self._overtake(scene, known)
        for unit in stage.relays:
            stage.supervisor.start(unit)
        for link in LINKS:
            links.behave(link)

    @staticmethod
    def _overtake(scene: Scene, known: int) -> None:
        """Let writers and a relay without memory go beyond the head that was known."""
        stage = scene.stage
        env = stage.environment()
        stranger = Unit("stranger", stage.relay_command(), env, stage.folder / "stranger.log", "relay_ready")
        stage.supervisor.start(stranger)
        scene.writers.resume()
        eventually(lambda: stream(scene)[1] > known, 30.0, what="the copy has overtaken the old head")
        stage.supervisor.stop(stranger)
        stage.supervisor.units.remove(stranger)


def copy_database(scene: Scene) -> None:
    """Copy the live database; nobody may be connected meanwhile."""
    stage = scene.stage
    deadline = time.monotonic() + 10
    stage.administrate("ALTER DATABASE {live} WITH ALLOW_CONNECTIONS false", live=DATABASE)
    try:
        while True:
            stage.cut_backends()
            try:
                stage.administrate(
                    "CREATE DATABASE {copy} TEMPLATE {live} STRATEGY file_copy", copy=COPY, live=DATABASE
                )
                break
            except psycopg.errors.ObjectInUse:
                assert time.monotonic() < deadline, "the database does not become quiet"
    finally:
        stage.administrate("ALTER DATABASE {live} WITH ALLOW_CONNECTIONS true", live=DATABASE)
