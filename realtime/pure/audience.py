"""Who is subscribed to which view, and the telling of it: one subscriber's bug never reaches another."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from realtime.errors import PeerError, Unavailable, UnknownTopic
from realtime.pure.changes import RowKey
from realtime.pure.effects import Crash, Effect, WriteLane
from realtime.pure.materialised import MaterialisedView
from realtime.pure.selection import Selection
from realtime.pure.view import Subscriber, Update


@dataclass(slots=True, eq=False)
class Waiter:
    """A subscription that waits to be opened. `cursor` is the client's epoch and position."""

    subscriber: Subscriber
    cursor: tuple[str, int] | None
    epoch_for: Callable[[str], str]
    since: float
    question: int = 0
    """Number of the head question that settles whether the cursor is from the future; 0: not asked."""
    replayed: bool = False
    """The cursor was older than the view's trail."""


class Audience:
    """The views of one stream with their subscriptions.

    Those that are open are the view's listeners, the others wait. A view that ends, or has lost its last
    subscription, is handed to `retire`. Subscribers may come and go from within what they are told, so each is
    told only while it still holds the view that it is told about.
    """

    def __init__(self, emit: Callable[[Effect], None], retire: Callable[[MaterialisedView], None]) -> None:
        self.views: dict[Selection, MaterialisedView] = {}
        self._waiting: dict[MaterialisedView, dict[Subscriber, Waiter]] = {}
        """By view that anyone has, or waits for: those that wait."""
        self._view_of: dict[Subscriber, MaterialisedView] = {}
        self._emit = emit
        self._retire = retire

    @property
    def subscriptions(self) -> int:
        """Number of subscriptions, open or waiting."""
        return len(self._view_of)

    @property
    def shown(self) -> bool:
        """Tell whether anyone has any view open."""
        return any(view.listeners.open for view in self._waiting)

    def add(self, view: MaterialisedView) -> None:
        """Take in a view; its first subscription must follow."""
        self.views[view.selection] = view
        self._waiting[view] = {}

    def join(self, view: MaterialisedView, waiter: Waiter) -> None:
        """Add a subscription that waits to be opened."""
        assert waiter.subscriber not in self._view_of, "a subscriber is one subscription"
        self._view_of[waiter.subscriber] = view
        self._waiting[view][waiter.subscriber] = waiter

    def leave(self, subscriber: Subscriber) -> bool:
        """Remove a subscription; False when there is none."""
        view = self._view_of.pop(subscriber, None)
        if view is None:
            return False
        waiting = self._waiting[view]
        waiting.pop(subscriber, None)
        view.listeners.discard(subscriber)
        if not view.listeners.open and not waiting:
            del self._waiting[view]
            self._detach(view)
        return True

    def waiters(self, view: MaterialisedView | None = None) -> Iterator[tuple[MaterialisedView, Waiter]]:
        """Yield those who wait, for one view or for any; they may be opened and ended meanwhile."""
        for each in list(self._waiting) if view is None else [view]:
            waiting = self._waiting.get(each, {})
            for waiter in list(waiting.values()):
                if waiting.get(waiter.subscriber) is waiter:
                    yield each, waiter

    def open(self, view: MaterialisedView, waiter: Waiter, touched: Collection[RowKey] | None) -> None:
        """Open a waiting subscription."""
        del self._waiting[view][waiter.subscriber]
        view.listeners.add(waiter.subscriber)
        self._tell(waiter.subscriber, lambda one: one.opened(view, touched))

    def changed(self, updates: Iterable[tuple[MaterialisedView, Update]]) -> None:
        """Tell all who have these views open what a batch changed in them; who comes meanwhile has it already."""
        told: list[tuple[MaterialisedView, Update, list[Subscriber]]] = []
        for view, update in updates:
            for lane in view.listeners.take(update):
                self._emit(WriteLane(lane))
            told.append((view, update, list(view.listeners.apart)))
        for view, update, subscribers in told:
            for subscriber in subscribers:
                if subscriber in view.listeners.apart:
                    self._tell(subscriber, partial(_changed, view, update))
                # A session that was told of one view joins the lanes of its others, which may not have been told yet.
                elif (late := view.listeners.take_late(subscriber, update)) is not None:
                    self._emit(WriteLane(late))
            view.untold = None

    def reset(self, view: MaterialisedView) -> None:
        """Tell all who have the view open that it was read anew."""
        for subscriber in list(view.listeners.open):
            if subscriber in view.listeners.open:
                self._tell(subscriber, lambda one: one.reset(view))

    def revoke(self, view: MaterialisedView) -> None:
        """End all subscriptions of a view whose anchor is gone: for who waits, the topic does not exist."""
        self._detach(view)
        for subscriber in list(view.listeners.open):
            if self.leave(subscriber):
                self._tell(subscriber, lambda one: one.revoked(view))
        self.refuse(view, UnknownTopic("there is no such topic, or it is not yours"))

    def fail_all(self, view: MaterialisedView, error: PeerError) -> None:
        """End all subscriptions of a view."""
        self._detach(view)
        for subscriber in list(view.listeners.open):
            self.fail(subscriber, error)
        self.refuse(view, error)

    def refuse(self, view: MaterialisedView, error: PeerError) -> None:
        """End the subscriptions that wait for a view."""
        for _, waiter in self.waiters(view):
            self.fail(waiter.subscriber, error)

    def fail(self, subscriber: Subscriber, error: PeerError) -> None:
        """End one subscription."""
        if self.leave(subscriber):
            self._tell(subscriber, lambda one: one.failed(error))

    def _detach(self, view: MaterialisedView) -> None:
        if self.views.get(view.selection) is view:
            del self.views[view.selection]
            self._retire(view)

    def _tell(self, subscriber: Subscriber, call: Callable[[Subscriber], None]) -> None:
        try:
            call(subscriber)
        except Exception as error:  # noqa: BLE001 - whatever one subscriber raises must not stop the others
            self._emit(Crash("a subscriber raised", error))
            self.fail(subscriber, Unavailable("the subscription failed; try again"))


def _changed(view: MaterialisedView, update: Update, subscriber: Subscriber) -> None:
    subscriber.changed(view, update)
