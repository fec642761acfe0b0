"""What each selection had to show at each position of each chapter: sums of fingerprints, and what was touched when."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from tests.faults.images import MASK, Image, RowId
from tests.faults.logbook import Chapter, Logbook, Logged
from tests.faults.rights import Selection

STREAM = ("item", "event")


class Ends:
    """Where the transactions of a chapter end."""

    def __init__(self, chapter: Chapter) -> None:
        self.start = chapter.start
        end = chapter.head
        ends: list[int] = []
        for change in reversed(chapter.changes):
            if change.ends:
                end = change.position
            ends.append(end)
        self._ends = ends[::-1]

    def of(self, position: int) -> int:
        """Return where the transaction ends that a position belongs to."""
        return self._ends[position - self.start - 1]

    def __contains__(self, position: int) -> bool:
        index = position - self.start - 1
        return index == -1 or (0 <= index < len(self._ends) and self._ends[index] == position)


class Timeline:
    """One selection over one chapter. All lists are by ascending position."""

    def __init__(self, chapter: Chapter, ends: Ends, selection: Selection, changes: Iterator[Logged]) -> None:
        self.chapter = chapter
        self.selection = selection
        self.touched: dict[RowId, list[int]] = {}
        self.broken: list[int] = []
        """Where no cursor from before can be resumed: at a reset, and where the row under the permission was gone."""
        self._rows: dict[RowId, int] = {}
        self._total = 0
        for row, image in chapter.start_rows.items():
            if selection.selects(row[0], image):
                self._put(row, image)
        self._positions, self._totals, self._sizes = [chapter.start], [self._total], [len(self._rows)]
        self._anchored = [self._has_anchor()]
        for change in changes:
            if self._take(change):
                self._note(ends.of(change.position))

    def total(self, position: int) -> int:
        """Return the sum of the fingerprints of all rows."""
        return self._totals[self._index(position)]

    def size(self, position: int) -> int:
        """Return how many rows there are."""
        return self._sizes[self._index(position)]

    def anchored(self, position: int) -> bool:
        """Tell whether the row is there that the permission rests on."""
        return self._anchored[self._index(position)]

    def changed(self, row: RowId, after: int, upto: int) -> bool:
        """Tell whether a change in (after, upto] concerns a row of this selection."""
        positions = self.touched.get(row, [])
        index = bisect_right(positions, after)
        return index < len(positions) and positions[index] <= upto

    def interrupted(self, after: int, upto: int) -> bool:
        """Tell whether something in (after, upto] excuses a snapshot instead of a resume."""
        index = bisect_right(self.broken, after)
        return index < len(self.broken) and self.broken[index] <= upto

    def _index(self, position: int) -> int:
        return max(0, bisect_right(self._positions, position) - 1)

    def _take(self, change: Logged) -> bool:
        """Apply a change; tell whether it concerns the selection."""
        if change.reset:
            for row in [row for row in self._rows if row[0] == change.kind]:
                self._drop(row)
                self.touched.setdefault(row, []).append(change.position)
            self.broken.append(change.position)
            return True
        row = (change.kind, change.key)
        selected = change.new is not None and self.selection.selects(change.kind, change.new)
        was = row in self._rows or (change.old is not None and self.selection.selects(change.kind, change.old))
        if not selected and not was:
            return False
        self._drop(row)
        if selected and change.new is not None:
            self._put(row, change.new)
        elif change.kind == "doc":
            self.broken.append(change.position)
        self.touched.setdefault(row, []).append(change.position)
        return True

    def _put(self, row: RowId, image: Image) -> None:
        self._rows[row] = image.fingerprint
        self._total = (self._total + image.fingerprint) & MASK

    def _drop(self, row: RowId) -> None:
        self._total = (self._total - self._rows.pop(row, 0)) & MASK

    def _has_anchor(self) -> bool:
        return self.selection.doc is None or ("doc", str(self.selection.doc)) in self._rows

    def _note(self, position: int) -> None:
        if self._positions[-1] != position:
            self._positions.append(position)
            self._totals.append(0)
            self._sizes.append(0)
            self._anchored.append(False)
        self._totals[-1], self._sizes[-1], self._anchored[-1] = self._total, len(self._rows), self._has_anchor()


class Timelines:
    """All timelines that are asked for, each made once."""

    def __init__(self, book: Logbook) -> None:
        self.book = book
        self._ends: dict[int, Ends] = {}
        self._made: dict[tuple[int, Selection], Timeline] = {}
        self._sorted: dict[int, dict[int | None, list[Logged]]] = {}

    def of(self, chapter: Chapter, selection: Selection) -> Timeline:
        """Return the timeline of a selection in a chapter."""
        made = self._made.get((chapter.number, selection))
        if made is None:
            changes = iter(self._changes(chapter, selection.doc))
            made = self._made[chapter.number, selection] = Timeline(chapter, self.ends(chapter), selection, changes)
        return made

    def ends(self, chapter: Chapter) -> Ends:
        """Return where the transactions of a chapter end."""
        if chapter.number not in self._ends:
            self._ends[chapter.number] = Ends(chapter)
        return self._ends[chapter.number]

    @cached_property
    def images(self) -> dict[tuple[str, str, int], list[Image]]:
        """All rows that ever were, by kind, key and version; of dead branches too."""
        found: dict[tuple[str, str, int], list[Image]] = {}
        for chapter in self.book.chapters:
            if chapter.base is None:
                for (kind, key), image in chapter.start_rows.items():
                    found.setdefault((kind, key, image.version), []).append(image)
            for change in chapter.changes:
                if change.new is not None and change.kind != "bulk":
                    found.setdefault((change.kind, change.key, change.new.version), []).append(change.new)
        return found

    def expected(self, chapter: Chapter, selection: Selection, position: int) -> dict[RowId, int]:
        """Return the versions of the rows that a selection has at a position: slow, for explanations."""
        rows = chapter.rows_at(position)
        return {row: image.version for row, image in rows.items() if selection.selects(row[0], image)}

    def _changes(self, chapter: Chapter, doc: int | None) -> list[Logged]:
        if chapter.number not in self._sorted:
            self._sorted[chapter.number] = sort(chapter)
        resets = self._sorted[chapter.number].get(-1, [])
        found = self._sorted[chapter.number].get(doc, [])
        if doc is not None and resets:
            return sorted([*found, *resets])
        return found


def sort(chapter: Chapter) -> dict[int | None, list[Logged]]:
    """Sort changes by the document that they concern, None for items and events; -1 has the resets of documents."""
    found: dict[int | None, list[Logged]] = {}
    for change in chapter.changes:
        if change.kind in STREAM:
            found.setdefault(None, []).append(change)
        elif change.kind in ("doc", "line"):
            for doc in docs_of(change):
                found.setdefault(doc, []).append(change)
    return found


def docs_of(change: Logged) -> set[int]:
    """Return the documents that a change concerns."""
    if change.reset:
        return {-1}
    if change.kind == "doc":
        return {int(change.key)}
    return {image.doc for image in (change.new, change.old) if image is not None and image.doc is not None}
