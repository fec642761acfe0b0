"""Where the bytes of a connection were allocated: in whose lines, beside a bare echo."""

import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.edge.figures import Figure
from bench.edge.subjects import AT_ONCE, WARM_UP, echoing, opened, subscribed, warm_up
from bench.edge.ticks import Ticks
from bench.fanout.load import Audience, Load
from bench.report import Record
from bench.stage import Stage, listens
from core.demo.embedded.folders import free_port
from tests.support.waiting import eventually

PARTS: Mapping[str, str] = {
    r"/twisted/": "Twisted", r"/autobahn/|/txaio/": "autobahn", r"/daphne/": "Daphne",
    r"/channels/|/asgiref/": "Channels",
    r"/asyncio/|/selectors\.py|/socket\.py": "asyncio", r"/realtime/server/": "Tideline's server",
    r"/realtime/pure/": "the session's machine", r"/realtime/drivers/": "the session's driver",
    r"/consumers/|/asgi\.py|/echo\.py": "the edge", r"/django/|/core/": "Django and the shop",
}  # fmt: skip
"""Whose line allocated it; the rest is called other."""


def run(stage: Stage, connections: int) -> tuple[list[Figure], list[Record]]:
    """Return for each part of the server how many bytes of a connection it allocated."""
    Ticks(stage, [0])
    relay = stage.relay()
    daphne = ["daphne", "-v", "0", "bench.edge.echo:application", "-p"]
    echo = _allocated(stage, daphne, echoing, connections)
    whole = _allocated(stage, ["manage", "serve", "--port"], subscribed, connections)
    names = sorted({*echo, *whole}, key=lambda name: -whole.get(name, 0.0))
    rows = [
        {"allocated by": name, "bare_echo_bytes": echo.get(name, 0.0), "subscribed_bytes": whole.get(name, 0.0)}
        for name in names
    ]
    total = {"allocated by": "all", "bare_echo_bytes": sum(echo.values()), "subscribed_bytes": sum(whole.values())}
    relay.stop()
    return [], [*rows, total]


def _allocated(
    stage: Stage, module: Sequence[str], come: Callable[[int, int, int], Audience], connections: int
) -> Mapping[str, float]:
    """Return by part what a connection to a module's server has allocated; its last argument is the port."""
    number = free_port()
    told = stage.folder / f"allocated-{number}.json"
    process = stage.start(sys.executable, "-m", "bench.edge.traced", str(told), *module, str(number))
    eventually(lambda: listens(number), 60, what=f"the port of {module[0]}")
    warm_up(come(number, WARM_UP, AT_ONCE))
    before = _tell(process.pid, told)
    with Load(come(number, connections, AT_ONCE)) as load:
        opened(load)
        after = _tell(process.pid, told)
    process.clean_up()
    found: Counter[str] = Counter()
    for line, size in after.items():
        found[_part(line)] += size - before.get(line, 0)
    return {name: size / connections for name, size in found.items() if abs(size) > connections}


def _part(line: str) -> str:
    return next((name for pattern, name in PARTS.items() if re.search(pattern, line)), "other")


def _tell(pid: int, told: Path) -> Mapping[str, int]:
    told.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    eventually(told.exists, 60, what="what was allocated")
    found: Mapping[str, int] = json.loads(told.read_text())
    return found
