"""What processes use, by their role: CPU seconds between two moments, and memory now, from /proc.

    meter = Meter({"server": [pid], "database": [postmaster]})
    ...
    meter.seconds()["server"]

A role is some processes with all their children. The CPU time of a child that has ended is in its parent's
account once the parent has taken note of it, so PostgreSQL's backends are counted also when they come and go.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from core.demo.embedded.children import descendants

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """CPU seconds, user and system, of each role since it was made (or since `reset`)."""

    def __init__(self, roles: Mapping[str, Sequence[int]]) -> None:
        self._roles = {role: list(pids) for role, pids in roles.items()}
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._before = self._now()

    def seconds(self) -> dict[str, float]:
        """Return the CPU seconds of each role."""
        return {role: used - self._before[role] for role, used in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {role: sum(map(cpu_seconds, family(pids))) for role, pids in self._roles.items()}


def family(pids: Sequence[int]) -> list[int]:
    """Return the processes and all their children, each once."""
    return list(dict.fromkeys(each for pid in pids for each in (pid, *descendants(pid))))


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended; 0 when it is gone itself."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        of_children = (int(fields[13]) + int(fields[14])) / TICKS_PER_SECOND
        return time.clock_gettime(_clock_of(pid)) + of_children
    return 0.0


def resident_bytes(pids: Sequence[int]) -> int:
    """Return the resident memory of the processes and their children; pages that they share count for each."""
    total = 0
    for pid in family(pids):
        with suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    return total


def private_bytes(pids: Sequence[int]) -> int:
    """Return the memory that the processes and their children share with nobody."""
    total = 0
    for pid in family(pids):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
    return total


def _clock_of(pid: int) -> int:
    """Return the id of a process's CPU clock (clock_getcpuclockid(3)): nanoseconds, where /proc has ticks of 10 ms."""
    return (~pid << 3) | 2
