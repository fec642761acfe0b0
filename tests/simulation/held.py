"""What a client holds of a topic, for as long as it lives, and what it waits for."""

from dataclasses import dataclass, field
from typing import Any

from tests.simulation.topics import Shown


@dataclass(frozen=True, slots=True)
class Saved:
    """What a client had of a topic at some time, and may come back with."""

    epoch: str
    position: int
    rows: Shown


@dataclass(slots=True)
class Held:
    """One topic of a client: what it has of it, and what it waits for."""

    topic: str
    max_rate: float | None
    live: bool = False
    asked: int | None = None
    """The id of a subscribe that is not answered."""
    sent: tuple[str, int] | None = None
    """The cursor that went with it."""
    resumed: bool = False
    """Resumed, and the changes since have not come."""
    ahead: bool = False
    """The cursor was ahead of the log when it was sent: the log is an older copy."""
    epoch: str = ""
    position: int = 0
    rows: Shown = field(default_factory=dict)
    snapshot: Shown | None = None
    parts: list[Any] = field(default_factory=list)
    refused: str | None = None
    retry: bool = False
    saved: list[Saved] = field(default_factory=list)

    def drop(self) -> None:
        """Forget rows and cursor."""
        self.epoch, self.position, self.rows = "", 0, {}
        self.live = self.resumed = False
        self.asked = self.snapshot = self.sent = None
        self.parts = []
        self.saved.clear()

    def away(self) -> None:
        """Keep rows and cursor for the next connection."""
        self.live = self.resumed = False
        self.asked = self.snapshot = self.sent = None
        self.parts = []
