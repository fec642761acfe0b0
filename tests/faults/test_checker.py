"""The checker is checked: a good history is green, and for each invariant a fault in it turns exactly that one red."""

from dataclasses import replace

import pytest

from tests.faults import spoiled
from tests.faults.journal import Outcome
from tests.faults.spoiled import SEEDS, Seed, with_a_dead_branch
from tests.faults.synthetic import a_world, end_right, go_on


def test_a_good_history_is_green() -> None:
    """Nothing is reported where nothing is wrong, and everything is counted."""
    world = a_world()
    go_on(world)
    verdict = world.check()
    assert verdict.violations == []
    assert verdict.committed == 17
    assert verdict.delivered == 13
    assert verdict.lost + verdict.duplicated + verdict.reordered + verdict.leaked + verdict.stale_snapshots == 0


def test_a_good_history_with_outages_is_green() -> None:
    """Resumes, snapshots, transactions of unknown outcome and rights that end in time are nothing to report."""
    world = a_world()
    for client in world.clients:
        client.cut()
    world.commit(("item", 20, {}), outcome=Outcome.UNKNOWN)
    world.note("1-never", [], Outcome.UNKNOWN)
    for client in world.clients:
        client.connect()
        client.resumed()
        client.changes()
    world.clients[1].cut()
    end_right(world, "ann")
    world.clients[3].cut()
    go_on(world)
    verdict = world.check()
    assert verdict.violations == []
    assert (verdict.resumes, verdict.snapshots_instead) == (4, 0)


def test_a_restore_with_a_new_epoch_is_green() -> None:
    """What a dead branch wrote is expected nowhere else, and clients begin anew in the new epoch."""
    world = a_world()
    with_a_dead_branch(world, "second")
    for client in world.clients:
        client.snapshot(epoch=f"second {client.epoch}")
    go_on(world)
    assert world.check().violations == []


def test_what_is_done_again_after_a_restore_is_green() -> None:
    """Who deletes a row, and deletes it again when a restore has brought it back, is not taken for the first time."""
    world = a_world()
    upto = world.chapter.head
    world.branch += 1
    world.commit(("item", 20, None))
    spoiled.restore(world, upto, "second")
    world.commit(("item", 20, None))
    for client in world.clients:
        client.snapshot(epoch=f"second {client.epoch}")
    assert world.check().violations == []


def test_a_snapshot_that_begins_anew_for_another_right_is_green() -> None:
    """A snapshot of what a person may no longer see is not sent to its end."""
    world = a_world()
    client = world.clients[1]
    client.part_of_snapshot()
    last = world.rights["ann"][-1]
    world.rights["ann"] = [replace(last, until=world.now), replace(last, since=world.now)]
    client.snapshot()
    assert world.check().violations == []


def test_an_epoch_is_taken_for_the_log_whose_transactions_end_there() -> None:
    """A client that saw little before a restore agrees with both logs by its rows: positions tell them apart."""
    world = a_world()
    with_a_dead_branch(world, "second")
    for client in world.clients[:3]:
        client.snapshot(epoch=f"second {client.epoch}")
    world.clients[3].cut()
    while world.chapter.head < 9:
        world.commit(("bulk", 1, {}))
    world.commit(("bulk", 1, {}), ("bulk", 2, {}))
    world.told_all()
    assert world.check().violations == []


@pytest.mark.parametrize(
    ("invariant", "seed"),
    [(invariant, seed) for invariant, seeds in SEEDS.items() for seed in seeds],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_a_fault_turns_its_invariant_red(invariant: str, seed: Seed) -> None:
    """Each invariant can fail, and where one is broken no other is blamed."""
    world = a_world()
    promised = seed(world)
    verdict = world.check(promised)
    assert {invariant} == {each.invariant for each in verdict.violations}, verdict.violations


COLUMNS = {
    "lost": [spoiled.committed_and_lost, spoiled.a_change_that_is_lost, spoiled.never_at_the_head],
    "duplicated": [spoiled.a_resume_that_repeats, spoiled.logged_twice],
    "reordered": [spoiled.a_row_that_goes_back, spoiled.reversed_updates_of_one_row],
    "leaked": [spoiled.anothers_row, spoiled.after_signing_out],
    "stale_snapshots": [spoiled.a_stale_snapshot],
}


@pytest.mark.parametrize(
    ("column", "seed"),
    [(column, seed) for column, seeds in COLUMNS.items() for seed in seeds],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_a_fault_is_counted_in_its_column(column: str, seed: Seed) -> None:
    """The safety columns of the table are 0 only where nothing is wrong."""
    world = a_world()
    seed(world)
    assert getattr(world.check(), column) > 0


def test_a_snapshot_in_place_of_a_resume_is_counted_where_a_resume_was_possible() -> None:
    """A server that always sends snapshots is found out; below the floor and after a TRUNCATE a snapshot is right."""
    world = a_world()
    for client in world.clients:
        client.cut()
    world.commit(("item", 20, {}))
    for client in world.clients:
        client.connect()
        client.snapshot()
    assert world.check().snapshots_instead == 4
    world.book.floors.append((0.0, "first", world.chapter.head))
    assert world.check().snapshots_instead == 0
