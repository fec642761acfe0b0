"""A round: calm, a fault, its end, recovery, rest, check.

    writers run ─────────────────────────────────────────────────────────────▶ pause
    calm │ fault: begin, hold, end │ a mark is committed, every client comes to it │ rest, everyone complete │ check

Each round is judged on its own: when it begins nothing is in flight, and the clients are new.
"""

import asyncio
import math
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pprint import pformat

import psycopg

from realtime.drivers.ending import end
from tests.faults.archive import Archive
from tests.faults.cast import enter
from tests.faults.checker import Growth, Promised, Verdict, check
from tests.faults.crowd import Crowd
from tests.faults.nemesis.fault import Fault
from tests.faults.nemesis.log import quiet
from tests.faults.people import People, make_people
from tests.faults.scene import Scene
from tests.faults.stage import Stage
from tests.faults.table import Outcome
from tests.faults.writing import Writers

CALM_SECONDS = 0.4
WRITES_PER_SECOND = 150.0
REST_SECONDS = 15.0
"""So long the last client may take to be complete when nobody writes."""

PATIENCE = 3.0
"""A client's recovery is waited for so many times as long as is promised."""

ARCHIVE_SECONDS = 0.3
PROBE_SECONDS = 0.25

HANDS = 16
"""Threads for what blocks: PostgreSQL may be frozen, and others must go on."""

CONNECTION_BYTES = 256 * 1024
"""How far a server may grow in a round for each connection that it had."""


class Restless(Exception):
    """The round before has left the stage in a state in which nothing can be judged."""


@dataclass
class Theatre:
    """A stage with everybody who stays from round to round."""

    stage: Stage
    people: People
    writers: Writers
    archive: Archive
    hands: ThreadPoolExecutor


@contextmanager
def open_theatre(stage: Stage) -> Iterator[Theatre]:
    """Make the people, let the writers fill the tables, and rest; blocking."""
    people = make_people(stage)
    writers = Writers(stage, stage.seed, stage.folder)
    try:
        writers.start(WRITES_PER_SECOND)
        writers.pause()
        with ThreadPoolExecutor(HANDS, "hands") as hands:
            yield Theatre(stage, people, writers, Archive(stage.connect), hands)
    finally:
        writers.stop()


async def play(theatre: Theatre, fault: Fault, seconds: float, seed: int) -> Outcome:
    """Play one round and judge it; what was seen is written into the stage's folder when something is wrong."""
    began, stage = time.monotonic(), theatre.stage
    crowd = Crowd()
    chance = random.Random(f"{seed}:{fault.name}")
    scene = Scene(stage, crowd, theatre.writers, theatre.people, theatre.archive, chance, seconds, theatre.hands)
    await scene.aside(settle, scene)
    before = await scene.aside(stage.resident_bytes)
    keeper = asyncio.create_task(keep_archive(scene), name="archive")
    try:
        await enter(scene)
        await crowd.ready(10.0)
        await scene.aside(scene.writers.resume)
        await asyncio.sleep(CALM_SECONDS)
        latencies = await disturb(scene, fault)
        recoveries = await recover(scene, fault)
        await fault.clean_up(scene)
        late = await rest(scene)
        memory = await scene.aside(grown, stage, before, fault.server_bytes + len(crowd.recorders) * CONNECTION_BYTES)
        await end([keeper])
        late += [name for name, seconds in recoveries.items() if math.isinf(seconds)]
        promised = Promised(fault.promised_seconds, dict.fromkeys(late), memory)
        verdict = await scene.aside(judge, scene, promised)
    finally:
        await end([keeper])
        await crowd.close()
    violations = [f"{each.invariant}: {each.text}" for each in verdict.violations]
    kept = await scene.aside(keep, scene, f"round-{seed}-{fault.name}", violations) if violations else None
    return Outcome(
        fault=fault.name, what=fault.what, played=fault.shown, held_seconds=seconds,
        promised_seconds=fault.promised_seconds, latency_seconds=fault.latency_seconds,
        committed=verdict.committed, delivered=verdict.delivered, lost=verdict.lost, duplicated=verdict.duplicated,
        reordered=verdict.reordered, leaked=verdict.leaked, stale_snapshots=verdict.stale_snapshots,
        resumes=verdict.resumes, snapshots_instead=verdict.snapshots_instead,
        recoveries=list(recoveries.values()), latencies=latencies, violations=violations, kept=kept,
        took_seconds=time.monotonic() - began,
    )  # fmt: skip


