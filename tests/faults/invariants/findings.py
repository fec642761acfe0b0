"""What a check comes to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT = 20
"""So many violations of one invariant are told; the rest is counted."""


class Violation(NamedTuple):
    """A breach of an invariant: what, where, when, what was expected and what was found."""

    invariant: str
    text: str


class Growth(NamedTuple):
    """By how much a server grew, and by how much it may have, with all connections taken into account."""

    server: str
    grown_bytes: float
    budget_bytes: float


@dataclass(frozen=True)
class Promised:
    """What depends on the round: how long recovery took, by client (None: it did not come), and what memory."""

    recovery_seconds: float = float("inf")
    recoveries: Mapping[str, float | None] = field(default_factory=dict)
    memory: Sequence[Growth] = ()
    answer_seconds: float = 10.0
    """A subscribe that is not answered for so long, on a connection that is open, met with silence."""


@dataclass
class Verdict:
    """The columns of the table, and the violations."""

    committed: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    leaked: int = 0
    stale_snapshots: int = 0
    resumes: int = 0
    snapshots_instead: int = 0
    unchecked: int = 0
    """Positions told that are older than what the logbook kept: a hub that lagged when it was settled."""
    violations: list[Violation] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter, repr=False)

    def blame(self, invariant: str, text: str) -> None:
        """Report a violation."""
        self._counts[invariant] += 1
        if self._counts[invariant] <= KEPT:
            self.violations.append(Violation(invariant, text))
        elif self._counts[invariant] == KEPT + 1:
            self.violations.append(Violation(invariant, "… and more"))


def some(values: Sequence[object]) -> str:
    """Return a few values as text, and how many more there are."""
    text = ", ".join(str(value) for value in values[:5])
    return f"{text}, … ({len(values)} in all)" if len(values) > 5 else text
