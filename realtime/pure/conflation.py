"""What a client that can't keep up is owed of one topic: the latest state of what changed, or a snapshot.

Only keys are remembered, so that a row that changed a thousand times costs one key, and its state is read from
the view when it is written: an upsert followed by a removal is a removal, and never the other way round.
Past a bound the keys are forgotten and a snapshot is due instead, so that memory is bounded whatever happens.
"""

from collections.abc import Collection

from realtime.pure.changes import RowKey
from realtime.pure.fragments import cut, encode_fragment
from realtime.pure.view import View


class Owed:
    """What one subscription is owed; nothing at first."""

    __slots__ = ("_keys", "_max_keys", "snapshot")

    def __init__(self, max_keys: int) -> None:
        self._keys: dict[RowKey, None] = {}
        self._max_keys = max_keys
        self.snapshot = False
        """A snapshot is due: what the keys would say is in it."""

    def __bool__(self) -> bool:
        return self.snapshot or bool(self._keys)

    def remember(self, keys: Collection[RowKey]) -> bool:
        """Add changed keys; tell whether that went past the bound, so that a snapshot has become due."""
        if self.snapshot:
            return False
        self._keys.update(dict.fromkeys(keys))
        if len(self._keys) <= self._max_keys:
            return False
        self.owe_snapshot()
        return True

    def owe_snapshot(self) -> None:
        """Remember that a snapshot is due, and nothing else."""
        self._keys.clear()
        self.snapshot = True

    def settle(self) -> tuple[RowKey, ...]:
        """Return the keys whose state is due, in the order of their first change, and owe nothing."""
        keys = tuple(self._keys)
        self._keys.clear()
        self.snapshot = False
        return keys


def latest(view: View, keys: Collection[RowKey], frame_max_bytes: int) -> list[bytes]:
    """Return the current state of rows as bodies of frames, removals for those not in the view; never no body."""
    fragments = (view.fragment(key) or encode_fragment(key, None) for key in keys)
    return cut(fragments, frame_max_bytes) or [b""]
