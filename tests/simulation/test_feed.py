"""Views are exact whatever happens to the wire, the log, the processes and the clients; and the check can fail."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.pure import admission
from realtime.pure import feed as feed_module
from realtime.pure.admission import Way, way_of
from realtime.pure.audience import Waiter
from realtime.pure.feed import Feed
from realtime.pure.gaps import Finding, Line, Run
from realtime.pure.materialised import MaterialisedView
from realtime.pure.resume import Replay
from realtime.pure.routing import Routed, route
from tests.simulation.schedules import Schedule

SEEDS_PER_ROUND = 100
MUTANT_SEEDS = 600
"""So many schedules at most may pass before one shows a bug."""


def run_many(seeds: Iterable[int], *, oblivious: bool = False) -> None:
    """Run a schedule for each seed; whatever goes wrong names its seed."""
    for seed in seeds:
        try:
            Schedule(Random(seed), oblivious=oblivious).run()
        except Exception as error:
            error.add_note(f"Schedule(Random({seed}), oblivious={oblivious})")
            raise


@pytest.mark.parametrize("start", range(0, 2000, SEEDS_PER_ROUND))
def test_every_client_is_exact_at_every_position(start: int) -> None:
    """P2, P3, P4: at each position that a client is told, it has the permitted rows of that position."""
    run_many(range(start, start + SEEDS_PER_ROUND))


@pytest.mark.parametrize("start", range(0, 500, SEEDS_PER_ROUND))
def test_a_hub_that_saw_more_makes_up_for_a_relay_that_knows_nothing(start: int) -> None:
    """P7: when an older copy is restored under a new relay, what the hub has seen brings about a new epoch."""
    run_many(range(start, start + SEEDS_PER_ROUND), oblivious=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.randoms(use_true_random=False))
def test_every_client_is_exact_whatever_is_tried(random: Random) -> None:
    """The same as a property: what fails is shrunk to a short schedule."""
    Schedule(random).run()


Mutate = Callable[[pytest.MonkeyPatch], None]


def ignores_pending(patch: pytest.MonkeyPatch) -> None:
    """Show a view before the changes that its snapshot holds have passed."""
    patch.setattr(MaterialisedView, "exact", lambda self, position: bool(self._read) and position >= self._cut)


def applies_what_the_snapshot_holds(patch: pytest.MonkeyPatch) -> None:
    """Apply changes at or below the snapshot's head once more."""
    meet = MaterialisedView.meet

    def mutant(self: MaterialisedView, snapshot: Any, content: Any) -> None:
        meet(self, snapshot, content)
        self._cut = 0

    patch.setattr(MaterialisedView, "meet", mutant)


def attaches_late(patch: pytest.MonkeyPatch) -> None:
    """Miss what the stream brings while the snapshot is read."""
    patch.setattr(MaterialisedView, "follow", lambda self, run: None)


def applies_a_batch_again(patch: pytest.MonkeyPatch) -> None:
    """Deliver what overlaps as a whole."""

    def mutant(self: Line) -> Any:
        while self._kept and self._kept[0].after <= self.position:
            run = self._kept.pop(0)
            self._kept_changes -= len(run.changes)
            self.position = run.head
            yield run

    patch.setattr(Line, "ready", mutant)


def skips_gaps(patch: pytest.MonkeyPatch) -> None:
    """Deliver whatever comes next on the wire."""
    offer = Line.offer

    def mutant(self: Line, batch: Any) -> Any:
        if batch.epoch == self.epoch and batch.after > self.position:
            self.position = batch.after
        return offer(self, batch)

    patch.setattr(Line, "offer", mutant)


def drops_removals(patch: pytest.MonkeyPatch) -> None:
    """Look a change up by its new values alone."""

    def mutant(run: Run, index: Any) -> Routed:
        changes = tuple(
            change if change.new is None else type(change)(
                change.position, change.inbox_id, change.kind, change.key, change.new, None, change.reset, change.ends
            )
            for change in run.changes
        )  # fmt: skip
        return route(Run(run.after, run.since, run.head, run.mark, changes), index)

    patch.setattr(feed_module, "route", mutant)


def ignores_resets(patch: pytest.MonkeyPatch) -> None:
    """Keep a view's rows over a TRUNCATE."""
    patch.setattr(Feed, "_resettable", lambda self, kinds: [])


def ignores_resets_while_reading(patch: pytest.MonkeyPatch) -> None:
    """Take a snapshot for good that was read before a TRUNCATE."""
    select = MaterialisedView._select

    def mutant(self: MaterialisedView, change: Any, staged: Any) -> bool:
        return False if change.reset else select(self, change, staged)

    patch.setattr(MaterialisedView, "_select", mutant)


def keeps_views_without_anchor(patch: pytest.MonkeyPatch) -> None:
    """Go on when the row under the permission is gone."""
    patch.setattr(MaterialisedView, "anchorless", property(lambda self: False))


def replays_nothing(patch: pytest.MonkeyPatch) -> None:
    """Resume an old cursor without what it missed."""
    patch.setattr(Replay, "take", lambda self, changes, index: None)


def replays_over_resets(patch: pytest.MonkeyPatch) -> None:
    """Resume across a TRUNCATE."""
    patch.setattr(Replay, "_break", lambda self, change, views, anchor=False: None)


def resumes_any_epoch(patch: pytest.MonkeyPatch) -> None:
    """Take a cursor of a dead epoch for one of the present."""

    def mutant(waiter: Waiter, view: Any, line: Any, limit: int) -> Way:
        if waiter.cursor is not None:
            waiter.cursor = (waiter.epoch_for(view.epoch), min(waiter.cursor[1], line.position))
        return way_of(waiter, view, line, limit)

    patch.setattr(admission, "way_of", mutant)


def trusts_any_head(patch: pytest.MonkeyPatch) -> None:
    """Go on although the log lost what was seen."""
    judge = Line.judge

    def mutant(self: Line, *arguments: Any) -> Finding:
        found = judge(self, *arguments)
        return Finding.SAME if found is Finding.BROKEN else found

    patch.setattr(Line, "judge", mutant)


def joins_what_does_not_join(patch: pytest.MonkeyPatch) -> None:
    """Take a batch of another log for the next one."""
    patch.setattr(Line, "_joins", lambda self, run: run.after <= self.position)
    patch.setattr(Line, "_contradicts", lambda self, position, mark: False)


MUTANTS: list[Mutate] = [
    ignores_pending,
    applies_what_the_snapshot_holds,
    attaches_late,
    applies_a_batch_again,
    skips_gaps,
    drops_removals,
    ignores_resets,
    ignores_resets_while_reading,
    keeps_views_without_anchor,
    replays_nothing,
    replays_over_resets,
    resumes_any_epoch,
    trusts_any_head,
    joins_what_does_not_join,
]

OBLIVIOUS = (trusts_any_head, joins_what_does_not_join)
"""Bugs that show when the hub alone has seen what the log lost."""


@pytest.mark.parametrize("mutate", MUTANTS)
def test_a_bug_is_found(mutate: Mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each seeded bug makes some schedule fail, and soon."""
    mutate(monkeypatch)
    with pytest.raises(Exception, match=r".") as caught:
        run_many(range(MUTANT_SEEDS), oblivious=mutate in OBLIVIOUS)
    assert any("Schedule(" in note for note in caught.value.__notes__)
