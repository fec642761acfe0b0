"""Seeded bugs: each takes a safeguard out of the product, and a short schedule shows what that safeguard is for.

A schedule is a few steps of a `Play`; without the bug it passes. Hypothesis finds most of the bugs too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from realtime.adapters import assignment, capture, snapshots
from realtime.adapters.assignment import LowWater
from realtime.adapters.capture import Installation, image_of
from realtime.adapters.database import name_of
from tests.stateful import tables
from tests.stateful.actors import SteppedConnection
from tests.stateful.crash import crash_after_publishing
from tests.stateful.play import Play
from tests.stateful.stage import Stage

OWN_ROW = " AND age(t.xmin) <= 0"
"""What makes a trigger look at the transaction's own row alone."""

Schedule = Callable[[Stage], None]


@dataclass(frozen=True)
class Bug:
    """A bug, how it is put into the product, and a schedule that shows it. `searched`: a play can meet it."""

    name: str
    what: str
    seed: Callable[[pytest.MonkeyPatch], None]
    show: Schedule
    searched: bool = True

    @contextmanager
    def seeded(self, stage: Stage) -> Iterator[None]:
        """Have it in the product, and in the database of the stage."""
        with pytest.MonkeyPatch.context() as patch:
            self.seed(patch)
            tables.put_captures(stage.monitor)
            yield
        tables.put_captures(stage.monitor)


def played(steps: Callable[[Play], None]) -> Schedule:
    """Return the schedule of these steps of a play."""

    def show(stage: Stage) -> None:
        play = Play(stage)
        try:
            steps(play)
            play.finish()
        finally:
            play.close()

    return show


def reword(patch: pytest.MonkeyPatch, module: ModuleType, name: str, *replacements: tuple[str, str]) -> None:
    """Change what stands in a statement of the product."""
    statement = getattr(module, name)
    for old, new in replacements:
        assert old in statement, f"{name} has no {old!r} any more"
        statement = statement.replace(old, new)
    patch.setattr(module, name, statement)


def reword_numbering(patch: pytest.MonkeyPatch, *replacements: tuple[str, str]) -> None:
    """Change the statement that gives positions."""
    for name in ("ASSIGN_ALL", "ASSIGN_BELOW"):
        reword(patch, assignment, name, *replacements)


def send_instead(patch: pytest.MonkeyPatch, start: str, instead: str) -> None:
    """Have something else sent for statements that begin so."""
    execute = SteppedConnection.execute

    async def other(self: SteppedConnection, query: Any, *arguments: Any, **options: Any) -> Any:
        return await execute(self, instead if str(query).startswith(start) else query, *arguments, **options)

    patch.setattr(SteppedConnection, "execute", other)


def order_by_xid(patch: pytest.MonkeyPatch) -> None:
    reword_numbering(patch, ("max(id) OVER (PARTITION BY xid) AS last", "xid AS last"))


def older_transaction_writes_last(play: Play) -> None:
    play.write(0, "fill")
    play.commit(0)
    play.write(0, "update", key=1)
    play.write(1, "update", key=2)
    play.commit(1)
    play.write(0, "update", key=2)
    play.commit(0)


def id_cursor(patch: pytest.MonkeyPatch) -> None:
    def propose(self: LowWater, last_id: int, later_xid: int) -> None:
        self.id = last_id

    patch.setattr(LowWater, "propose", propose)


def commits_late(play: Play) -> None:
    play.write(0, "insert", key=1)
    for relay in (0, 1):
        play.write(1, "insert", key=2 + relay)
        play.commit(1)
        play.relay(relay, "rest")
    play.commit(0)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    reword(patch, assignment, "LOCK", (" FOR UPDATE", ""))


def two_relays_number(play: Play) -> None:
    play.write(0, "insert", key=1)
    play.commit(0)
    play.relay(0, "commit")
    play.write(1, "insert", key=3)
    play.commit(1)
    play.relay(1, "commit")
    play.relay(0, "rest")


def lock_while_numbering(patch: pytest.MonkeyPatch) -> None:
    reword(patch, assignment, "LOCK", (" FOR UPDATE", ""))
    fence = "fence AS MATERIALIZED (SELECT name FROM realtime_stream ORDER BY name FOR UPDATE)"
    deleting = "DELETE FROM realtime_inbox WHERE "
    reword_numbering(
        patch, ("WITH taken AS", f"WITH {fence}, taken AS"), (deleting, f"{deleting} EXISTS (SELECT FROM fence) AND ")
    )


