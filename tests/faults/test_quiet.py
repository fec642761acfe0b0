"""P1 to P5 with no fault at all: writers of every kind, clients who come and go, and nothing to report."""

import asyncio

import pytest

from tests.faults.archive import Archive
from tests.faults.checker import Promised, check
from tests.faults.crowd import Crowd
from tests.faults.history import History, What
from tests.faults.people import People, make_people
from tests.faults.stage import Stage, a_stage
from tests.faults.writing import Writers

pytestmark = pytest.mark.alone

WRITES_PER_SECOND = 250.0
SECONDS = 0.5
WITHIN_SECONDS = 10.0


async def come_and_go(stage: Stage, people: People, writers: Writers) -> list[History]:
    """Let clients watch while everything is written that there is; return what they saw."""
    crowd = Crowd()
    docs = await asyncio.to_thread(writers.docs)
    for port in stage.client_ports:
        alone = [f"proof/doc/{doc}" for doc, _ in docs[-8:]]
        crowd.add(f"hopper/{port}", people.staff[0].name, people.cookie(people.staff[0]), alone, port, hops=True)
    for number, person in enumerate([*people.staff, *people.buyers]):
        theirs = [f"proof/doc/{doc}" for doc, owner in docs if person.staff or owner == person.customer]
        topics = ["proof/items" if person.staff else "proof/mine", *theirs[:2]]
        port = stage.client_ports[number % len(stage.client_ports)]
        crowd.add(person.name, person.name, people.cookie(person), topics, port, max_rate=5.0 if number % 4 else None)
    try:
        assert await crowd.ready(WITHIN_SECONDS)
        await asyncio.to_thread(writers.resume)
        await asyncio.sleep(SECONDS)
        for special in (
            writers.big_update(10_000),
            writers.truncate(),
            writers.copy(50),
            writers.open_transaction(0.2),
        ):
            await asyncio.wrap_future(special)
        await asyncio.to_thread(writers.kill_in_transaction)
        for recorder in crowd.recorders[::2]:
            recorder.cut()
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(writers.pause)
        mark = await asyncio.to_thread(writers.mark)
        found = await crowd.caught_up(mark, WITHIN_SECONDS)
        assert None not in found.values(), {each.name: at for each, at in found.items()}
        return crowd.histories()
    finally:
        await crowd.close()


def test_nothing_is_wrong_where_nothing_goes_wrong() -> None:
    """All columns are 0, something was delivered in every topic, and those who came back were resumed."""
    with a_stage(1) as stage:
        people = make_people(stage)
        writers = Writers(stage, 1, stage.folder)
        try:
            writers.start(WRITES_PER_SECOND)
            writers.pause()
            archive = Archive(stage.connect)
            histories = asyncio.run(come_and_go(stage, people, writers))
            verdict = check(
                writers.journal(), archive, histories,
                permitted=people.permitted(), tables=archive.tables(), promised=Promised(),
            )  # fmt: skip
        finally:
            writers.stop()
    assert verdict.violations == []
    assert verdict.committed > 20_000
    wrong = verdict.lost, verdict.duplicated, verdict.reordered, verdict.leaked, verdict.stale_snapshots
    assert wrong == (0, 0, 0, 0, 0)
    assert (verdict.resumes > 0, verdict.snapshots_instead, verdict.unchecked) == (True, 0, 0)
    for history in (each for each in histories if not each.name.startswith("hopper")):
        for topic, parts in history.topics():
            told = [each for _, subscribed in parts for each in subscribed.told]
            passed_on = any(subscribed.ended for _, subscribed in parts)
            assert passed_on or any(each.rows for each in told if each.what is What.CHANGES), (history.name, topic)
