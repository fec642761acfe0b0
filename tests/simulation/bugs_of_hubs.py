"""Bugs of contiguity, of meeting snapshot and stream, of routing and of resumes."""

from collections.abc import Iterator
from typing import Any

import pytest

from realtime.pure import admission, filters
from realtime.pure import feed as feed_module
from realtime.pure.admission import Way, way_of
from realtime.pure.audience import Waiter
from realtime.pure.changes import Change, RowKey
from realtime.pure.feed import Feed
from realtime.pure.following import Following
from realtime.pure.gaps import Finding, Line, Run
from realtime.pure.lane import Listeners
from realtime.pure.materialised import MaterialisedView
from realtime.pure.resume import Replay
from realtime.pure.routing import Routed, route
from realtime.pure.selection import Part
from tests.simulation.database import Store


def no_gap_check(patch: pytest.MonkeyPatch) -> None:
    """Deliver whatever comes next on the wire."""
    offer = Line.offer

    def mutant(self: Line, batch: Any) -> Any:
        if batch.epoch == self.epoch and batch.after > self.position:
            self.position = batch.after
        return offer(self, batch)

    patch.setattr(Line, "offer", mutant)
    patch.setattr(Line, "_joins", lambda self, run: run.after <= self.position)


def no_tail_check(patch: pytest.MonkeyPatch) -> None:
    """Never look at the head: what the wire lost last is missed until it brings more."""
    check = Following.check

    def mutant(self: Following) -> None:
        if self._line.epoch is None or self._suspicious is not None or self._line.trust.name != "SURE":
            check(self)

    patch.setattr(Following, "check", mutant)


def ignores_pending(patch: pytest.MonkeyPatch) -> None:
    """Show a view before the changes that its snapshot holds have passed."""
    patch.setattr(MaterialisedView, "exact", lambda self, position: bool(self._read) and position >= self._cut)


def no_snapshot_filter(patch: pytest.MonkeyPatch) -> None:
    """Apply changes once more that the snapshot holds already."""
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

    def mutant(self: Line) -> Iterator[Run]:
        while self._kept and self._kept[0].after <= self.position:
            run = self._kept.pop(0)
            self._kept_changes -= len(run.changes)
            self.position = run.head
            yield run

    patch.setattr(Line, "ready", mutant)


def no_removal_on_reassignment(patch: pytest.MonkeyPatch) -> None:
    """Look a change up by its new values alone."""

    def mutant(run: Run, index: Any) -> Routed:
        changes = tuple(change if change.new is None else _without_old(change) for change in run.changes)
        return route(Run(run.after, run.since, run.head, run.mark, changes), index)

    patch.setattr(feed_module, "route", mutant)


def _without_old(change: Change) -> Change:
    return Change(
        change.position, change.inbox_id, change.kind, change.key, change.new, None, change.reset, change.ends
    )


def judged_by_the_present(patch: pytest.MonkeyPatch) -> None:
    """Show a change to whoever may see its row now, not at the change."""
    stores: list[Store] = []
    init = Store.__init__

    def remembered(self: Store) -> None:
        init(self)
        stores[:] = [self]

    def mutant(run: Run, index: Any) -> Routed:
        routed = route(run, index)
        for change in run.changes:
            key = RowKey(change.kind, change.key)
            for view in index.find(change.kind, stores[0].db.rows.get(key)):
                if change.new is not None:
                    view.stage(key, change.new, change.position)
                    routed.touched[view] = None
        return routed

    patch.setattr(Store, "__init__", remembered)
    patch.setattr(feed_module, "route", mutant)


def keyed_by_topic_name(patch: pytest.MonkeyPatch) -> None:
    """Give everyone who asks for a topic the view that the first one got."""
    subscribe = Feed.subscribe

    def mutant(self: Feed, subscriber: Any, selection: Any, *arguments: Any) -> Any:
        topic = subscriber._subscription.topic
        for view in self.audience.views.values():
            if getattr(view, "topic", None) == topic:
                selection = view.selection
        effects = subscribe(self, subscriber, selection, *arguments)
        if (opened := self.audience.views.get(selection)) is not None:
            opened.topic = topic  # type: ignore[attr-defined]
        return effects

    patch.setattr(Feed, "subscribe", mutant)


def none_matches(patch: pytest.MonkeyPatch) -> None:
    """Let a filter's value None select the rows that have none."""

    def matches(self: Part, row: Any) -> bool:
        return row is not None and any(all(row[column] == value for column, value in one) for one in self.alternatives)

    patch.setattr(Part, "matches", matches)
    patch.setattr(filters, "_lookups", lambda part: dict.fromkeys(filters._lookup(one) for one in part.alternatives))


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


def resumes_below_the_floor(patch: pytest.MonkeyPatch) -> None:
    """Resume a cursor that retention has passed from what is left of the log."""

    def mutant(waiter: Waiter, view: Any, line: Any, limit: int) -> Way:
        way = way_of(waiter, view, line, limit)
        behind = waiter.cursor is not None and waiter.cursor[1] < line.floor
        same = waiter.cursor is not None and waiter.epoch_for(view.epoch) == waiter.cursor[0]
        return Way.TRAIL if way is Way.SNAPSHOT and same and behind else way

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


def forgets_who_joins_late(patch: pytest.MonkeyPatch) -> None:
    """Let who joins a lane while a batch is told miss it."""
    patch.setattr(Listeners, "take_late", lambda self, subscriber, update: None)


def breaks_on_a_view_of_none(patch: pytest.MonkeyPatch) -> None:
    """Forget the shapes of a kind that a view without any lookup comes back to."""
    remove = filters.Index.remove

    def mutant(self: filters.Index[Any], part: Part, target: Any) -> None:
        assert part.kind in self._shapes, f"the index has no {part.kind}"
        remove(self, part, target)

    patch.setattr(filters.Index, "remove", mutant)


def repeats_a_whole_batch(patch: pytest.MonkeyPatch) -> None:
    """Take all that a run touched for touched at its end."""
    commit = MaterialisedView.commit
    before: dict[MaterialisedView, int] = {}

    def mutant(self: MaterialisedView, position: int) -> Any:
        positions = self.trail._positions
        for index in range(len(positions) - 1, -1, -1):
            if positions[index] <= before.get(self, 0):
                break
            positions[index] = position
        before[self] = position
        return commit(self, position)

    patch.setattr(MaterialisedView, "commit", mutant)


BUGS = [
    no_gap_check,
    no_tail_check,
    ignores_pending,
    no_snapshot_filter,
    attaches_late,
    applies_a_batch_again,
    no_removal_on_reassignment,
    judged_by_the_present,
    keyed_by_topic_name,
    none_matches,
    ignores_resets,
    ignores_resets_while_reading,
    keeps_views_without_anchor,
    replays_nothing,
    replays_over_resets,
    resumes_any_epoch,
    resumes_below_the_floor,
    trusts_any_head,
    joins_what_does_not_join,
    forgets_who_joins_late,
    breaks_on_a_view_of_none,
    repeats_a_whole_batch,
]
