"""Faults for good histories, by the invariant that they break: each takes a world and spoils it."""

from collections.abc import Callable

from tests.faults.checker import Growth, Promised
from tests.faults.journal import Outcome
from tests.faults.logbook import Chapter
from tests.faults.synthetic import World, as_image, columns_of, end_right, row_of

Seed = Callable[[World], Promised | None]


def restore(world: World, upto: int, epoch: str) -> None:
    """Let the database go back to an older copy of itself, and the relay make a new epoch or not."""
    old = world.chapter
    world.rows = {row: row_of(found) for row, found in old.rows_at(upto).items()}
    if epoch == old.epoch:
        world.book.chapters.append(Chapter(2, epoch, 1, upto, (old, upto)))
    else:
        world.book.chapters.append(Chapter(2, epoch, 2, 0, (old, upto)))
    world.journal.dead.add(world.branch)
    world.branch += 1


def with_a_dead_branch(world: World, epoch: str) -> None:
    """Make a copy, go on, and restore the copy."""
    upto = world.chapter.head
    world.branch += 1
    world.commit(("item", 20, {}))
    world.told_all()
    restore(world, upto, epoch)
    world.commit(("item", 20, {}), ("item", 21, {}))


# I1


def committed_and_lost(world: World) -> None:
    token = world.commit(("item", 10, {}))
    world.chapter.changes.pop()
    world.rows["item", "10"].update(version=1, token="1-1")
    assert token in world.journal.transactions


def rolled_back_and_logged(world: World) -> None:
    world.commit(("item", 10, {}), outcome=Outcome.ROLLED_BACK)
    world.told_all()


def never_sent_and_logged(world: World) -> None:
    world.log("item", 10, {}, "1-7-undone")
    world.told_all()


def unknown_and_half_there(world: World) -> None:
    token = world.commit(("item", 10, {}), ("item", 11, {}), outcome=Outcome.UNKNOWN)
    transaction = world.journal.transactions[token]
    transaction.written = [*transaction.written, ["item", "12", None, 1]]
    world.told_all()


def logged_twice(world: World) -> None:
    token = world.commit(("item", 10, {}), ("item", 10, {}))
    transaction = world.journal.transactions[token]
    transaction.written = transaction.written[:1]
    world.told_all()


def another_table_than_the_log_gives(world: World) -> None:
    world.rows["item", "10"]["owner"] = 2


# I2


def a_position_left_out(world: World) -> None:
    world.commit(("bulk", 1, {}))
    world.told_all()
    last = world.chapter.changes[-1]
    world.commit(("bulk", 2, {}))
    world.chapter.changes[-1] = world.chapter.changes[-1]._replace(position=last.position + 2)


def positions_given_out_again(world: World) -> None:
    for client in world.clients:
        client.cut()
    with_a_dead_branch(world, "first")


def a_position_beyond_the_head(world: World) -> None:
    world.clients[0].changes(at=world.chapter.head + 1)


# I3


def reversed_updates_of_one_row(world: World) -> None:
    world.commit(("bulk", 1, {}))
    world.commit(("bulk", 1, {}))
    world.commit(("bulk", 1, {}))
    first, second = world.chapter.changes[-2:]
    world.chapter.changes[-2:] = [second._replace(position=first.position), first._replace(position=second.position)]
    world.commit(("bulk", 1, {}))
    world.told_all()


# I4


def two_transactions_without_an_end_between(world: World) -> None:
    world.commit(("item", 10, {}))
    world.chapter.changes[-1] = world.chapter.changes[-1]._replace(ends=False)
    world.commit(("item", 20, {}))
    world.told_all()


def a_transaction_in_two_parts(world: World) -> None:
    token = world.commit(("item", 10, {}), ("item", 11, {}))
    world.chapter.changes[-2] = world.chapter.changes[-2]._replace(ends=True)
    assert token
    world.told_all()


def told_within_a_transaction(world: World) -> None:
    world.commit(("item", 10, {}), ("item", 11, {}))
    world.clients[0].changes(at=world.chapter.head - 1)
    world.told_all()


# I5


def a_snapshot_that_lacks_a_row(world: World) -> None:
    world.client("bob", "proof/mine").snapshot(but=("item", "20"))


