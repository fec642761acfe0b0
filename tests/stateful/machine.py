"""The state machine: hypothesis chooses each step of a play, and shrinks the plays that break something.

No rule has a precondition: what can't be done does nothing. What is enabled then depends on nothing but the choices.
"""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, core, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.stateful.play import READERS, RELAYS, WRITERS, Play
from tests.stateful.stage import Stage
from tests.stateful.tables import KINDS
from tests.stateful.writers import ISOLATIONS, KEYS, STATEMENTS

writers, relays, readers = (st.integers(0, count - 1) for count in (WRITERS, RELAYS, READERS))
keys, isolations = st.integers(1, KEYS), st.sampled_from(ISOLATIONS)
kinds = st.sampled_from(["row", *KINDS])
deeds = st.sampled_from(["update", "update", "update", "fill", *STATEMENTS])
points = st.sampled_from([None, "lock", "number", "commit", "commit", "read back", "rest", "rest"])
ends = st.sampled_from(["commit", "commit", "roll_back", "back", "release", "kill_writer"])


STEPS = 40

SECONDS = {"second": 1.0, "minute": 60.0}


class Machine(RuleBasedStateMachine):
    """A play."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage
        self._play: Play | None = None

    @property
    def play(self) -> Play:
        """The play of this run."""
        assert self._play is not None
        return self._play

    @initialize(slice_changes=st.sampled_from([1000, 2]))
    def begin(self, slice_changes: int) -> None:
        """Relays take all that is visible, or a backlog in slices."""
        self._play = Play(self._stage, slice_changes=slice_changes)
        self._play.write(0, "fill", "row")
        self._play.write(0, "fill", "slot")
        self._play.commit(0)

    @rule(
        writer=writers, deed=deeds, kind=kinds, key=keys, to=keys, isolation=isolations, save=st.booleans(),
        commit=st.booleans(),
    )  # fmt: skip
    def write(
        self, writer: int, deed: str, kind: str, key: int, to: int, isolation: str, *, save: bool, commit: bool
    ) -> None:
        """Write, perhaps after a savepoint, and perhaps commit at once."""
        if save:
            self.play.save(writer, isolation=isolation)
        self.play.write(writer, deed, kind, key, to, isolation=isolation)
        if commit:
            self.play.commit(writer)

    @rule(writer=writers, how=ends)
    def end(self, writer: int, how: str) -> None:
        """End a transaction or a savepoint."""
        getattr(self.play, how)(writer)

    @rule(relay=relays, point=points)
    def relay(self, relay: int, point: str | None) -> None:
        """Let a relay go on."""
        self.play.relay(relay, point)

    @rule(reader=readers, after=st.none() | st.integers(0, 20), limit=st.integers(1, 4), statements=st.integers(0, 7))
    def look(self, reader: int, after: int | None, limit: int, statements: int) -> None:
        """Let a reader go on; one that has nothing to do takes a snapshot, or reads the log."""
        self.play.look(reader, after, limit)
        self.play.go_on(reader, statements)

    @rule(how=st.sampled_from(["kill_relay", "kill_reader", "second", "minute"]), number=st.integers(0, 1))
    def meanwhile(self, how: str, number: int) -> None:
        """A backend ends, or relays have their house to keep, or to prune."""
        if how in SECONDS:
            self.play.pass_time(SECONDS[how])
        else:
            getattr(self.play, how)(number)

    write_too = write
    relay_too = relay
    """Rules that are chosen twice as often."""

    @invariant()
    def holds(self) -> None:
        """I1 to I5, as far as they can be told now."""
        if self._play is not None:
            self.play.check()

    def teardown(self) -> None:
        """Let all end, and hold the log and the snapshots against the tables."""
        if self._play is not None:
            try:
                self.play.finish()
            finally:
                self.play.close()


def run(
    stage: Stage, *, plays: int, seed: int = 0, shrink: bool = True, seen: Callable[[], object] | None = None
) -> None:
    """Let hypothesis choose so many plays; raise what the shortest that breaks something breaks."""

    def machine() -> Machine:
        if seen is not None:
            seen()
        return Machine(stage)

    chosen = settings(
        max_examples=plays,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "global_force_seed", seed)
        run_state_machine_as_test(machine, settings=chosen)  # type: ignore[arg-type]  # any callable will do
