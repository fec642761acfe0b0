"""Which log an opaque epoch stands for, and which selection: inferred from what the clients were told with it.

An opaque epoch is one chapter and one selection throughout. The one is taken that agrees with most of what was told;
what does not agree with it is a breach.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.history import History, Told
from tests.faults.invariants.timelines import Timeline, Timelines
from tests.faults.logbook import Chapter
from tests.faults.rights import Rights, Selection

Key = tuple[str, str, str]
"""Person, topic and opaque epoch."""


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

    def agrees(self, told: Told) -> bool:
        """Tell whether what was told is what the selection had there."""
        line = self.line(told.position)
        return (
            line is not None
            and told.position <= line.chapter.head
            and (line.total(told.position), line.size(told.position)) == (told.total, told.size)
        )


class Epochs:
    """The meanings of all opaque epochs of a round."""

    def __init__(self, histories: Iterable[History], timelines: Timelines, rights: Rights) -> None:
        self._timelines = timelines
        self._rights = rights
        told: dict[Key, list[Told]] = {}
        for history in histories:
            for topic, parts in history.topics():
                for _, subscribed in parts:
                    for each in subscribed.told:
                        told.setdefault((history.person, topic, each.epoch), []).append(each)
        self._meanings = {key: self._find(key, each) for key, each in told.items()}

    def of(self, person: str, topic: str, epoch: str) -> Meaning | None:
        """Return what an epoch stands for; None for a topic that the person never had a right to."""
        return self._meanings[person, topic, epoch]

    def _find(self, key: Key, told: Sequence[Told]) -> Meaning | None:
        person, topic, _ = key
        possible = [
            Meaning(self._timelines, chapter, selection)
            for selection in self._rights.selections(person, topic)
            for chapter in reversed(self._timelines.book.chapters)
        ]
        if len(possible) < 2:
            return possible[0] if possible else None
        return max(possible, key=lambda meaning: sum(meaning.agrees(each) for each in told))
