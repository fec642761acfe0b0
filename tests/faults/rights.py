"""Who was allowed what, and when: what the checker holds the frames against. Pure; times are monotonic seconds.

Topics select by the same words as the app's declarations, but nothing here is the product's.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.images import Image

END_SECONDS = 2.0
"""So long after it ended, nothing may be written of what rested on a right (I9)."""

FOREVER = float("inf")


class Selection(NamedTuple):
    """What a topic shows to whom: `customer` None stands for staff, `doc` None for a topic of items and events."""

    customer: int | None
    doc: int | None

    def selects(self, kind: str, image: Image) -> bool:
        """Tell whether a row is in it, the anchor being there."""
        if self.doc is None:
            return kind in ("item", "event") and self.customer in (None, image.owner)
        if kind == "doc":
            return int(image.key) == self.doc and self.customer in (None, image.owner)
        return kind == "line" and image.doc == self.doc


@dataclass(frozen=True, slots=True)
class Right:
    """What a person was from some moment on.

    `since` is before the commit that made it so, `until` after the commit that ended it: in between either may hold.
    """

    since: float
    staff: bool
    customer: int | None
    active: bool
    until: float = FOREVER

    def selection(self, topic: str) -> Selection | None:
        """Return what a topic shows under this right; None when nothing."""
        if not self.active:
            return None
        doc = int(topic.rpartition("/")[2]) if topic.startswith("proof/doc/") else None
        if self.staff:
            return None if topic == "proof/mine" else Selection(None, doc)
        return None if topic == "proof/items" or self.customer is None else Selection(self.customer, doc)


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of all people by name, oldest first, and when each session ended by its cookie."""

    people: Mapping[str, Sequence[Right]]
    ended: Mapping[str, float] = field(default_factory=dict)

    def selections(self, person: str, topic: str) -> list[Selection]:
        """Return everything that a topic ever showed the person, the latest first."""
        found = [right.selection(topic) for right in reversed(self.people[person])]
        return list(dict.fromkeys(each for each in found if each is not None))

    def changed(self, person: str, after: float, at: float) -> bool:
        """Tell whether what a person may see changed between two times."""
        held = self.people[person]
        return any(after <= old.until and new.since <= at for old, new in itertools.pairwise(held))

    def late(self, person: str, cookie: str, topic: str, selection: Selection, written: float, at: float) -> float:
        """Return how long before `written` the right to a selection had ended in this session; 0 if it had not.

        What was written then came at `at`.
        """
        rights = [right for right in self.people[person] if right.selection(topic) == selection and right.since <= at]
        until = min(max((right.until for right in rights), default=0.0), self.ended.get(cookie, FOREVER))
        return max(0.0, written - until)

    def owners(self, person: str, after: float, at: float, grace_seconds: float) -> set[int] | None:
        """Return whose canaries may stand in what was written after one time and came at another; None: everybody's."""
        held = [right for right in self.people[person] if right.since <= at and after <= right.until + grace_seconds]
        if any(right.staff and right.active for right in held):
            return None
        return {right.customer for right in held if right.active and right.customer is not None}
