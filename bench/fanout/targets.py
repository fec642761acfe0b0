"""What is to be reached: ratios between subjects of one run, so that the machine matters little."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.report import Record

TIDELINE = "Tideline"
NAIVE = "naive Channels"
EACH = "C limit, one write per frame"
COALESCING = "C limit, coalescing"
NODE_WS = "Node ws + Redis"
NCHAN = "nginx + nchan"
NATS = "NATS"

CPU, P99, RATE = "cpu_us_per_delivery", "p99_ms", "deliveries_per_second"


@dataclass(frozen=True)
class Target:
    """`measure` of `subject` is at most `at_most` times that of `than`, or with `at_least` at least so many times.

    Where several names begin with `than` (naive Channels has two layers), the best of them counts.
    """

    scenario: str
    measure: str
    than: str
    at_most: float = 0.0
    at_least: float = 0.0
    subject: str = TIDELINE


TARGETS = (
    Target("steady", CPU, NAIVE, 1 / 20),
    Target("steady", CPU, EACH, 1.7),
    Target("steady", CPU, NODE_WS, 1.0),
    Target("steady", CPU, NCHAN, 1.2),
    Target("steady", P99, EACH, 2.0),
    Target("saturated", CPU, NAIVE, 1 / 250),
    Target("saturated", CPU, COALESCING, 1.7),
    Target("saturated", CPU, NATS, 1.0),
    Target("saturated", CPU, "every peer", 1.0),
    Target("keyed", CPU, NAIVE, 1 / 5),
    Target("keyed", CPU, NODE_WS, 1.2),
    Target("keyed", P99, NODE_WS, 2.0),
    Target("saturated", RATE, TIDELINE, at_least=1.6, subject="Tideline, 2 processes"),
)

FAULTS = ("lost", "behind", "doubled", "reordered", "refused", "closed")

OURS = (TIDELINE, NAIVE, "C limit")


def judge(records: Sequence[Record]) -> list[Record]:
    """Return a record for each target whose two sides were measured: the ratio, the target, and whether it was met."""
    return [found for target in TARGETS if (found := _judged(target, records))]


def faultless(records: Sequence[Record]) -> list[Record]:
    """Return a record for each run of Tideline: whether all arrived once and in order."""
    return [
        {
            "scenario": record["scenario"],
            "what": f"{record['subject']}: {', '.join(FAULTS)}",
            "value": (faults := sum(record[name] for name in FAULTS)),
            "at_most": 0,
            "reached": not faults,
        }
        for record in records
        if record["subject"].startswith(TIDELINE) and "missing" not in record
    ]


def _judged(target: Target, records: Sequence[Record]) -> Record | None:
    measured = {
        record["subject"]: float(record[target.measure])
        for record in records
        if record["scenario"] == target.scenario and record.get(target.measure) is not None
    }
    others = _others(target, measured)
    if target.subject not in measured or not others:
        return None
    best: Callable[[list[float]], float] = max if target.at_least else min
    against = best(list(others.values()))
    ratio = measured[target.subject] / against if against else float("nan")
    return {
        "scenario": target.scenario,
        "what": f"{target.measure} of {target.subject} / {', '.join(n for n in others if others[n] == against)}",
        "value": ratio,
        "at_least" if target.at_least else "at_most": target.at_least or target.at_most,
        "reached": ratio >= target.at_least if target.at_least else ratio <= target.at_most,
    }


def _others(target: Target, measured: Mapping[str, float]) -> dict[str, float]:
    """Return the subjects that count as `than`; what measured nothing is not among them."""
    every = {name: value for name, value in measured.items() if name != target.subject}
    if target.than == "every peer":
        return {name: value for name, value in every.items() if not name.startswith(OURS)}
    if target.than in every:
        return {target.than: every[target.than]}
    return {name: value for name, value in every.items() if name.startswith(target.than)}
