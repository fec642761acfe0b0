"""What the hub's machine asks of its driver.

Each question is answered by handing it back together with the answer, so that the machine can tell a late
answer from one that still counts.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

from realtime.pure.changes import Mark
from realtime.pure.lane import Lane

if TYPE_CHECKING:
    from realtime.pure.materialised import MaterialisedView


class Purpose(Enum):
    """Why a range of the log is read."""

    HEAL = "heal"
    """The wire lost it, or it was too large for the wire."""
    RESUME = "resume"
    """Cursors reach back to it."""


@dataclass(frozen=True, slots=True, eq=False)
class AskHead:
    """Read the stream's row. Holds what was known when it was asked: a head read later can't be below it.

    `target` is what the wire had said to exist.
    """

    stream: str
    epoch: str | None
    position: int
    mark: Mark
    target: int


@dataclass(frozen=True, slots=True, eq=False)
class ReadLog:
    """Read the changes `(after, upto]`; the log must still hold the mark."""

    stream: str
    epoch: str
    after: int
    upto: int
    mark: Mark
    purpose: Purpose


@dataclass(frozen=True, slots=True, eq=False)
class Verify:
    """Ask the log whether it still holds the mark."""

    stream: str
    epoch: str
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Ask the relay to find out whether the log lost what this process has seen. Takes no answer."""

    stream: str
    epoch: str
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class ReadSnapshot:
    """Read the rows of the view's selection, and render them."""

    stream: str
    view: "MaterialisedView"
    position: int
    """What the stream had come to when it was asked: no snapshot read later can have a head below it."""


@dataclass(frozen=True, slots=True, eq=False)
class Expect:
    """Hand this back after a moment: by then the wire should have brought the stream to the position."""

    stream: str
    epoch: str
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """Hand this back after a short while, in which more cursors may arrive that one read can serve."""

    stream: str


@dataclass(frozen=True, slots=True, eq=False)
class WriteLane:
    """Write to the members of a lane what is waiting in it, soon; takes no answer."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class Count:
    """Add to a metric of the hub; `label` is its outcome, reason or source, where it has one."""

    stream: str
    metric: Literal["batches", "changes", "heals", "resets", "resumes", "failures"]
    label: str = ""
    amount: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Crash:
    """Log an exception that a projection, a derivation or a subscriber raised; its damage is contained."""

    what: str
    error: Exception


Effect = AskHead | ReadLog | Verify | Doubt | ReadSnapshot | Expect | Gather | WriteLane | Count | Crash
