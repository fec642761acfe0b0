"""A figure beside its target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.report import Record


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured; `target` is the most (or the least) that it may be, None where nothing is asked of it."""

    what: str
    value: float
    unit: str
    target: float | None = None
    bound: Literal["at most", "at least"] = "at most"

    @property
    def reached(self) -> bool | None:
        """Tell whether it is as it must be; a figure that could not be had (nan) is not."""
        if self.target is None:
            return None
        return self.value <= self.target if self.bound == "at most" else self.value >= self.target

    def record(self) -> Record:
        """Return the row of a table."""
        reached = self.reached
        return {
            "what": self.what,
            "value": float(self.value),
            "unit": self.unit,
            "target": "" if self.target is None else f"{self.bound} {self.target:g}",
            "reached": "" if reached is None else ("yes" if reached else "NO"),
        }


def wrong(*reports: Record) -> float:
    """Return how many deliveries went wrong in windows of the load client: lost, doubled or out of their order."""
    return float(sum(report[name] for report in reports for name in ("lost", "doubled", "reordered", "missing")))


def ratio(one: float, other: float) -> float:
    """Return one by the other; nan where there is nothing to compare with."""
    return one / other if other else float("nan")


def records(benchmark: str, figures: Sequence[Figure]) -> list[Record]:
    """Return the rows as they are saved."""
    return [{"benchmark": benchmark, **figure.record()} for figure in figures]
