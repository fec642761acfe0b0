"""Ports for servers that tests start: each pytest worker has its own, below those that the kernel gives to clients."""

import os
import random
import socket
from itertools import cycle

FIRST, EACH, WORKERS = 12_000, 2_000, 10


def _shares(worker: int) -> list[int]:
    first = FIRST + worker % WORKERS * EACH
    return list(range(first, first + EACH))


def _from_anywhere(ports: list[int]) -> "cycle[int]":
    """Begin somewhere, so that two runs on one machine don't meet."""
    start = random.randrange(len(ports))
    return cycle(ports[start:] + ports[:start])


_ports = _from_anywhere(_shares(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))))


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now; another one each time, and no other worker's."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
