"""What one client asked for and was told: the record that the checker reads. Pure; times are monotonic seconds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple

from tests.faults.images import RowId

Cursor = tuple[str, int]
"""An opaque epoch, and a position."""


class Reads(Enum):
    """How a client takes what it is sent."""

    ALL = auto()
    SLOWLY = auto()
    """1 KB/s."""
    NOTHING = auto()
    """It goes on asking, and takes no answer."""
    HALF_OPEN = auto()
    """It has gone without a word: nothing is taken, nothing sent."""


class What(Enum):
    """What brought a client to a position."""

    SNAPSHOT = auto()
    RESUMED = auto()
    CHANGES = auto()


class Told(NamedTuple):
    """A position that a client was told it is complete to, all frames of it having arrived at `at`.

    The server wrote the last of them after `after`: a ping of that time had been answered before on the connection.
    `rows` are the versions that came with it (None: removed), `total` and `size` the sum of the fingerprints and the
    number of all rows that the client then has. `owners` are the customers whose canaries its raw frames held.
    """

    at: float
    after: float
    what: What
    epoch: str
    position: int
    rows: dict[RowId, int | None]
    total: int
    size: int
    owners: frozenset[int] = frozenset()


@dataclass(slots=True)
class Subscribed:
    """One subscribe, and all that came of it.

    `answer` is None until there is one: `snapshot`, `resumed`, or an error's code. `ended` is the code of an
    `unsubscribed` that nobody asked for. `misframed` are breaches of the framing, each with its invariant; `restarts`
    are snapshots that began anew in the middle: when the one before had begun, when they did, and at which position.
    """

    topic: str
    asked_at: float
    cursor: Cursor | None
    told: list[Told] = field(default_factory=list)
    answer: str | None = None
    answered_at: float | None = None
    ended: str | None = None
    ended_at: float | None = None
    misframed: list[tuple[float, str, str]] = field(default_factory=list)
    restarts: list[tuple[float, float, int]] = field(default_factory=list)


@dataclass(slots=True)
class Connection:
    """One connection; `closed_at` is None while it is open. `strays` are canaries in frames of no subscription."""

    cookie: str
    opened_at: float
    subscribed: list[Subscribed] = field(default_factory=list)
    closed_at: float | None = None
    code: int | None = None
    strays: list[tuple[float, int]] = field(default_factory=list)
    after: float = 0.0
    """When the last ping was sent that has been answered."""


@dataclass(slots=True)
class History:
    """Everything that one client saw, over all its connections; `person` is the user's name."""

    name: str
    person: str
    reads: Reads = Reads.ALL
    connections: list[Connection] = field(default_factory=list)
    until: float = 0.0
    """When it was handed to the checker."""

    def topics(self) -> Iterator[tuple[str, Sequence[tuple[Connection, Subscribed]]]]:
        """Go over the topics, each with its subscribes in order."""
        found: dict[str, list[tuple[Connection, Subscribed]]] = {}
        for connection in self.connections:
            for subscribed in connection.subscribed:
                found.setdefault(subscribed.topic, []).append((connection, subscribed))
        yield from found.items()

    def copy(self, now: float) -> "History":
        """Return what has been recorded until now; the original goes on."""
        connections = [
            replace(each, subscribed=[replace(one, told=[*one.told]) for one in each.subscribed])
            for each in self.connections
        ]
        return replace(self, connections=connections, until=now)
