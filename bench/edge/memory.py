"""Memory of a process and its children, as it is after it has settled.

What a connection costs is the growth between two counts of connections on a server that has served before: what
is imported and made at the first connections belongs to the start, and comes once. What Python frees it keeps for
later use, so a server shrinks little when connections go; growth is what is measured, never shrinkage.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.cpu import family

SETTLED_BYTES = 64 * 1024
PATIENCE_SECONDS = 10.0


def resident(pids: Sequence[int], field: str = "Pss") -> int:
    """Return the bytes in memory of the processes and their children; Pss shares out what several have in common."""
    total = 0
    for pid in family(pids):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1]) * 1024
    return total


def settled(pids: Sequence[int]) -> int:
    """Return the memory once it has stood still for half a second."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    before = resident(pids)
    while True:
        time.sleep(0.5)
        now = resident(pids)
        if abs(now - before) < SETTLED_BYTES or time.monotonic() > deadline:
            return now
        before = now


def kernel_queues(port: int) -> dict[int, int]:
    """Return the bytes that the kernel holds for each connection of a listening port, by the client's port.

    What the server has written and the client's side has not taken; buffers of the kernel are somewhat larger.
    """
    queues = {}
    with Path("/proc/net/tcp").open() as table:
        next(table)
        for line in table:
            _, local, remote, _, sizes, *_ = line.split()
            if int(local.rpartition(":")[2], 16) == port:
                queues[int(remote.rpartition(":")[2], 16)] = int(sizes.partition(":")[0], 16)
    return queues


def machine() -> str:
    """Return what kind of machine this is."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} cores, {pages * size / 2**30:.0f} GB"
