"""What a view holds: each shown row as a finished fragment, by projection or by derivation.

Changes are applied as the latest captured row of each key (None: it left the selection); what comes back is
what differs from before. Rows whose shown columns did not change are not in it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from realtime.pure.changes import Row, RowKey
from realtime.pure.fragments import encode_fragment
from realtime.pure.selection import Derivation, Selection

Staged = Mapping[RowKey, Row | None]
"""The latest captured row of each touched key, None where it is no longer selected."""


class Content(Protocol):
    """The shown rows of a view."""

    fragments: dict[RowKey, bytes]

    def apply(self, staged: Staged) -> dict[RowKey, bytes]:
        """Apply touched rows; return the fragments that differ now, removals included."""


class Projected:
    """Rows that are shown one by one."""

    def __init__(self, selection: Selection, rows: Iterable[tuple[RowKey, Row]]) -> None:
        self._project = {part.kind: part.projection.project for part in selection.parts}
        self.fragments = {key: encode_fragment(key, self._project[key.kind](row)) for key, row in rows}

    def apply(self, staged: Staged) -> dict[RowKey, bytes]:
        """Project and encode each touched row once."""
        fragments, project = self.fragments, self._project
        differing: dict[RowKey, bytes] = {}
        for key, row in staged.items():
            if row is None:
                if fragments.pop(key, None) is not None:
                    differing[key] = encode_fragment(key, None)
                continue
            fragment = encode_fragment(key, project[key.kind](row))
            if fragments.get(key) != fragment:
                fragments[key] = differing[key] = fragment
        return differing


class Derived:
    """Rows that a function derives from all source rows, compared by key when a source row was touched."""

    def __init__(self, selection: Selection, derivation: Derivation, rows: Iterable[tuple[RowKey, Row]]) -> None:
        self._derivation = derivation
        self._parameters = dict(derivation.parameters)
        self._sources: dict[str, dict[str, Row]] = {part.kind: {} for part in selection.parts}
        for key, row in rows:
            self._sources[key.kind][key.key] = row
        self.fragments = self._derive()

    def apply(self, staged: Staged) -> dict[RowKey, bytes]:
        """Derive again from the touched and the untouched source rows."""
        for key, row in staged.items():
            if row is None:
                self._sources[key.kind].pop(key.key, None)
            else:
                self._sources[key.kind][key.key] = row
        before, self.fragments = self.fragments, self._derive()
        differing = {key: fragment for key, fragment in self.fragments.items() if before.get(key) != fragment}
        gone = before.keys() - self.fragments.keys()
        return differing | {key: encode_fragment(key, None) for key in sorted(gone)}

    def _derive(self) -> dict[RowKey, bytes]:
        shown = self._derivation.derive(self._sources, self._parameters)
        return {key: encode_fragment(key, row) for key, row in shown.items()}


def content_of(selection: Selection, rows: Iterable[tuple[RowKey, Row]]) -> Content:
    """Return the shown rows of a selection; whatever a projection or derivation raises is passed on."""
    if selection.derivation is not None:
        return Derived(selection, selection.derivation, rows)
    return Projected(selection, rows)