def head_first(patch: pytest.MonkeyPatch) -> None:
    raising = "UPDATE realtime_stream SET head = head + (SELECT count(*) FROM realtime_inbox WHERE stream = name)"
    execute = SteppedConnection.execute

    async def begin(self: SteppedConnection, query: Any, *arguments: Any, **options: Any) -> Any:
        query = f"BEGIN; {raising}; COMMIT; BEGIN" if query == "BEGIN" else query
        return await execute(self, query, *arguments, **options)

    patch.setattr(SteppedConnection, "execute", begin)
    reword_numbering(
        patch, ("SET head = s.head + t.changes, ", "SET "), ("was.head AS before", "was.head - t.changes AS before")
    )


def relay_stops_early(play: Play) -> None:
    play.write(0, "insert", key=1)
    play.commit(0)
    play.relay(0, "lock")


def image_from_new(patch: pytest.MonkeyPatch) -> None:
    body = Installation.body

    def mutant(self: Installation) -> str:
        key = name_of(self.capture.key)
        right = f"(SELECT {image_of(self.capture, 't')} FROM {self.table} t WHERE t.{key} = r.pk{OWN_ROW})"
        wrong = f"(SELECT {image_of(self.capture, 't')} FROM new_rows t WHERE t.{key} = r.pk)"
        source = body(self)
        assert right in source
        return source.replace(right, wrong, 1)  # That of an UPDATE stands first.

    patch.setattr(Installation, "body", mutant)
    patch.setattr(capture, "TRIGGERS", {**capture.TRIGGERS, "realtime_update": capture.MOVED})


def row_trigger_writes_again(play: Play) -> None:
    play.write(0, "fill")
    play.write(0, "think again", key=1, to=1)
    play.commit(0)


def any_row_of_the_key(patch: pytest.MonkeyPatch) -> None:
    body = Installation.body

    def mutant(self: Installation) -> str:
        source = body(self)
        assert OWN_ROW in source
        return source.replace(OWN_ROW, "")

    patch.setattr(Installation, "body", mutant)


def deleted_since_the_snapshot(play: Play) -> None:
    play.write(0, "fill")
    play.commit(0)
    play.write(1, "update", key=1, isolation="REPEATABLE READ")
    play.write(0, "delete", key=2)
    play.commit(0)
    play.write(1, "insert", key=2)
    play.check()


def no_table_lock(patch: pytest.MonkeyPatch) -> None:
    send_instead(patch, "LOCK TABLE", "SELECT 'nothing is locked'")


def truncate_in_a_snapshot(play: Play) -> None:
    play.write(0, "fill")
    play.commit(0)
    play.look(0)
    play.go_on(0, 3)
    play.write(0, "truncate")
    play.commit(0)


def head_outside(patch: pytest.MonkeyPatch) -> None:
    reword(patch, snapshots, "BEGIN", ("REPEATABLE READ", "READ COMMITTED"))


def change_in_a_snapshot(play: Play) -> None:
    play.write(0, "fill")
    play.commit(0)
    play.look(0)
    play.go_on(0, 3)
    play.write(0, "update", key=1)
    play.commit(0)
    play.relay(0, "rest")


def savepoint_xids(patch: pytest.MonkeyPatch) -> None:
    own = "id, xmin::text::xid8 AS xid, reset, stream, kind, key, version, new, old"
    reword_numbering(patch, ("RETURNING *", f"RETURNING {own}"))


def write_in_a_savepoint(play: Play) -> None:
    play.write(0, "insert", key=1)
    play.save(0)
    play.write(0, "insert", key=2)
    play.release(0)
    play.commit(0)


def asynchronous_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(assignment, "SESSION", {**assignment.SESSION, "synchronous_commit": "off"})


BUGS = [
    Bug("order by xid", "a transaction is placed by its xid", order_by_xid, played(older_transaction_writes_last)),
    Bug("id cursor", "the inbox is read above the last id seen", id_cursor, played(commits_late)),
    Bug("no fence", "the streams' rows are not locked", no_fence, played(two_relays_number)),
    Bug("lock while numbering", "both are one statement", lock_while_numbering, played(two_relays_number)),
    Bug("head first", "the head is raised before the changes are there", head_first, played(relay_stops_early)),
    Bug("image from NEW", "the new image is not read from the table", image_from_new, played(row_trigger_writes_again)),
    Bug("row of a snapshot", "a deleted row's image is read", any_row_of_the_key, played(deleted_since_the_snapshot)),
    Bug("no table lock", "a snapshot does not lock its tables", no_table_lock, played(truncate_in_a_snapshot)),
    Bug(
        "head outside",
        "a snapshot's head is of another moment than its rows",
        head_outside,
        played(change_in_a_snapshot),
    ),
    Bug("savepoint xids", "a savepoint is taken for a transaction", savepoint_xids, played(write_in_a_savepoint)),
    Bug(
        "synchronous_commit off",
        "positions are published before they are on disk",
        asynchronous_commit,
        crash_after_publishing,
        searched=False,
    ),
]
