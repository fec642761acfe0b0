"""P1 to P3 on real PostgreSQL, whatever the order of things: hypothesis owns the interleaving."""

from collections.abc import Callable, Iterator

import pytest

from core.demo.embedded import PostgresServer
from tests.stateful.machine import run
from tests.stateful.play import Play
from tests.stateful.stage import Stage, stage_on

PLAYS = 40


@pytest.fixture(scope="module")
def stage(postgres: PostgresServer) -> Iterator[Stage]:
    """A stage for all of them."""
    with stage_on(postgres) as made:
        yield made


@pytest.fixture
def play(stage: Stage) -> Iterator[Play]:
    """A play with three rows, of which writer 1 has a snapshot in which writer 0 then deletes the second."""
    made = Play(stage)
    made.write(0, "fill")
    made.commit(0)
    made.write(1, "update", key=1, isolation="REPEATABLE READ")
    made.write(0, "delete", key=2)
    made.commit(0)
    yield made
    made.close()


def test_the_log_is_what_was_committed(stage: Stage) -> None:
    """I1 to I5: between all statements of writers, relays and readers, with backends that end at any moment."""
    run(stage, plays=PLAYS)


def inserted(play: Play) -> None:
    play.write(1, "insert", key=2)


def inserted_in_a_savepoint(play: Play) -> None:
    play.save(1)
    play.write(1, "insert", key=2)
    play.release(1)


def inserted_and_deleted(play: Play) -> None:
    play.write(1, "insert", key=2)
    play.write(1, "delete own")


def moved_there(play: Play) -> None:
    play.write(1, "move", key=1, to=2)


@pytest.mark.parametrize("writes", [inserted, inserted_in_a_savepoint, inserted_and_deleted, moved_there])
def test_a_row_that_was_deleted_since_the_snapshot_is_no_image(play: Play, writes: Callable[[Play], None]) -> None:
    """P1: under REPEATABLE READ a key may be written again that is still to be seen; what is logged is the new row."""
    writes(play)
    assert not play.writers[1].actor.failures
    play.commit(1)
    play.finish()
