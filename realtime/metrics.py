"""Every metric of the engine, in one place: what is counted, under which name.

Names begin with `realtime_`, durations end in `_seconds`, sizes in `_bytes`, counters in `_total`. Labels take
values of a closed set only: stream names, protocol codes, the reasons named in the comments.
"""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

registry = CollectorRegistry()
"""What `/metrics` shows of this process."""

ProcessCollector(registry=registry)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"realtime_{name}", text, labels, registry=registry)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"realtime_{name}", text, labels, registry=registry)


# Relay.
relay_changes = _counter("relay_changes", "Changes given a position.", "stream")
relay_batches = _counter("relay_batches", "Batches published.", "stream")
relay_heartbeats = _counter("relay_heartbeats", "Heartbeats published on idle streams.", "stream")
relay_publish_failures = _counter("relay_publish_failures", "Batches that the bus did not take.", "stream")
relay_retries = _counter("relay_retries", "Times the relay began anew after an outage of the database.")
relay_epochs = _counter("relay_epochs", "New epochs made, by stream.", "stream")
relay_pruned_segments = _counter("relay_pruned_segments", "Log segments dropped by retention.", "stream")
relay_lag = _gauge("relay_lag_seconds", "Longest that a change can have waited for its position.", "stream")
relay_inbox = _gauge("relay_inbox_changes", "Changes without a position, as of the last look.")
relay_head = _gauge("relay_head", "Highest position given.", "stream")
relay_floor = _gauge("relay_floor", "Lowest position from which the log can be read.", "stream")

# Change log and bus, as the server sees them.
log_reads = _counter("log_reads", "Ranges read from the change log.", "stream")
log_snapshots = _counter("log_snapshots", "Views whose rows were read.", "stream")
log_snapshots_alone = _counter("log_snapshots_alone", "Views read once more, alone: too large or failed.", "stream")
log_failures = _counter("log_failures", "Queries that the change log did not answer.")
bus_failures = _counter("bus_failures", "Times the bus was found out of reach.")

# Hub.
hub_batches = _counter(
    "hub_batches", "Batches received, by what was done with them (delivered, known, gap, foreign).", "stream", "outcome"
)
hub_changes = _counter("hub_changes", "Changes delivered to views.", "stream")
hub_heals = _counter("hub_heals", "Ranges read from the log because the wire lost them, by reason.", "stream", "reason")
hub_resets = _counter("hub_resets", "Views read anew, by reason (epoch, floor, reset, failure).", "stream", "reason")
hub_resumes = _counter("hub_resumes", "Cursors, by what served them (ring, log, snapshot).", "stream", "source")
hub_failures = _counter(
    "hub_failures", "Views that failed, by reason (projection, snapshot, unavailable).", "stream", "reason"
)
hub_views = _gauge("hub_views", "Views with at least one subscription.", "stream")
hub_subscriptions = _gauge("hub_subscriptions", "Subscriptions.", "stream")
hub_head = _gauge("hub_head", "Position up to which the hub is complete.", "stream")
hub_behind = _gauge("hub_behind", "Positions between the log's head and the hub's.", "stream")

# Sessions.
sessions = _gauge("sessions", "Connected sessions.")
session_frames = _counter("session_frames", "Frames written.")
session_bytes = _counter("session_bytes", "Bytes of the frames written.")
session_commands = _counter("session_commands", "Commands taken, by type.", "type")
session_errors = _counter("session_errors", "Error frames, by code.", "code")
session_closes = _counter("session_closes", "Sessions closed by the server, by code.", "code")
session_held = _counter(
    "session_held", "Updates remembered instead of written, by reason (congested, stale, rate, recheck).", "reason"
)
session_overflows = _counter("session_overflows", "Times so much was remembered that a snapshot became due instead.")
session_snapshots = _counter("session_snapshots", "Snapshots sent, by reason (reply, push).", "reason")
session_resumes = _counter("session_resumes", "Cursors resumed.")
session_endings = _counter("session_endings", "Subscriptions ended unasked, by code (revoked or an error's).", "code")

# Identity and topic resolution.
identity_checks = _counter("identity_checks", "Batched identity checks, by outcome (ok, failed).", "outcome")
identity_changes = _counter("identity_changes", "Identities found gone or changed, by outcome.", "outcome")
identity_seconds = Histogram(
    "realtime_identity_check_seconds", "Duration of one batched identity check.", registry=registry
)
resolutions = _counter("resolutions", "Topic resolutions, by outcome (ok, refused, failed, shared).", "outcome")

SESSION_TALLY: Mapping[str, Callable[[str, int], None]] = {
    "command": lambda label, times: session_commands.labels(label).inc(times),
    "error": lambda label, times: session_errors.labels(label).inc(times),
    "close": lambda label, times: session_closes.labels(label).inc(times),
    "held": lambda label, times: session_held.labels(label).inc(times),
    "overflow": lambda _, times: session_overflows.inc(times),
    "snapshot": lambda label, times: session_snapshots.labels(label).inc(times),
    "resume": lambda _, times: session_resumes.inc(times),
    "ended": lambda label, times: session_endings.labels(label).inc(times),
}
"""Where each name that sessions tally is counted."""
