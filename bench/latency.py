"""Commit → client: how long after its commit a change has arrived at each of 50 subscribers of them all.

A writer process saves a material's price, one commit each. The time of the commit is taken when it is
acknowledged; the arrival when the frame's last byte is read. Both ways are measured in turn, on the same servers.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable

from bench.client import FrameClient
from bench.report import Record, median, percentile
from bench.stage import Stage
from tests.support.processes import environment

SUBSCRIBERS = 50
Parse = Callable[[bytes], list[tuple[str, float | None]]]
"""A frame in; out each price in it (every write sets one that was never used) with its commit, if the frame tells."""


def tideline_prices(payload: bytes) -> list[tuple[str, float | None]]:
    """Return the prices in a `changes` frame."""
    frame = json.loads(payload)
    if frame["type"] != "changes":
        return []
    return [(change["row"]["price_per_kg"], None) for change in frame["changes"] if change["row"]]


def naive_prices(payload: bytes) -> list[tuple[str, float | None]]:
    """Return the price in a frame of the naive way, which carries the time of its commit."""
    frame = json.loads(payload)
    return [(frame["row"]["price_per_kg"], frame["committed"])]


def write(stage: Stage, settings: str, rate: float, seconds: float, first: int) -> dict[str, float]:
    """Run the writer; return the time of each commit by the price that it wrote."""
    argv = [sys.executable, "-m", "bench.writer", str(rate), str(seconds), str(first)]
    variables = environment(**{**stage.variables, "DJANGO_SETTINGS_MODULE": settings})
    done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=True)
    return {price: float(at) for price, at in json.loads(done.stdout).items()}


async def measure(
    stage: Stage, port: int, settings: str, parse: Parse, runs: list[tuple[str, float, float]]
) -> list[Record]:
    """Return one record for each run of (name, writes per second, seconds); at rate 0 each write ends a quiet while."""
    naive = parse is naive_prices
    clients = [await FrameClient.connect(port, "/ws/", None if naive else "realtime.v1") for _ in range(SUBSCRIBERS)]
    if not naive:
        for client in clients:
            client.send('{"type":"subscribe","id":1,"topic":"materials"}')
        await _until(lambda: all(any(b'"last":true' in p for _, p in c.frames) for c in clients), 30)
    records = []
    for number, (name, rate, seconds) in enumerate(runs):
        for client in clients:
            client.frames.clear()
        committed = await asyncio.to_thread(write, stage, settings, rate, seconds, 100_000 * (number + 1))
        await _settle(clients)
        records.append(_record("naive" if naive else "tideline", name, committed, clients, parse))
    for client in clients:
        client.close()
    return records


def _record(way: str, name: str, committed: dict[str, float], clients: list[FrameClient], parse: Parse) -> Record:
    delays = [
        (at - (told or committed[price])) * 1000
        for client in clients
        for at, payload in client.frames
        for price, told in parse(payload)
        if price in committed
    ]
    expected = len(committed) * len(clients)
    return {
        "way": way,
        "load": name,
        "p50_ms": median(delays),
        "p99_ms": percentile(delays, 0.99),
        "max_ms": max(delays, default=float("nan")),
        "deliveries": len(delays),
        "expected_deliveries": expected,
    }


async def _settle(clients: list[FrameClient]) -> None:
    """Wait until a second has passed without a frame."""
    while True:
        before = sum(len(client.frames) for client in clients)
        await asyncio.sleep(1)
        if sum(len(client.frames) for client in clients) == before:
            return


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("bench: the subscribers got no snapshot in time")
        await asyncio.sleep(0.01)


def run(stage: Stage, seconds: float) -> list[Record]:
    """Return the records of both ways at 20 and 200 changes a second, and after ten quiet seconds."""
    runs = [("20 changes/s", 20.0, seconds), ("200 changes/s", 200.0, seconds), ("after 10 quiet seconds", 0.0, 10.0)]
    relay, port = stage.relay(), stage.server()
    records = asyncio.run(measure(stage, port, "core.settings", tideline_prices, runs))
    relay.stop()
    stage.processes[-1].stop()
    port = stage.naive_server()
    records += asyncio.run(measure(stage, port, "bench.naive.settings", naive_prices, runs))
    stage.processes[-1].stop()
    return records
