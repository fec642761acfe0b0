"""The memory of a connection that nothing happens on.

It is counted on a server that has served before, at a part of the connections and at all of them: were the growth by
the first part and by the rest not alike, something else than connections would have been counted.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from bench.edge.figures import Figure, ratio
from bench.edge.memory import settled
from bench.edge.subjects import (
    AT_ONCE,
    WARM_UP,
    Server,
    bare_echo,
    connected,
    echoing,
    joined,
    naive,
    opened,
    subscribed,
    tideline,
    warm_up,
)
from bench.edge.ticks import Ticks
from bench.fanout.load import Audience, Load
from bench.report import Record
from bench.stage import Stage

FIRST_PART = 0.4
GOAL_KB = 16.0

Start = Callable[[Stage], AbstractContextManager[Server]]
Come = Callable[[int, int, int], Audience]


def run(stage: Stage, connections: int) -> tuple[list[Figure], list[Record]]:
    """Return kilobytes for each connection: of a bare echo, of one that is connected, and of one that subscribed."""
    Ticks(stage, [0])
    relay = stage.relay()
    kinds: list[tuple[str, Start, Come]] = [
        ("bare echo on plain Daphne", bare_echo, echoing),
        ("Tideline, connected", tideline, connected),
        ("Tideline, subscribed", tideline, subscribed),
        ("naive Channels on plain Daphne", naive, joined),
    ]
    rows = [_memory(stage, name, start, come, connections) for name, start, come in kinds]
    relay.stop()
    echo, only_connected, whole, _ = (row["kb_per_connection"] for row in rows)
    figures = [
        Figure(f"resident at {connections:,}: bare echo on plain Daphne", echo, "KB a connection"),
        Figure("resident: Tideline, connected", only_connected, "KB a connection"),
        Figure("resident: Tideline, subscribed (a goal)", whole, "KB a connection", GOAL_KB),
        Figure("resident: Tideline, subscribed, beside the bare echo", ratio(whole, echo), "times", 1.1),
    ]
    return figures, rows


def _memory(stage: Stage, name: str, start: Start, come: Come, connections: int) -> Record:
    with start(stage) as server:
        warm_up(come(server.port, WARM_UP, AT_ONCE))
        empty, part = settled(server.pids), int(connections * FIRST_PART)
        with Load(come(server.port, connections, AT_ONCE)) as load:
            opened(load, 0, part)
            some = settled(server.pids)
            opened(load, part, connections)
            full = settled(server.pids)
    return {
        "subject": name,
        "connections": connections,
        "start_mb": empty / 2**20,
        "full_mb": full / 2**20,
        "kb_first_part": (some - empty) / part / 1024,
        "kb_the_rest": (full - some) / (connections - part) / 1024,
        "kb_per_connection": (full - empty) / connections / 1024,
    }
