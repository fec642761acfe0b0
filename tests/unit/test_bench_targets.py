"""What the benchmarks are held to is judged within one run, and can be missed."""

from typing import Any

import pytest

from bench.fanout.targets import faultless, judge


def record(subject: str, cpu: float | None, scenario: str = "steady", **more: Any) -> dict[str, Any]:
    """Return a row of a run in which nothing went wrong."""
    faults = dict.fromkeys(("lost", "behind", "doubled", "reordered", "refused", "closed"), 0)
    return {"scenario": scenario, "subject": subject, "cpu_us_per_delivery": cpu, "p99_ms": None, **faults, **more}


def test_the_better_naive_way_counts() -> None:
    """Of the two channel layers, the cheaper is what is compared with."""
    rows = [record("Tideline", 10.0), record("naive Channels, core layer", 300.0), record("naive Channels, x", 150.0)]
    (found,) = judge(rows)
    assert (found["value"], found["at_most"], found["reached"]) == (pytest.approx(10 / 150), 1 / 20, False)


def test_what_was_not_measured_is_not_judged() -> None:
    """A peer that is missing, or delivered nothing, gives no ratio."""
    rows = [
        record("Tideline", 10.0),
        record("naive Channels, core layer", None),
        {"scenario": "steady", "subject": "nginx + nchan", "missing": "it can't be had"},
    ]
    assert judge(rows) == []


def test_every_peer_means_the_cheapest_one() -> None:
    """Below every peer is below the best of them; our own rows are none."""
    rows = [
        record("Tideline", 0.6, "saturated"),
        record("Tideline, 2 processes", 0.1, "saturated"),
        record("Mosquitto", 7.0, "saturated"),
        record("nginx + nchan", 0.5, "saturated"),
    ]
    (found,) = judge(rows)
    assert found["what"].endswith("nginx + nchan")
    assert not found["reached"]


def test_one_fault_is_enough() -> None:
    """A run of Tideline that lost a single message has failed; the naive way may lose what it likes."""
    rows = [
        record("Tideline", 1.0, lost=1),
        record("Tideline, 2 processes", 1.0),
        record("naive Channels, x", 1, lost=9),
    ]
    assert [each["reached"] for each in faultless(rows)] == [False, True]
