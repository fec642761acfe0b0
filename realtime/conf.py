"""The engine's settings: `settings.REALTIME`, read once, unknown keys refused."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeSettings:
    """Durations end in `_seconds`, sizes in `_bytes`; the defaults are the protocol's and the design's."""

    deployment: str = "tideline"
    """Prefix of the group names, so that two deployments can share one Redis."""
    identity: str = ""
    """Dotted path of the identity provider (see `realtime.drivers.access`)."""
    database: str = "default"
    """Alias of the PostgreSQL database that holds the watched tables and the log."""
    channel_layer: str = "default"
    """Alias of the channel layer (RedisPubSubChannelLayer)."""

    relay_poll_seconds: float = 0.003
    relay_slice_changes: int = 50_000
    batch_max_bytes: int = 512 * 1024
    log_segment_positions: int = 1_000_000
    log_retention_seconds: float = 86_400.0

    head_check_seconds: float = 0.75
    """What the wire loses for good is with everyone within a second."""
    head_check_bus_down_seconds: float = 0.25
    ring_changes: int = 20_000
    resume_max_changes: int = 100_000
    snapshot_wait_seconds: float = 5.0
    snapshot_max_rows: int = 20_000

    heartbeat_seconds: float = 15.0
    pong_wait_seconds: float = 25.0
    slow_close_seconds: float = 120.0
    connection_queue_bytes: int = 64 * 1024
    """More than this queued in the process for one socket, and its session is conflated until it has drained."""
    process_queue_bytes: int = 64 * 1024 * 1024
    """More than this queued for all sockets of a process, and every session with a queue is conflated."""
    identity_check_seconds: float = 1.0
    identity_stale_seconds: float = 1.5
    frame_max_bytes: int = 256 * 1024
    command_max_bytes: int = 64 * 1024
    conflation_max_keys: int = 5_000
    subscriptions_max: int = 100
    commands_per_second: float = 50.0
    commands_burst: int = 200
    bad_frames_per_minute: int = 10


@lru_cache(maxsize=1)
def realtime_settings() -> RealtimeSettings:
    """Return the settings of this process; raise ImproperlyConfigured for an unknown key."""
    given: dict[str, Any] = getattr(settings, "REALTIME", {})
    known = {f.name for f in fields(RealtimeSettings)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(f"settings.REALTIME: unknown {unknown}; known are {sorted(known)}")
    return RealtimeSettings(**given)