def a_snapshot_of_another_position(world: World) -> None:
    world.commit(("item", 20, {}))
    late = world.client("bob", "proof/mine")
    rows = late._shown
    late._shown = lambda position: rows(position - 1)  # type: ignore[method-assign]
    late.snapshot()
    late._shown = rows  # type: ignore[method-assign]
    world.told_all()


def a_change_that_the_snapshot_had(world: World) -> None:
    late = world.client("bob", "proof/mine")
    late.snapshot()
    world.commit(("bulk", 1, {}))
    late.changes(also={("item", "20"): columns_of("item", as_image("item", world.rows["item", "20"]))})
    world.told_all()


def a_snapshot_that_begins_anew(world: World) -> None:
    world.clients[0].part_of_snapshot()
    world.clients[0].snapshot()


# I6


def a_change_that_is_lost(world: World) -> None:
    world.commit(("item", 10, {}), ("item", 11, {}))
    world.clients[1].changes(but=("item", "10"))
    world.told_all()


def a_removal_that_is_lost(world: World) -> None:
    world.commit(("item", 10, None), ("item", 11, {}))
    world.clients[1].changes(but=("item", "10"))
    world.told_all()


def never_at_the_head(world: World) -> None:
    world.commit(("item", 20, {}))
    for client in world.clients[:2]:
        client.changes()


def an_epoch_that_stays_after_a_restore(world: World) -> None:
    for client in world.clients[3:]:
        client.cut()
    with_a_dead_branch(world, "second")
    for client in world.clients[:2]:
        client.snapshot(epoch=f"second {client.epoch}")
    while world.chapter.head <= world.book.chapters[0].head:
        world.commit(("bulk", 1, {}))
    world.told_all()


def an_epoch_that_stays_with_positions_that_were_there(world: World) -> None:
    for client in world.clients[3:]:
        client.cut()
    upto = world.chapter.head
    world.branch += 1
    world.commit(("item", 20, {}))
    world.told_all()
    world.commit(("item", 21, {}), ("bulk", 1, {}))
    restore(world, upto, "second")
    while world.chapter.head <= upto + 2:
        world.commit(("bulk", 1, {}))
    for client in world.clients[:2]:
        client.snapshot(epoch=f"second {client.epoch}")
    bob = world.clients[2]
    bob.changes()
    bob.cut()


# I7


def a_position_that_falls(world: World) -> None:
    before = world.chapter.head
    world.commit(("item", 20, {}))
    world.told_all()
    world.clients[3].changes(at=before)
    world.clients[3].changes()


def a_row_that_goes_back(world: World) -> None:
    old = columns_of("item", as_image("item", world.rows["item", "10"]))
    world.commit(("item", 10, {}))
    world.told_all()
    world.commit(("item", 10, {}))
    client = world.clients[1]
    client.changes(also={("item", "10"): old})
    world.commit(("item", 10, {}))
    world.told_all()


def a_stale_snapshot(world: World) -> None:
    before = world.chapter.head
    world.commit(("item", 20, {}))
    world.told_all()
    client = world.clients[2]
    client.cut()
    client.connect()
    client.snapshot(at=before)
    client.changes()


def a_resume_that_lacks_something(world: World) -> None:
    client = world.clients[2]
    client.cut()
    world.commit(("item", 20, {}), ("item", 21, {}))
    client.connect()
    client.resumed()
    client.changes(but=("item", "21"))
    world.told_all()


def a_resume_that_repeats(world: World) -> None:
    client = world.clients[2]
    client.cut()
    world.commit(("item", 20, {}))
    client.connect()
    client.resumed()
    client.changes(also={("item", "21"): columns_of("item", as_image("item", world.rows["item", "21"]))})
    world.told_all()


# I8


def anothers_row(world: World) -> None:
    world.commit(("item", 20, {}))
    foreign = columns_of("item", as_image("item", world.rows["item", "20"]))
    world.clients[1].changes(also={("item", "20"): {**foreign, "canary": "hidden"}})
    world.clients[1].cut()
    world.told_all()


