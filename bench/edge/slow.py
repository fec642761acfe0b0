"""Clients that don't read: what they cost the server, and what the others notice of them.

All subscribe to rows of 10 KB that change 20 times a second. Two servers run side by side on the same stream, one
with the clients that don't read and one without: what the one has grown by beyond the other is what they cost. (What
both keep, such as the latest changes for those who come back, is in neither.) The kernel's share is told apart.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from bench.edge.figures import Figure, ratio
from bench.edge.memory import kernel_queues, resident, settled
from bench.edge.subjects import AT_ONCE, Server, on_uvicorn, opened, subscribed, tideline
from bench.edge.ticks import Ticks
from bench.fanout.load import Load, settle
from bench.report import Record, median
from bench.stage import Stage

RATE = 20.0
KEY, ROWS, TEXT_BYTES = 2, 16, 10_000
TOPIC = f"tick/{KEY}"
BUDGET_KB = 512.0
CALM = 1.2
"""The healthy ones' p99 may be so much higher with the stalled ones than without."""

BACK_SECONDS = 5.0
"""One that reads again takes what the kernel holds first, and has the latest state after so long at most."""


def one(stage: Stage, seconds: float) -> tuple[list[Figure], list[Record]]:
    """Return what one client costs that never reads, beside one that does."""
    ticks = Ticks(stage, [KEY], rows=ROWS, text_bytes=TEXT_BYTES)
    relay = stage.relay()
    with (
        tideline(stage) as with_it,
        tideline(stage) as without,
        Load(subscribed(with_it.port, 2, 2, TOPIC)) as load,
        Load(subscribed(without.port, 1, 1, TOPIC)) as other,
    ):
        opened(load)
        opened(other)
        ticks.write(RATE, min(5.0, seconds / 4))
        before = settled(with_it.pids), settled(without.pids)
        load.stall(1, 2)
        load.measure()
        ticks.write(RATE, seconds)
        settle(load, ticks.number)
        cost = (resident(with_it.pids) - before[0] - (resident(without.pids) - before[1])) / 1024
        kernel = max(kernel_queues(with_it.port).values(), default=0) / 1024
        back = _come_back(load, ticks, 1, 2)
        window = load.report(ticks.number)
    relay.stop()
    figures = [
        Figure(f"one that never reads, {RATE:g} times 10 KB/s for {seconds:g} s: user space", cost, "KB", BUDGET_KB),
        Figure("one that never reads: the kernel's share", kernel, "KB"),
        Figure("one that reads again: seconds to the latest state", back, "s", BACK_SECONDS),
        Figure("one that reads again: told twice, or short of the latest", _stale(window), "", 0),
    ]
    return figures, [{"subject": "one of two never reads", "user_kb": cost, "kernel_kb": kernel, "back_s": back}]


def many(
    stage: Stage, start: Callable[[Stage], AbstractContextManager[Server]], healthy: int, stalled: int, seconds: float
) -> tuple[list[Figure], list[Record]]:
    """Return what so many that don't read cost each, and what those beside them that do read notice."""
    everyone = healthy + stalled
    ticks = Ticks(stage, [KEY], rows=ROWS, text_bytes=TEXT_BYTES)
    relay = stage.relay()
    with start(stage) as server, Load(subscribed(server.port, everyone, AT_ONCE, TOPIC)) as load:
        name = server.name
        opened(load, 0, healthy)
        ticks.write(RATE, min(3.0, seconds))
        settle(load, ticks.number)
        alone = [_window(load, ticks, seconds / 2)]
        before = settled(server.pids)
        opened(load, healthy, everyone)
        connected = settled(server.pids)
        load.stall(healthy, everyone)
        ticks.write(RATE, seconds)  # until the kernel takes no more of it
        settle(load, ticks.number)
        beside = [_window(load, ticks, seconds / 2) for _ in range(2)]
        grown = (resident(server.pids) - connected) / 1024
        kernel = median([float(size) for size in kernel_queues(server.port).values() if size > TEXT_BYTES]) / 1024
        back = _come_back(load, ticks, healthy, everyone)
        last = load.report(ticks.number)
        load.drop(healthy, everyone)
        alone.append(_window(load, ticks, seconds / 2))  # once more: what else the machine does changes with time
    relay.stop()
    p99 = [median([each["p99_ms"] for each in windows]) for windows in (alone, beside)]
    mistakes = float(sum(each[kind] for each in [*alone, *beside] for kind in ("lost", "doubled", "missing")))
    title = f"{stalled} stalled of {everyone:,}" + ("" if name == "Tideline" else f", {name}")
    on_ours = name == "Tideline"
    figures = [
        Figure(f"{title}: growth of the server for each", grown / stalled, "KB", BUDGET_KB if on_ours else None),
        Figure(f"{title}: the kernel's share of each, median", kernel, "KB"),
        Figure(f"{title}: p99 of the others, without", p99[0], "ms"),
        Figure(f"{title}: p99 of the others, beside", p99[1], "ms"),
        Figure(f"{title}: p99 of the others, ratio", ratio(p99[1], p99[0]), "times", CALM if on_ours else None),
        Figure(f"{title}: what the others lost or did not get", mistakes, "", 0),
        Figure(f"{title}: seconds to the latest state", back, "s", BACK_SECONDS),
        Figure(f"{title}: told twice, or short of the latest", _stale(last), "", 0),
    ]
    record = {
        "subject": title, "user_kb_each": grown / stalled, "connected_kb_each": (connected - before) / 1024 / stalled,
        "kernel_kb_each": kernel, "p99_ms_without": p99[0], "p99_ms_beside": p99[1], "back_s": back,
        "closed": sum(last["closes"].values()),
    }  # fmt: skip
    return figures, [record]


def _window(load: Load, ticks: Ticks, seconds: float) -> dict[str, Any]:
    load.measure()
    ticks.write(RATE, seconds)
    settle(load, ticks.number)
    return load.report(ticks.number)


def _come_back(load: Load, ticks: Ticks, first: int, end: int) -> float:
    """Have stalled clients read again while nothing is written; return the seconds until the latest has come to all."""
    began = time.monotonic()
    load.resume(first, end)
    while (passed := time.monotonic() - began) < 4 * BACK_SECONDS:
        if not load.report(ticks.number)["apart"]["missing"]:
            return passed
        time.sleep(0.05)
    return float("nan")


def _stale(window: dict[str, Any]) -> float:
    """Return what went wrong with those that were stalled.

    Numbers that were passed over are no fault: that is conflation. Nor is their order within a frame, whose rows are
    told by their keys.
    """
    return float(sum(window["apart"][name] for name in ("doubled", "missing")))


def run(stage: Stage, seconds: float, healthy: int, stalled: int) -> tuple[list[Figure], list[Record]]:
    """Return all figures: of one, of many, and of some on uvicorn."""
    parts = [
        one(stage, seconds),
        many(stage, tideline, healthy, stalled, seconds / 4),
        many(stage, on_uvicorn, healthy // 4, stalled // 4, seconds / 6),
    ]
    return [figure for figures, _ in parts for figure in figures], [row for _, rows in parts for row in rows]
