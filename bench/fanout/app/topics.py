"""What is live: the stream `ticks`, one topic of everybody and one for each key."""

from typing import Any

from bench.fanout.app.models import Tick
from realtime import Row, Rows, Stream, Watch, anyone

EVERYBODY = -1
"""The key of the rows that everybody is shown."""

ticks = Stream("ticks", watch=[Watch(Tick, columns=["id", "key", "n", "t", "text"])])


def tick_row(row: Row) -> dict[str, Any]:
    """The number first, and right after it the time: the load client looks for them."""
    return {"n": row["n"], "t": row["t"], "text": row["text"]}


@ticks.topic("ticks", policy=anyone)
def everybody(user: Any) -> list[Rows]:
    """What everybody gets."""
    return [Rows(Tick, where={"key": EVERYBODY}, project=tick_row)]


@ticks.topic("tick/<int:key>", policy=anyone)
def one(user: Any, key: int) -> list[Rows]:
    """What the subscribers of one key get."""
    return [Rows(Tick, where={"key": key}, project=tick_row)]
