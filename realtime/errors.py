"""The exceptions of the engine.

RealtimeError
├── DeclarationError          a stream, watch or topic is declared wrongly: fix the code
├── PeerError                 the client's fault: answered with an `error` frame
│   ├── BadFrame  UnknownType  UnknownTopic  Forbidden  NotSubscribed  AlreadySubscribed
│   └── TooManySubscriptions  RateLimited  SnapshotTooLarge  BadParameter  Unavailable
├── LogUnavailable            PostgreSQL is out of reach: retried with backoff
│   └── StatementFailed       it is there, and a statement failed: perhaps another one would not
├── BusUnavailable            Redis is out of reach: retried with backoff
├── FloorPassed               the log no longer holds the asked range: read a snapshot
└── EpochChanged              the log is another one than before: read a snapshot
"""

from typing import ClassVar


class RealtimeError(Exception):
    """Root of everything the engine raises on purpose."""


class DeclarationError(RealtimeError):
    """A stream, watch or topic is declared wrongly; the message names it and says what to change."""


class LogUnavailable(RealtimeError):
    """PostgreSQL did not answer. An outage: retried with backoff, never the client's fault."""


class StatementFailed(LogUnavailable):
    """PostgreSQL answered that a statement failed, or took too long; others may do well."""


class BusUnavailable(RealtimeError):
    """The channel layer did not take or give a batch. An outage: the log still carries every change."""


class FloorPassed(RealtimeError):
    """The asked range begins below the floor of the change log."""


class EpochChanged(RealtimeError):
    """The change log is not the one that the position or the mark belongs to."""


class PeerError(RealtimeError):
    """What a client did wrong, or can't have: becomes an `error` frame (docs/PROTOCOL.md).

    `code` is one of the protocol's codes, `retry` says whether the same command may succeed later.
    """

    code: ClassVar[str]
    retry: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadFrame(PeerError):
    """Broken JSON, not an object, or a field of the wrong type."""

    code = "bad_frame"


class UnknownType(PeerError):
    """A command type that this server does not know."""

    code = "unknown_type"


class UnknownTopic(PeerError):
    """No such topic, or one with parameters that is not the user's: the two look alike."""

    code = "unknown_topic"


class Forbidden(PeerError):
    """A fixed topic that the user may not see."""

    code = "forbidden"


class NotSubscribed(PeerError):
    """An unsubscribe from a topic that the session is not subscribed to."""

    code = "not_subscribed"


class AlreadySubscribed(PeerError):
    """A second subscribe to a topic of the same session."""

    code = "already_subscribed"


class TooManySubscriptions(PeerError):
    """The session's bound on subscriptions is reached."""

    code = "too_many_subscriptions"


class RateLimited(PeerError):
    """Too many commands in too short a time."""

    code = "rate_limited"
    retry = True


class SnapshotTooLarge(PeerError):
    """The topic has more rows than a snapshot may have: page it over HTTP instead."""

    code = "snapshot_too_large"


class BadParameter(PeerError):
    """A topic's parameter has an impossible value; raised by converters and topic functions."""

    code = "bad_parameter"


class Unavailable(PeerError):
    """The server can't answer now (log out of reach, snapshot not exact in time): try again later."""

    code = "unavailable"
    retry = True
