"""Commit → client: 500 changes a second, 200 subscribers of them all, through all there is.

The time of a commit is taken when it is acknowledged, the arrival when the bytes have been read. A change that
arrives before its writer has been told counts as none.
"""

import struct
from pathlib import Path

from bench.cpu import Meter
from bench.edge.figures import Figure
from bench.edge.subjects import opened, subscribed, tideline
from bench.edge.ticks import Ticks
from bench.fanout.load import Load, settle
from bench.report import Record, percentile
from bench.stage import Stage

RATE = 500.0
SUBSCRIBERS = 200
KEY, ROWS = 1, 512
LANES = 4


def run(stage: Stage, seconds: float) -> tuple[list[Figure], list[Record]]:
    """Return the figures, and the record of the window."""
    ticks, arrivals = Ticks(stage, [KEY], rows=ROWS), stage.folder / "arrivals"
    relay = stage.relay()
    with (
        tideline(stage) as server,
        Load(subscribed(server.port, SUBSCRIBERS, 50, f"tick/{KEY}", options=[f"--record={arrivals}"])) as load,
    ):
        opened(load)
        ticks.write(RATE, min(2.0, seconds), LANES)
        settle(load, ticks.number)
        assert stage.postgres.process and stage.valkey.process
        broker, database = stage.valkey.process.pid, stage.postgres.process.pid
        meter = Meter({"server": server.pids, "relay": [relay.pid], "redis": [broker], "postgresql": [database]})
        load.measure()
        commits = ticks.write(RATE, seconds, LANES)
        used = meter.seconds()
        settle(load, ticks.number)
        window = load.report(ticks.number)
        delays = _delays(arrivals, {each.number: each.acknowledged for each in commits})
    relay.stop()
    took = [(each.acknowledged - each.sent) / 1e6 for each in commits]
    mistakes = float(window["lost"] + window["doubled"] + window["missing"])
    record = {
        "changes_per_second": RATE, "subscribers": SUBSCRIBERS, "deliveries": len(delays),
        "batches_per_second": window["frames"] / SUBSCRIBERS / seconds,
        **{f"p{share}_ms": percentile(delays, share / 100) for share in (50, 90, 99)}, "max_ms": max(delays),
        **{f"{role}_percent": 100 * each / seconds for role, each in used.items()},
    }  # fmt: skip
    figures = [
        Figure("commit → client at 500 changes/s, p50", record["p50_ms"], "ms", 10),
        Figure("commit → client at 500 changes/s, p99", record["p99_ms"], "ms", 30),
        Figure("the commit itself, p50", percentile(took, 0.5), "ms"),
        Figure("the commit itself, p99", percentile(took, 0.99), "ms"),
        Figure("from before the UPDATE to the client, p50", window["p50_ms"], "ms"),
        Figure("from before the UPDATE to the client, p99", window["p99_ms"], "ms"),
        Figure("deliveries lost, doubled or missing", mistakes, "", 0),
    ]
    return figures, [record]


def _delays(arrivals: Path, acknowledged: dict[int, int]) -> list[float]:
    """Return the milliseconds from commit to arrival of each delivery of these numbers."""
    return [
        max(0, at - acknowledged[number]) / 1e6
        for _, number, at in struct.iter_unpack("=QQQ", arrivals.read_bytes())
        if number in acknowledged
    ]
