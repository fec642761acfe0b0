"""From the write to the client: 500 changes a second, 200 subscribers of them all, through all there is.

A delay begins just before the UPDATE is sent: statement, trigger and commit are part of it, so what lies between
the commit and the client is less. Beside it stands how long the writer waited for its commit.
"""

from bench.edge.figures import Figure
from bench.edge.subjects import opened, subscribed, tideline
from bench.edge.ticks import Ticks
from bench.fanout.load import Load, settle
from bench.report import Record, percentile
from bench.stage import Stage

RATE = 500.0
SUBSCRIBERS = 200
KEY, ROWS = 1, 64
LANES = 4


def run(stage: Stage, seconds: float) -> tuple[list[Figure], list[Record]]:
    """Return the figures, and the record of the window."""
    ticks = Ticks(stage, [KEY], rows=ROWS)
    relay = stage.relay()
    with tideline(stage) as server, Load(subscribed(server.port, SUBSCRIBERS, 50, f"tick/{KEY}")) as load:
        opened(load)
        ticks.write(RATE, min(2.0, seconds), LANES)
        settle(load, ticks.number)
        load.measure()
        took = ticks.write(RATE, seconds, LANES)
        settle(load, ticks.number)
        window = load.report(ticks.number)
    relay.stop()
    mistakes = float(window["lost"] + window["doubled"] + window["missing"])
    record = {
        "changes_per_second": RATE, "subscribers": SUBSCRIBERS, "deliveries": window["deliveries"],
        "frames": window["frames"], "p50_ms": window["p50_ms"], "p90_ms": window["p90_ms"],
        "p99_ms": window["p99_ms"], "max_ms": window["max_ms"], "commit_p50_ms": percentile(took, 0.5) * 1000,
        "commit_p99_ms": percentile(took, 0.99) * 1000, "wrong": mistakes,
    }  # fmt: skip
    figures = [
        Figure("write → client at 500 changes/s, p50", window["p50_ms"], "ms", 10),
        Figure("write → client at 500 changes/s, p99", window["p99_ms"], "ms", 30),
        Figure("of it, statement and commit, p50", percentile(took, 0.5) * 1000, "ms"),
        Figure("of it, statement and commit, p99", percentile(took, 0.99) * 1000, "ms"),
        Figure("deliveries lost, doubled or missing", mistakes, "", 0),
    ]
    return figures, [record]
