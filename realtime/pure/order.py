"""The order in which changes without a position get theirs.

Ids of the inbox become visible out of order, and neither ids nor transaction ids alone tell what happened first:

- A transaction's changes stay together: they get one contiguous run of positions.
- Transactions are ordered by the *last* id of each, in whatever stream. When two of them touched one row, the
  second one wrote it after the first one had ended, so that its last id is greater. By the first id, or by the
  transaction's id, two updates of one row can be reversed: both are taken before the row is waited for.
- What becomes visible later gets later positions, whatever its ids: nothing that it waited for is later still.

The relay computes this in SQL (`realtime.adapters.assignment`); a contract test holds the two together.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Pending(NamedTuple):
    """What decides the position of an inbox row: its id, its transaction and its stream."""

    id: int
    xid: int
    stream: str


class Place(NamedTuple):
    """The position that an inbox row gets in its stream; `ends` is true on the last one of its transaction."""

    id: int
    stream: str
    position: int
    ends: bool


def order(pending: Iterable[Pending], heads: dict[str, int]) -> list[Place]:
    """Return the places of all visible inbox rows, by stream and position, above each stream's head."""
    rows = list(pending)
    last: dict[int, int] = {}
    for row in rows:
        last[row.xid] = max(row.id, last.get(row.xid, row.id))
    rows.sort(key=lambda row: (row.stream, last[row.xid], row.id))
    positions = dict(heads)
    places = []
    for number, row in enumerate(rows, 1):
        positions[row.stream] += 1
        ends = number == len(rows) or rows[number][1:] != row[1:]
        places.append(Place(row.id, row.stream, positions[row.stream], ends))
    return places
