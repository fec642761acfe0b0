"""What rounds showed, as one table: rows by fault, docs/GUARANTEES.md and JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "GUARANTEES.md"
RESUMED_SHARE = 0.95
"""At least so many of the resumes inside retention are resumes, over all rounds."""

FEW = 4

COLUMNS = (
    *("fault", "times", "changes committed", "delivered", "lost", "duplicated", "reordered", "leaked"),
    *("stale snapshots", "snapshots instead of resumes", "recovery p50 / p99 / max, s", "promised, s"),
)

SAFETY = ("lost", "duplicated", "reordered", "leaked", "stale_snapshots")
"""What must be 0."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one round showed. `recoveries` has each client's, infinite for one that was not complete in time.

    `latencies` are from commit to client while the fault lasted, where something is promised for them. `violations`
    are the checker's and the round's own, each with its invariant; `kept` is where the round can be looked at.
    `played` names what made up the fault where that is several.
    """

    fault: str
    what: str
    played: str
    held_seconds: float
    promised_seconds: float
    latency_seconds: float | None
    committed: int
    delivered: int
    lost: int
    duplicated: int
    reordered: int
    leaked: int
    stale_snapshots: int
    resumes: int
    snapshots_instead: int
    recoveries: Sequence[float]
    latencies: Sequence[float]
    violations: Sequence[str]
    took_seconds: float
    kept: str | None = None


@dataclass(slots=True)
class Row:
    """All rounds of one fault."""

    fault: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def recoveries(self) -> list[float]:
        """Every client's, in every round."""
        return [each for outcome in self.outcomes for each in outcome.recoveries]

    @property
    def overdue(self) -> float:
        """So many times as long as promised the 99th of 100 recoveries took: each by the promise of its own round."""
        shares = [each / outcome.promised_seconds for outcome in self.outcomes for each in outcome.recoveries]
        return percentile(shares, 0.99)

    @property
    def promised(self) -> str:
        """The seconds that were promised, which may differ between mixtures."""
        return lengths(sorted({outcome.promised_seconds for outcome in self.outcomes}))

    def total(self, name: str) -> int:
        """Return the sum of a column."""
        return sum(int(getattr(outcome, name)) for outcome in self.outcomes)

    def broken(self) -> list[str]:
        """Return a line for each promise that does not hold."""
        found = [f"{self.fault}: {text}" for outcome in self.outcomes for text in outcome.violations]
        found += [f"{self.fault}: {self.total(name)} {name.replace('_', ' ')}" for name in SAFETY if self.total(name)]
        if (overdue := self.overdue) > 1:
            found.append(
                f"{self.fault}: recovery p99 is {overdue:.2f} of the {self.promised} s that are promised (I10)"
            )
        latencies = [each for outcome in self.outcomes for each in outcome.latencies]
        bound = self.outcomes[0].latency_seconds
        if bound is not None and (worst := percentile(latencies, 0.99)) > bound:
            found.append(
                f"{self.fault}: p99 from commit to client is {worst:.2f} s meanwhile, promised is {bound:.0f} s"
            )
        return found

    def record(self) -> dict[str, Any]:
        """Return the row for JSON."""
        first = self.outcomes[0]
        summed = ("committed", "delivered", *SAFETY, "resumes", "snapshots_instead")
        return {
            "fault": self.fault,
            "what": first.what,
            "times": len(self.outcomes),
            "held_seconds": sorted({outcome.held_seconds for outcome in self.outcomes}),
            **{name: self.total(name) for name in summed},
            "recovery_seconds": {
                name: _number(percentile(self.recoveries, share))
                for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
            },
            "promised_seconds": sorted({outcome.promised_seconds for outcome in self.outcomes}),
            "latency_seconds": [_number(each) for outcome in self.outcomes for each in outcome.latencies],
            "broken": self.broken(),
        }

    def cells(self) -> list[str]:
        """Return the row's cells."""
        first = self.outcomes[0]
        held = sorted({outcome.held_seconds for outcome in self.outcomes} - {0.0})
        for_seconds = f" ({lengths(held)} s)" if held else ""
        shares = (percentile(self.recoveries, share) for share in (0.5, 0.99, 1.0))
        instead = self.total("snapshots_instead")
        return [
            f"`{self.fault}`: {first.what}{for_seconds}",
            str(len(self.outcomes)),
            *(f"{self.total(name):,}" for name in ("committed", "delivered", *SAFETY)),
            f"{instead:,} of {self.total('resumes') + instead:,}",
            " / ".join("never" if math.isinf(each) else f"{each:.2f}" for each in shares),
            self.promised,
        ]


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the rows, in the order in which the faults were first played."""
    rows: dict[str, Row] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.fault, Row(outcome.fault)).outcomes.append(outcome)
    return list(rows.values())


def broken_promises(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for each promise that does not hold, over all rounds; none is what must come out."""
    found = [line for row in rows_of(outcomes) for line in row.broken()]
    resumes = sum(outcome.resumes for outcome in outcomes)
    instead = sum(outcome.snapshots_instead for outcome in outcomes)
    if resumes + instead and resumes / (resumes + instead) < RESUMED_SHARE:
        found.append(f"{instead} of {resumes + instead} resumes inside retention were answered by snapshots")
    return found


def markdown(outcomes: Sequence[Outcome], about: Mapping[str, str]) -> str:
    """Return the table, under a line that says which run it is of."""
    lines = [
        " · ".join(f"{name} {value}" for name, value in about.items()),
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---{'|---:' * (len(COLUMNS) - 1)}|",
        *(f"| {' | '.join(row.cells())} |" for row in rows_of(outcomes)),
    ]
    found = broken_promises(outcomes)
    lines += ["", *(f"- **broken**: {line}" for line in found)] if found else []
    return "\n".join(lines)


def write_document(section: str, text: str, document: Path = DOCUMENT) -> None:
    """Put a table in its place in the document: between the two comments that name the section."""
    begin, end = f"<!-- {section}: written by the command -->", f"<!-- end of {section} -->"
    before, found, rest = document.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    assert found and closed, f"{document.name} has no place for {section}"
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def write_json(path: str | None, outcomes: Sequence[Outcome], about: Mapping[str, str]) -> None:
    """Write everything to a file as JSON, where a path is given."""
    if path:
        rows = [row.record() for row in rows_of(outcomes)]
        document = {"about": dict(about), "rows": rows, "broken": broken_promises(outcomes)}
        Path(path).write_text(json.dumps(document, indent=1) + "\n")


def lengths(seconds: Sequence[float]) -> str:
    """Return some lengths of time as text: each of a few, the shortest and the longest of many."""
    shown = [f"{each:g}" for each in seconds]
    return ", ".join(shown) if len(shown) <= FEW else f"{shown[0]} to {shown[-1]}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` (0 to 1) of the values don't exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _number(value: float) -> float | None:
    return None if math.isinf(value) else round(value, 3)
