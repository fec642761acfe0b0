"""What a session asks of its driver, beside writing frames."""

from dataclasses import dataclass

from realtime.pure.commands import Cursor
from realtime.pure.selection import Selection
from realtime.pure.subscription import Subscription


@dataclass(frozen=True, slots=True)
class Resolve:
    """Find out what the topic selects for the session's identity; answer `resolved` or `refused` with the ticket."""

    subscription: Subscription
    ticket: int


@dataclass(frozen=True, slots=True)
class Open:
    """Subscribe at the hub; it answers `opened` or `failed`."""

    subscription: Subscription
    selection: Selection
    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class Release:
    """Unsubscribe at the hub."""

    subscription: Subscription


@dataclass(frozen=True, slots=True)
class SendPing:
    """Send a WebSocket ping."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket with this code; the last effect of a session."""

    code: int
    reason: str


Effect = bytes | Resolve | Open | Release | SendPing | Close
Effects = list[Effect]
