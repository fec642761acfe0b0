"""The hub's machine for one stream: from batches, heads, ranges and snapshots to what subscribers are told.

Theory of operation. The `Line` decides what is next. Each run of changes is routed to the LIVE views, which
are brought to its end before anyone is told; then come the subscribers, and then the views that are not LIVE
yet. A view is attached before its snapshot is asked for, so that nothing falls between the two.

Inputs are the public methods. Each returns the effects that it asks of the driver; each question among them
is handed back once, with its answer or as failed. Subscribers are called synchronously from within inputs,
and may subscribe and unsubscribe from there.

What always holds:
- A LIVE view is exact at `line.position`. Nothing is delivered or opened unless the line is SURE.
- Positions told to a subscriber never decrease within an epoch, and no change is told twice.
- One question of a kind is under way at a time (snapshots: one for each view).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from realtime.errors import EpochChanged, PeerError, RealtimeError, Unavailable
from realtime.pure.admission import Admission
from realtime.pure.audience import Audience, Waiter
from realtime.pure.changes import Batch, Head, LogRange, Snapshot
from realtime.pure.content import Content
from realtime.pure.effects import AskHead, Count, Crash, Effect, Expect, Gather, Purpose, ReadLog, ReadSnapshot, Verify
from realtime.pure.filters import Index
from realtime.pure.following import Following
from realtime.pure.gaps import Line, Run, Trust
from realtime.pure.materialised import MaterialisedView, Phase
from realtime.pure.reading import Reading
from realtime.pure.resume import Resumption
from realtime.pure.ring import Ring
from realtime.pure.routing import route
from realtime.pure.selection import Selection
from realtime.pure.view import Subscriber, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLimits:
    """Bounds of a feed; `realtime.conf` says what each is for."""

    frame_max_bytes: int = 256 * 1024
    ring_changes: int = 20_000
    resume_max_changes: int = 100_000
    snapshot_wait_seconds: float = 5.0


class Feed:
    """One stream in one process."""

    def __init__(self, stream: str, limits: FeedLimits) -> None:
        self.stream = stream
        self.line = Line(limits.resume_max_changes)
        self.audience = Audience(self._emit, self._retire)
        self._limits = limits
        self._effects: list[Effect] = []
        self._following = Following(stream, self.line, self._emit, far_changes=limits.ring_changes)
        self._reading = Reading(stream, self._emit)
        self._resumption = Resumption(stream, self._emit)
        self._admission = Admission(
            stream, self.line, self.audience, self._following, self._resumption, limits.resume_max_changes, self._emit
        )
        self._ring = Ring(0, limits.ring_changes)
        self._index: Index[MaterialisedView] = Index()
        self._overflowed: dict[MaterialisedView, None] = {}
        self._broken: list[tuple[MaterialisedView, Exception]] = []

    # Subscriptions.

    def subscribe(
        self,
        subscriber: Subscriber,
        selection: Selection,
        cursor: tuple[str, int] | None,
        epoch_for: Callable[[str], str],
        now: float,
    ) -> list[Effect]:
        """Subscribe; `epoch_for` gives the client's epoch for the log's, `now` is in seconds."""
        view = self.audience.views.get(selection) or self._attach(selection)
        self.audience.join(view, Waiter(subscriber, cursor, epoch_for, now))
        self._admission.admit(view)
        return self._take()

    def unsubscribe(self, subscriber: Subscriber) -> list[Effect]:
        """End a subscription, open or waiting; the subscriber is told nothing any more."""
        self.audience.leave(subscriber)
        return self._take()

    def tick(self, now: float) -> list[Effect]:
        """Check the head, if anyone is subscribed or it is not known yet; end what has waited for too long."""
        if self.audience.views or self.line.trust is Trust.UNKNOWN:
            self._following.check()
        wait = self._limits.snapshot_wait_seconds
        for view, waiter in self.audience.waiters():
            since = self._reading.waiting_since(view)
            if since is not None and now - max(since, waiter.since) >= wait:
                self._emit(Count(self.stream, "failures", "unavailable"))
                self.audience.fail(waiter.subscriber, Unavailable("the view did not become exact in time; try again"))
        for view in self._reading.views():
            since = self._reading.waiting_since(view)
            if since and now - since >= wait:
                self._read_again(view, "unavailable")
        return self._take()

    # The wire and the log.

    def batch_received(self, batch: Batch) -> list[Effect]:
        """Take a batch from the wire."""
        self._following.batch_received(batch, watched=bool(self.audience.views))
        return self._advance()

    def head_answered(self, asked: AskHead, head: Head) -> list[Effect]:
        """Take the stream's row."""
        if self._following.head_answered(asked, head) is not None:
            self._begin(head)
        self._following.ask_again()
        return self._go_on()

    def head_failed(self, asked: AskHead) -> list[Effect]:
        """Take note that the log is out of reach: who waits is told so, who has a view keeps it.

        A snapshot that has not met the stream yet is read again: what it held without a position may be lost.
        """
        if self._following.head_failed(asked):
            for view in list(self.audience.views.values()):
                self.audience.refuse(view, out_of_reach())
            for view in self._reading.views():
                self._suspend(view, "unavailable", view.position)
        self._following.ask_again()
        return self._take()

    def verified(self, asked: Verify, *, holds: bool) -> list[Effect]:
        """Take the answer to whether the log still holds the mark."""
        if (head := self._following.verified(asked, holds=holds, shown=self.audience.shown)) is not None:
            self._begin(head)
        return self._go_on()

    def range_read(self, asked: ReadLog, read: LogRange) -> list[Effect]:
        """Take a range of the log."""
        if asked.purpose is Purpose.HEAL:
            self._following.range_read(asked, read)
        elif self._resumption.answered(asked, read, self.line, self._ring, self._index):
            self._admission.admit_all()
        return self._advance()

    def log_failed(self, asked: ReadLog | Verify, error: RealtimeError) -> list[Effect]:
        """Take note that a question about the log could not be answered."""
        if isinstance(asked, Verify) or asked.purpose is Purpose.HEAL:
            self._following.range_failed(asked, error)
        elif self._resumption.failed(asked):
            if isinstance(error, EpochChanged):
                self._following.suspect()
            else:
                self._admission.give_up_replays()
                self._admission.admit_all()
        return self._take()

    def overdue(self, asked: Expect) -> list[Effect]:
        """Take note that the moment is over in which the wire should have brought a position."""
        self._following.overdue(asked)
        return self._take()

    def gathered(self, asked: Gather) -> list[Effect]:
        """Begin the replay for the cursors that wait."""
        if self._resumption.gathered(asked):
            if waiting := self._admission.replayable():
                self._resumption.begin(min(waiting.values()), waiting, self.line, self._ring, self._index)
            self._admission.admit_all()
        return self._take()

    # Snapshots.

    def snapshot_read(self, asked: ReadSnapshot, snapshot: Snapshot, content: Content, now: float) -> list[Effect]:
        """Take a view's snapshot, with its rendered rows."""
        if not self._reading.answered(asked, now):
            return self._take()
        head, mark = snapshot.head, self.line.mark
        other = head.position == mark.position and head.mark != mark.mark
        if head.epoch != self.line.epoch or head.position < asked.position or other:
            self._reading.begin(asked.view)
            self._following.suspect()
            return self._take()
        self._reading.met(asked.view)
        with self._contained(asked.view):
            asked.view.meet(snapshot, content)
        self._following.expect(head.position)
        return self._advance()

    def snapshot_failed(self, asked: ReadSnapshot, error: Exception, now: float) -> list[Effect]:
        """Take note of why there is no snapshot: what can't be had ends the subscriptions, an outage is retried."""
        if not self._reading.answered(asked, now):
            return self._take()
        if isinstance(error, PeerError):
            self._emit(Count(self.stream, "failures", "snapshot"))
            self.audience.fail_all(asked.view, error)
        elif isinstance(error, RealtimeError):
            self._emit(Count(self.stream, "failures", "unavailable"))
            self._reading.begin(asked.view)
            self.audience.refuse(asked.view, out_of_reach())
        else:
            self._broken.append((asked.view, error))
            self._end_broken()
        return self._take()

    # Delivery.

    def _go_on(self) -> list[Effect]:
        """Take up what had to wait for a line that is SURE."""
        self._read_due()
        self._admission.admit_all()
        return self._advance()

    def _advance(self) -> list[Effect]:
        for run in self.line.ready():
            self._deliver(run)
        self._meet()
        self._admission.admit_ahead()
        self._following.heal_further()
        return self._take()

    def _deliver(self, run: Run) -> None:
        """Bring all views to the end of a run, then tell."""
        self._emit(Count(self.stream, "changes", amount=len(run.changes)))
        self._ring.append(run.head, run.changes)
        for view in self._reading.views():
            with self._contained(view):
                view.follow(run)
            if view.overflowed:
                self._overflowed[view] = None
        routed = route(run, self._index)
        if routed.reset_kinds:
            for view in self._resettable(routed.reset_kinds):
                if view not in routed.lost:
                    self._suspend(view, "reset", run.after)
            self._read_due()
        updates: list[tuple[MaterialisedView, Update]] = []
        for view in routed.touched:
            if view.phase is Phase.LIVE and view not in routed.lost:
                with self._contained(view):
                    if update := view.commit(run.head):
                        updates.append((view, update))
        self._end_broken()
        for view in routed.lost:
            self.audience.revoke(view)
        self.audience.changed(updates)

    def _resettable(self, kinds: set[str]) -> list[MaterialisedView]:
        live = [view for view in self.audience.views.values() if view.phase is Phase.LIVE]
        return [view for view in live if not kinds.isdisjoint(view.selection.part_of)]

    def _meet(self) -> None:
        """Show the views that have become exact; read those again that can't."""
        self._end_broken()
        overflowed, self._overflowed = self._overflowed, {}
        for view in [*overflowed, *self._reading.meeting()]:
            if view.overflowed:
                self.audience.refuse(view, Unavailable("too much changed while the rows were read; try again"))
            if (view.overflowed or view.lacking) and self.audience.views.get(view.selection) is view:
                self._read_again(view, "reset")
        if self.line.trust is Trust.SURE:
            for view in self._reading.exact(self.line.position):
                self._show(view)

    def _show(self, view: MaterialisedView) -> None:
        if self.audience.views.get(view.selection) is not view:
            return
        self._reading.end(view)
        if view.anchorless:
            self.audience.revoke(view)
            return
        view.show(self.line)
        for part in view.selection.parts:
            self._index.add(part, view)
        self.audience.reset(view)
        self._admission.admit(view)

    # Views.

    def _attach(self, selection: Selection) -> MaterialisedView:
        if not self.audience.views:
            self._following.suspect()  # While nobody was subscribed, nobody looked at the head.
        view = MaterialisedView(
            selection,
            frame_max_bytes=self._limits.frame_max_bytes,
            trail_changes=self._limits.ring_changes,
            backlog_changes=self._limits.resume_max_changes,
        )
        self.audience.add(view)
        self._reading.begin(view)
        self._read_due()
        return view

    def _retire(self, view: MaterialisedView) -> None:
        self._unroute(view)
        self._reading.end(view)
        self._resumption.forget(view)
        self._admission.forget(view)

    def _read_again(self, view: MaterialisedView, reason: str) -> None:
        self._suspend(view, reason, self.line.position)
        self._read_due()

    def _suspend(self, view: MaterialisedView, reason: str, position: int) -> None:
        self._emit(Count(self.stream, "resets", reason))
        self._unroute(view)
        view.suspend(position)
        self._reading.begin(view)
        self._resumption.forget(view)

    def _unroute(self, view: MaterialisedView) -> None:
        if view.phase is Phase.LIVE:
            for part in view.selection.parts:
                self._index.remove(part, view)

    def _read_due(self) -> None:
        if self.line.trust is Trust.SURE:
            self._reading.ask(self.line.position)

    def _begin(self, head: Head) -> None:
        """Begin again at a head: every view is read anew."""
        reason = "floor" if head.epoch == self.line.epoch else "epoch"
        for view in self.audience.views.values():
            self._suspend(view, reason, self.line.position)
        self._resumption.cancel()
        self._ring = Ring(head.position, self._limits.ring_changes)
        self.line.adopt(head)

    # Containment and effects.

    @contextmanager
    def _contained(self, view: MaterialisedView) -> Iterator[None]:
        """Let an exception of a projection or derivation end that view alone, after what is under way."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a projection raises concerns its view alone
            self._broken.append((view, error))

    def _end_broken(self) -> None:
        broken, self._broken = self._broken, []
        for view, error in broken:
            self._emit(Crash(f"a view of {self.stream!r} failed", error))
            self._emit(Count(self.stream, "failures", "projection"))
            self.audience.fail_all(view, Unavailable("the topic could not be computed; try again later"))

    def _emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def _take(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects


def out_of_reach() -> Unavailable:
    """Return the error for who waits while the log does not answer."""
    return Unavailable("the change log is out of reach; try again")
