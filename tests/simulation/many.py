"""Many schedules at once: each core takes one span of seeds after another."""

from collections.abc import Callable
from multiprocessing import get_context
from os import cpu_count
from time import monotonic

import structlog

from tests.simulation.bugs import Finding, find

CHUNK = 50

Progress = Callable[[int, int, int, float], None]
"""Told how many are done, of how many, how many failed, and after how many seconds."""


def say_nothing(*_arguments: object) -> dict[str, object]:
    """Drop what the product logs of the exceptions that it contains: they are reported as found."""
    raise structlog.DropEvent


def quiet() -> None:
    """Begin a process of the simulator."""
    structlog.configure(processors=[say_nothing])


def look_through(span: tuple[int, int]) -> tuple[int, list[Finding]]:
    """Run the schedules of a span of seeds; return their number and what fails."""
    first, end = span
    found = []
    while first < end and (finding := find(first, end - first)) is not None:
        found.append(finding)
        first = finding.seed + 1
    return end - span[0], found


def look_for_failures(first: int, count: int, progress: Progress) -> list[Finding]:
    """Run so many schedules from a seed on, on all cores; return those that fail."""
    spans = [(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    began, done, found = monotonic(), 0, list[Finding]()
    with get_context("spawn").Pool(cpu_count(), initializer=quiet) as pool:
        for finished, findings in pool.imap_unordered(look_through, spans):
            done += finished
            found += findings
            progress(done, count, len(found), monotonic() - began)
    return sorted(found, key=lambda finding: finding.seed)