def settle(scene: Scene) -> None:
    """Begin anew: what has been checked is forgotten. Restless when the stage has not come to rest."""
    try:
        quiet(scene)
    except AssertionError as error:
        raise Restless(str(error)) from error
    scene.archive.settle()
    scene.writers.settle()


async def disturb(scene: Scene, fault: Fault) -> list[float]:
    """Play the fault from begin to end; return the latencies meanwhile, where some are promised."""
    await fault.begin(scene)
    probing = asyncio.create_task(probe(scene), name="probe") if fault.latency_seconds is not None else None
    try:
        await fault.hold(scene)
    finally:
        await fault.end(scene)
    return await probing if probing else []


async def probe(scene: Scene) -> list[float]:
    """Commit a mark every now and then as long as the fault lasts, and return how long each took to each client."""
    over, found = time.monotonic() + scene.seconds, list[float]()
    while time.monotonic() < over:
        mark = await scene.aside(scene.writers.mark)
        at = await scene.crowd.caught_up(mark, 5.0)
        found += [math.inf if each is None else each - mark.at for each in at.values()]
        await asyncio.sleep(PROBE_SECONDS)
    return found


async def recover(scene: Scene, fault: Fault) -> dict[str, float]:
    """Return how long after the end of the fault each client is complete again, by its name."""
    over = time.monotonic()
    mark = await scene.aside(scene.writers.mark)
    found = await scene.crowd.caught_up(mark, PATIENCE * fault.promised_seconds)
    return {recorder.name: math.inf if at is None else at - over for recorder, at in found.items()}


async def rest(scene: Scene) -> list[str]:
    """Let the writers pause and everything arrive; return who is not complete then."""
    await scene.aside(scene.writers.pause)
    mark = await scene.aside(scene.writers.mark)
    found = await scene.crowd.caught_up(mark, REST_SECONDS)
    return [recorder.name for recorder, at in found.items() if at is None]


async def keep_archive(scene: Scene) -> None:
    """Read what is new in the log again and again, before it can be pruned; while PostgreSQL is away, nothing is."""
    while True:
        await scene.aside(take_what_there_is, scene)
        await asyncio.sleep(ARCHIVE_SECONDS)


def take_what_there_is(scene: Scene) -> None:
    """Read what is new, if PostgreSQL answers."""
    with suppress(psycopg.Error):
        scene.archive.take()


def grown(stage: Stage, before: Sequence[int], budget: int) -> list[Growth]:
    """Return by how much each server grew beside its budget (I11); one that was started anew has not grown."""
    sizes = zip(stage.servers, before, stage.resident_bytes(), strict=True)
    return [Growth(unit.name, now - then, budget) for unit, then, now in sizes if then and now]


def judge(scene: Scene, promised: Promised) -> Verdict:
    """Hold what was seen against what was written."""
    tables = scene.archive.tables()
    return check(
        scene.writers.journal(), scene.archive, scene.crowd.histories(),
        permitted=scene.people.permitted(), tables=tables, promised=promised,
    )  # fmt: skip


def keep(scene: Scene, name: str, violations: Sequence[str]) -> str:
    """Write what is needed for a look, the violations and every client's history, and return where."""
    folder = scene.stage.folder / name
    folder.mkdir(exist_ok=True)
    (folder / "violations.txt").write_text("\n".join(violations) + "\n")
    for history in scene.crowd.histories():
        (folder / f"{history.name.replace('/', '-')}.txt").write_text(pformat(history, width=160) + "\n")
    return str(folder)
