"""The figures that bound a session, and what keeps a client within them: a token bucket and a sliding minute."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

MINUTE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """The session's figures; see `realtime.conf` for what each means."""

    heartbeat_seconds: float
    pong_wait_seconds: float
    slow_close_seconds: float
    identity_stale_seconds: float
    frame_max_bytes: int
    command_max_bytes: int
    conflation_max_keys: int
    subscriptions_max: int
    commands_per_second: float
    commands_burst: int
    bad_frames_per_minute: int


class Verdict(Enum):
    """What to do with a message."""

    TAKE = auto()
    REFUSE = auto()
    """Over the rate: answered with `rate_limited`."""
    CLOSE = auto()
    """A whole burst over the rate: it does not heed its errors."""


class Allowance:
    """The bucket and the minute of one session; starts full.

    `per_second` commands are given back up to `burst`. `bad_frames` within a minute are too many.
    """

    __slots__ = ("_at", "_bad", "_bad_frames", "_burst", "_per_second", "_tokens")

    def __init__(self, *, per_second: float, burst: int, bad_frames: int, now: float) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now
        self._bad_frames = bad_frames
        self._bad: tuple[float, ...] = ()
        """When the last ones came: of most clients, none does."""

    def spend(self, now: float) -> Verdict:
        """Take one message into account."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second) - 1.0
        self._at = now
        if self._tokens >= 0.0:
            return Verdict.TAKE
        return Verdict.REFUSE if self._tokens > -self._burst else Verdict.CLOSE

    def bad_frame(self, now: float) -> bool:
        """Take one bad frame into account; tell whether there have been too many within a minute."""
        self._bad = (*self._bad, now)[-self._bad_frames :]
        return len(self._bad) == self._bad_frames and now - self._bad[0] < MINUTE_SECONDS