def anothers_canary_in_a_raw_frame(world: World) -> None:
    client = world.clients[1]
    told = client.connection.subscribed[-1].told
    told[-1] = told[-1]._replace(owners=frozenset({1, 2}))


def anothers_canary_in_an_error(world: World) -> None:
    world.clients[1].connection.strays.append((world.now, 2))


def a_document_that_has_passed_on(world: World) -> None:
    world.commit(("doc", 1, {"owner": 2}))
    world.told_all()


def a_topic_that_is_not_theirs(world: World) -> None:
    client = world.client("sam", "proof/items")
    client.snapshot()
    client.person, client.history.person = "ann", "ann"


# I9


def after_the_right_had_ended(world: World) -> None:
    end_right(world, "bob")
    world.now += 2.5
    world.clients[2].resumed()
    world.clients[2].cut()


def after_signing_out(world: World) -> None:
    world.ended["cookie of bob"] = world.now
    world.now += 2.5
    world.clients[2].resumed()
    world.clients[2].cut()


def what_was_committed_after_the_right_had_ended(world: World) -> None:
    end_right(world, "bob")
    world.now += 2.5
    world.commit(("item", 20, {}))
    client = world.clients[2]
    rights = world.rights["bob"]
    world.rights["bob"] = rights[:1]
    world.told_all()
    world.rights["bob"] = rights
    told = client.connection.subscribed[-1].told
    told[-1] = told[-1]._replace(after=0.0)
    client.cut()


def after_it_was_revoked(world: World) -> None:
    client = world.clients[3]
    cursor = client.shelf.cursor
    client.shelf.refuse("revoked", world.tick(), retry=False)
    client.shelf.cursor = cursor
    client.changes()


# I10 to I12


def too_late(world: World) -> Promised:
    return Promised(recovery_seconds=5.0, recoveries={"ann": 5.5, "bob": 0.1})


def never_complete(world: World) -> Promised:
    return Promised(recovery_seconds=5.0, recoveries={"ann": None, "bob": 0.1})


def too_large(world: World) -> Promised:
    return Promised(memory=[Growth("server 1", 2e6, 1e6), Growth("server 2", 1e6, 2e6)])


def silence(world: World) -> None:
    client = world.clients[3]
    client.cut()
    client.connect()


def resumed_and_nothing_more(world: World) -> None:
    client = world.clients[3]
    client.cut()
    client.connect()
    client.resumed()


def resumed_elsewhere(world: World) -> None:
    client = world.clients[3]
    client.cut()
    client.connect()
    client.resumed(at=world.chapter.head - 1)
    client.changes()


SEEDS: dict[str, list[Seed]] = {
    "I1": [
        committed_and_lost, rolled_back_and_logged, never_sent_and_logged, unknown_and_half_there, logged_twice,
        another_table_than_the_log_gives,
    ],
    "I2": [
        a_position_left_out, positions_given_out_again, a_position_beyond_the_head,
        an_epoch_that_stays_after_a_restore,
    ],
    "I3": [reversed_updates_of_one_row],
    "I4": [two_transactions_without_an_end_between, a_transaction_in_two_parts, told_within_a_transaction],
    "I5": [
        a_snapshot_that_lacks_a_row, a_snapshot_of_another_position, a_change_that_the_snapshot_had,
        a_snapshot_that_begins_anew,
    ],
    "I6": [
        a_change_that_is_lost, a_removal_that_is_lost, never_at_the_head,
        an_epoch_that_stays_with_positions_that_were_there,
    ],
    "I7": [
        a_position_that_falls, a_row_that_goes_back, a_stale_snapshot, a_resume_that_lacks_something,
        a_resume_that_repeats,
    ],
    "I8": [
        anothers_row, anothers_canary_in_a_raw_frame, anothers_canary_in_an_error, a_document_that_has_passed_on,
        a_topic_that_is_not_theirs,
    ],
    "I9": [
        after_the_right_had_ended, after_signing_out, what_was_committed_after_the_right_had_ended,
        after_it_was_revoked,
    ],
    "I10": [too_late, never_complete],
    "I11": [too_large],
    "I12": [silence, resumed_and_nothing_more, resumed_elsewhere],
}  # fmt: skip
