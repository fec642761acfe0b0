"""Which log an opaque epoch stands for, and which selection: inferred from what the clients were told with it.

An opaque epoch is one chapter and one selection throughout. The one is taken that agrees with most of what was told,
of several the latest; what does not agree with it is a breach.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.history import History, Told, What
from tests.faults.invariants.timelines import Timeline, Timelines
from tests.faults.logbook import Chapter
from tests.faults.rights import Rights, Selection

Key = tuple[str, str, str]
"""Person, topic and opaque epoch."""

Pair = tuple[Told, Told | None]
"""What was told, and what before it in the same epoch on the same connection."""


@dataclass(frozen=True)
class Meaning:
    """What an opaque epoch stands for."""

    timelines: Timelines
    chapter: Chapter
    selection: Selection

    def line(self, position: int) -> Timeline | None:
        """Return the timeline that has a position; None when it is older than anything that was kept."""
        chapter = self.chapter
        while position < chapter.start:
            if chapter.base is None or chapter.base[0].epoch != chapter.epoch:
                return None
            chapter = chapter.base[0]
        return self.timelines.of(chapter, self.selection)

    def agrees(self, told: Told, before: Told | None) -> bool:
        """Tell whether what was told, after what was told before, is what the selection had there."""
        line = self.line(told.position)
        if line is None or told.position not in self.timelines.ends(line.chapter):
            return False
        if (line.total(told.position), line.size(told.position)) != (told.total, told.size):
            return False
        if told.what is not What.CHANGES or before is None or before.position < line.chapter.start:
            return True
        return all(line.changed(row, before.position, told.position) for row in told.rows)


class Epochs:
    """The meanings of all opaque epochs of a round."""

    def __init__(self, histories: Iterable[History], timelines: Timelines, rights: Rights) -> None:
        self._timelines = timelines
        self._rights = rights
        told: dict[Key, list[Pair]] = {}
        for history in histories:
            for topic, parts in history.topics():
                for _, subscribed in parts:
                    for each, before in zip(subscribed.told, [None, *subscribed.told], strict=False):
                        since = before if before and before.epoch == each.epoch else None
                        told.setdefault((history.person, topic, each.epoch), []).append((each, since))
        self._meanings = {key: self._find(key, each) for key, each in told.items()}

    def of(self, person: str, topic: str, epoch: str) -> Meaning | None:
        """Return what an epoch stands for; None for a topic that the person never had a right to."""
        return self._meanings[person, topic, epoch]

    def _find(self, key: Key, told: Sequence[Pair]) -> Meaning | None:
        person, topic, _ = key
        possible = [
            Meaning(self._timelines, chapter, selection)
            for selection in self._rights.selections(person, topic)
            for chapter in reversed(self._timelines.book.chapters)
        ]
        if len(possible) < 2:
            return possible[0] if possible else None
        return max(possible, key=lambda meaning: sum(meaning.agrees(*pair) for pair in told))
