"""A play: writers, relays and readers on a stage, each step of each chosen from outside, and checked after each."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from tests.simulation.violations import Violation
from tests.stateful import relays, writers
from tests.stateful.actors import Actor
from tests.stateful.history import LOG, STATED, History, Logged, Stated
from tests.stateful.readers import Reader
from tests.stateful.relays import RelayActor
from tests.stateful.stage import Stage
from tests.stateful.tables import read_rows
from tests.stateful.writers import Writer

WRITERS, RELAYS, READERS = 3, 2, 2

STATEMENTS_MAX = 40
"""A relay that was told to stop somewhere and does not come there stops after so many statements."""

ROUNDS_MAX = 12
"""So many rounds at most it takes until there is nothing left to be done."""


class Play:
    """One play. Its public methods are the steps; those that can't be taken now do nothing."""

    def __init__(self, stage: Stage, *, slice_changes: int = 1000) -> None:
        self._stage, crew = stage, stage.crew
        stage.clear()
        self.history = History()
        conninfo = stage.conninfo
        self.writers = [Writer(f"writer {n}", crew, conninfo, self.history.commit) for n in range(WRITERS)]
        self.readers = [Reader(f"reader {n}", crew, conninfo, self.history) for n in range(READERS)]
        self.relays = [RelayActor(f"relay {n}", crew, conninfo, slice_changes) for n in range(RELAYS)]
        self._settle()
        for number in range(RELAYS):
            self.relay(number, "rest")

    # Writers

    def write(
        self, writer: int, deed: str, kind: str = "row", key: int = 1, to: int = 2, *, isolation: str = "READ COMMITTED"
    ) -> None:
        """Let a writer send a statement, in a transaction of its own or in the one that it has."""
        self._tell(writer, lambda of: of.write(deed, kind, key, to, isolation))

    def save(self, writer: int, *, isolation: str = "READ COMMITTED") -> None:
        """Let a writer begin a savepoint."""
        self._tell(writer, lambda of: of.save(isolation))

    def back(self, writer: int) -> None:
        """Let a writer go back to its savepoint."""
        self._tell(writer, lambda of: of.back())

    def release(self, writer: int) -> None:
        """Let a writer forget its savepoint."""
        self._tell(writer, lambda of: of.release())

    def commit(self, writer: int) -> None:
        """Let a writer commit."""
        self._tell(writer, lambda of: of.commit())

    def roll_back(self, writer: int) -> None:
        """Let a writer roll back."""
        self._tell(writer, lambda of: of.roll_back())

    def kill_writer(self, writer: int) -> None:
        """End a writer's backend, wherever it is."""
        chosen = self.writers[writer]
        if chosen.actor.pid:
            self._stage.crew.terminate(chosen.actor)
            self._settle()
            chosen.actor.hurt = False
            self._tell(writer, lambda of: of.leave())

    # Relays

    def relay(self, relay: int, point: str | None = None) -> None:
        """Let a relay send one statement, or go on until it stands at a point or is in the way of another."""
        chosen = self.relays[relay]
        for _ in range(STATEMENTS_MAX):
            if not chosen.actor.stopped:
                return
            ends = str(chosen.actor.next).startswith(("BEGIN", "COMMIT"))
            chosen.actor.go()
            self._settle()
            if ends:
                self.check()  # Before it prunes what was not looked at.
            if point is None or chosen.stands_at(point) or chosen.stands_at("rest"):
                return

    def kill_relay(self, relay: int) -> None:
        """End a relay's backend, wherever it is."""
        self._kill(self.relays[relay].actor)

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the relays: after a second they keep house, after a minute they prune."""
        self._stage.clock.now += seconds

    # Readers

    def look(self, reader: int, after: int | None = None, limit: int = 1000) -> None:
        """Let a reader begin a snapshot, or to read the log from a position."""
        chosen = self.readers[reader]
        if not chosen.actor.idle:
            return
        if after is None:
            chosen.actor.begin(chosen.snapshot())
        else:
            chosen.actor.begin(chosen.read(min(after, self.history.head), limit))
        self._settle()

    def go_on(self, reader: int, statements: int = 1) -> None:
        """Let a reader send its next statements."""
        chosen = self.readers[reader]
        for _ in range(statements):
            if not chosen.actor.stopped:
                return
            chosen.go()
            self._settle()

    def kill_reader(self, reader: int) -> None:
        """End a reader's backend, wherever it is."""
        if not self.readers[reader].actor.idle:
            self._kill(self.readers[reader].actor)

    # What must hold

    def check(self) -> None:
        """Hold all that there is against what must hold."""
        for actor in self._stage.crew.actors:
            if actor.task is not None and actor.task.done():
                actor.task.result()
        for writer in self.writers:
            _refused("I1", writer.actor, writers.EXPECTED)
        for relay in self.relays:
            _refused("I2", relay.actor, relays.EXPECTED)
        for reader in self.readers:
            _refused("I5", reader.actor, ())
        with suppress(psycopg.errors.LockNotAvailable):  # A relay that prunes has the log to itself.
            self._check_log()

    def _check_log(self) -> None:
        checker, history = self._stage.checker, self.history
        row = checker.execute(STATED).fetchone()
        assert row is not None
        stated, inbox = Stated._make(row[:-1]), row[-1]
        new = stated.head > history.head or stated.changes > history.head - history.floor
        rows = [Logged._make(row) for row in checker.execute(LOG, [history.head]).fetchall()] if new else []
        history.log(stated, rows, inbox)
        for relay in self.relays:
            while relay.wire.batches:
                self.history.published(relay.wire.batches.popleft())

    def finish(self) -> None:
        """Let all come to their ends, and hold what is left against what must hold."""
        for turn in range(ROUNDS_MAX):
            for number in range(WRITERS):
                self.commit(number)
            for number in range(READERS):
                self.go_on(number, STATEMENTS_MAX)
            for number in range(RELAYS):
                self.relay(number, "rest")
            self.check()
            self.pass_time(1.0)
            if turn and self.history.all_relayed and all(not writer.levels for writer in self.writers):
                break
        for number in range(READERS):
            self.look(number)
            self.go_on(number, STATEMENTS_MAX)
        self.check()
        self.history.finish(read_rows(self._stage.monitor))

    def close(self) -> None:
        """Let everybody go home."""
        crew = self._stage.crew
        crew.dismiss()
        for writer in self.writers:
            crew.run(writer.leave())
        for reader in self.readers:
            crew.run(reader.close())

    def _tell(self, writer: int, what: Callable[[Writer], Any]) -> None:
        chosen = self.writers[writer]
        if chosen.actor.idle:
            chosen.actor.begin(what(chosen))
            self._settle()

    def _kill(self, actor: Actor) -> None:
        if actor.pid:
            self._stage.crew.terminate(actor)
            self._settle()

    def _settle(self) -> None:
        """Let everybody go on; writers never stop between their statements."""
        crew = self._stage.crew
        crew.settle()
        while stopped := [writer.actor for writer in self.writers if writer.actor.stopped]:
            for actor in stopped:
                actor.go()
            crew.settle()


def _refused(sign: str, actor: Actor, expected: tuple[type[Exception], ...]) -> None:
    """Hold what an actor was refused against what it may be."""
    for error in actor.failures:
        if not isinstance(error, expected):
            sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
            raise Violation(sign, f"{actor.name} was refused: {sqlstate} {str(error).splitlines()[0]}")
