"""A view as its subscribers see it: the rows of one selection, exact at a position, and what it tells them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from realtime.errors import PeerError
from realtime.pure.changes import RowKey
from realtime.pure.selection import Selection

if TYPE_CHECKING:
    from realtime.pure.lane import Listeners


@dataclass(slots=True)
class Update:
    """What one batch changed in a view; built once, whatever the number of subscribers.

    `bodies` are the fragments of `keys` (removals as `"row":null`), joined by commas and cut below the frame
    size: applied together they bring the view to `position`. `frames` is the sessions' cache of finished
    frames by topic name.
    """

    position: int
    keys: tuple[RowKey, ...]
    bodies: list[bytes]
    frames: dict[str, list[bytes]] = field(default_factory=dict)


class Subscriber(Protocol):
    """One subscription, as its view sees it. All calls are synchronous and must be cheap.

    A subscription gets exactly one `opened` or `failed` first, perhaps before `subscribe` returns. It may
    subscribe and unsubscribe from within a call. After `revoked`, `failed` and its own unsubscribe there are
    no more calls.
    """

    def opened(self, view: "View", touched: Collection[RowKey] | None) -> None:
        """Take the view, exact at `view.position`.

        `touched` None: send a snapshot. Else the cursor is resumed, and these are the keys changed since:
        send the current state of each (`view.fragment`, or a removal where it is None).
        """

    def changed(self, view: "View", update: Update) -> None:
        """Take what one batch changed in the view."""

    def reset(self, view: "View") -> None:
        """Take a view that was read anew (perhaps in another epoch): a pushed snapshot is due."""

    def revoked(self, view: "View") -> None:
        """Take notice that the row under the permission left; the subscription is gone."""

    def failed(self, error: PeerError) -> None:
        """Take notice that the subscription could not be opened, or kept; it is gone."""


class View(Protocol):
    """What subscribers may read; `realtime.pure.materialised` keeps it."""

    selection: Selection
    listeners: "Listeners"
    """Who has it open."""
    untold: Update | None
    """What brought it to its position, while not everyone who has it open has been told."""

    @property
    def epoch(self) -> str:
        """The log's epoch, never shown to clients as it is."""

    @property
    def position(self) -> int:
        """The view is complete up to here; advances also when a batch did not touch it."""

    def keys(self) -> Collection[RowKey]:
        """Return the keys of the rows in the view."""

    def fragment(self, key: RowKey) -> bytes | None:
        """Return the current row's fragment, encoded once; None when the row is not in the view."""

    def snapshot_bodies(self) -> list[bytes]:
        """Return all fragments joined by commas, cut below the frame size; cached until the view changes."""
