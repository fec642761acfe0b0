"""Rights that end just when they are about to be used: in a subscribe, in a snapshot, in a resume."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from tests.faults.cast import join
from tests.faults.nemesis.fault import SERVER_SECONDS, Fault
from tests.faults.people import Person
from tests.faults.recorder import Recorder
from tests.faults.scene import Scene
from tests.support.waiting import soon


class Aim(Enum):
    """What a client is doing when its right ends."""

    SUBSCRIBE = "subscribe"
    SNAPSHOT = "snapshot"
    RESUME = "resume"


SPREAD_SECONDS = 0.15
"""The right ends at a random time up to so long after the client began: before, in and after what it does."""

UNDER_WAY_SECONDS = 0.3
"""A check of identities that is under way when a right is given back may still find it gone."""

ENDED_SECONDS = 2.5
"""After so long a server has ended whatever it will."""

Deed = Callable[[Scene, Person], object]


class RightEnds(Fault):
    """A right is taken away while it is being used, from one buyer after another; then it is given back."""

    parts = frozenset({"rights", "postgres"})
    promised_seconds = SERVER_SECONDS
    holds = (3.0, 15.0)

    def __init__(self, name: str, what: str, take: Deed, give_back: Deed) -> None:
        self.name, self.what = name, f"{what}, aimed at subscribe, snapshot and resume"
        self._take, self._give_back = take, give_back
        self._victims: list[Recorder] = []

    async def hold(self, scene: Scene) -> None:
        """Take aim at each, again and again."""
        over = asyncio.get_running_loop().time() + scene.seconds
        turn = 0
        while asyncio.get_running_loop().time() < over:
            person = scene.people.buyers[turn % len(scene.people.buyers)]
            await self._shoot(scene, person, list(Aim)[turn % len(Aim)])
            turn += 1

    async def _shoot(self, scene: Scene, person: Person, aim: Aim) -> None:
        victim = await join(scene, person)
        if aim is not Aim.SUBSCRIBE:
            await victim.ready(5.0)
            if aim is Aim.SNAPSHOT:
                victim.forget()
            victim.cut()
        await asyncio.sleep(scene.chance.uniform(0, SPREAD_SECONDS))
        await scene.aside(self._take, scene, person)
        await asyncio.sleep(scene.chance.uniform(0, SPREAD_SECONDS))
        await scene.aside(self._give_back, scene, person)
        self._victims.append(victim)

    async def end(self, scene: Scene) -> None:
        """Let those who were signed out sign in again."""
        await asyncio.sleep(UNDER_WAY_SECONDS)
        await asyncio.gather(*(self._welcome(scene, recorder) for recorder in scene.crowd.recorders))

    async def _welcome(self, scene: Scene, recorder: Recorder) -> None:
        """Let a client come with its person's session of now: when the server has ended the one of before."""
        everyone = [*scene.people.buyers, *scene.people.staff]
        person = next(each for each in everyone if each.name == recorder.person)
        cookie = await scene.aside(scene.people.cookie, person)
        ended = any(each.cookie != cookie for each in recorder.history.connections[-1:])
        if ended:
            with suppress(AssertionError):  # an anonymous one is not ended
                await soon(lambda: not recorder.connected, ENDED_SECONDS)
        # Who came while they were nobody is anonymous as long as that connection lasts.
        refused = any(not shelf.wanted for shelf in recorder.shelves.values())
        recorder.sign_in(cookie)
        if ended or refused:
            recorder.cut()

    async def clean_up(self, scene: Scene) -> None:
        """Let the victims go."""
        for victim in self._victims:
            await victim.close()
        self._victims.clear()


def another(scene: Scene, person: Person) -> int:
    """Return a customer that is not the person's."""
    return scene.chance.choice([each for each in scene.people.customers if each != person.customer])


def reassign(scene: Scene, person: Person) -> None:
    """Let a document of theirs pass to somebody else."""
    with scene.stage.connect() as connection:
        query = "SELECT id FROM proof_doc WHERE owner_id = %s ORDER BY id LIMIT 1"
        row = connection.execute(query, [person.customer]).fetchone()
    if row is not None:
        scene.writers.reassign(int(str(row[0])))


def right_faults() -> list[Fault]:
    """Return all of them."""
    return [
        RightEnds("reassigned", "a document passes to another customer", reassign, reassign),
        RightEnds(
            "revoked", "a buyer moves to another customer and back",
            lambda scene, person: scene.people.move(person, another(scene, person)),
            lambda scene, person: scene.people.reinstate(person),
        ),
        RightEnds(
            "deactivated", "a buyer is deactivated and reinstated",
            lambda scene, person: scene.people.deactivate(person),
            lambda scene, person: scene.people.reinstate(person),
        ),
        RightEnds(
            "signed_out", "a buyer signs out, and in again",
            lambda scene, person: scene.people.sign_out(person),
            lambda scene, person: scene.people.sign_in(person),
        ),
    ]  # fmt: skip
