"""System checks: broken combinations of settings, and captures that differ from their declarations.

    realtime.E001  the engine's database is not PostgreSQL
    realtime.E002  a setting can't be used
    realtime.W003  the channel layer keeps no groups that survive a flush of Redis
    realtime.W004  migrations are not applied, so that the captures can't be compared
    realtime.E005  a watched table, or a partition of it, lacks a trigger
    realtime.E006  a trigger is disabled, or not ENABLE ALWAYS
    realtime.E007  a capture is not the declared one
    realtime.E008  a watched table's key is checked only when the transaction ends

E005 to E008 read the database: they run with `check --database`, with `migrate`, and when a relay or a server
starts. A trigger that is missing loses changes without a sign; so it is an error.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from realtime.adapters.capture import Installation, locate, relations_of
from realtime.conf import RealtimeSettings, realtime_settings
from realtime.declare import registry

REINSTALL = "End a migration with WatchTable(...) for it: that installs all triggers anew and records a reset."

POSITIVE = (
    *("relay_poll_seconds", "relay_slice_changes", "batch_max_bytes"),
    *("log_segment_positions", "log_retention_seconds"),
)

INSTALLED = """
SELECT t.tgname, t.tgenabled::text, t.tgfoid = to_regprocedure(%s)
FROM pg_trigger t WHERE t.tgrelid = %s::regclass AND t.tgname = ANY(%s)
"""

DEFERRED = """
SELECT c.conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
WHERE c.conrelid = %s::regclass AND a.attname = %s AND c.contype IN ('p', 'u') AND c.condeferred AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indisunique AND i.indimmediate
        AND i.indpred IS NULL AND i.indkey::text = a.attnum::text
)
"""

FUNCTION = "SELECT prosrc, prosecdef, coalesce(proconfig, '{}') FROM pg_proc WHERE oid = to_regprocedure(%s)"


def register_all() -> None:
    """Register the checks; the app's config calls this."""
    register(check_settings)
    register(check_captures, Tags.database)


def check_settings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check what can be told without a database."""
    chosen = realtime_settings()
    return [*_setting_errors(chosen), *_layer_warnings(chosen)]


def _setting_errors(chosen: RealtimeSettings) -> Iterator[CheckMessage]:
    engine = connections[chosen.database].vendor
    if engine != "postgresql":
        yield Error(f"REALTIME's database {chosen.database!r} is {engine}, not PostgreSQL.", id="realtime.E001")
    for name in POSITIVE:
        value = getattr(chosen, name)
        if value <= 0:
            yield Error(f"REALTIME[{name!r}] must be above 0, not {value!r}.", id="realtime.E002")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", chosen.deployment):
        yield Error(
            f"REALTIME['deployment'] is {chosen.deployment!r}.",
            hint="It is a part of group names: at most 40 letters, digits, hyphens and underscores.",
            id="realtime.E002",
        )


def _layer_warnings(chosen: RealtimeSettings) -> Iterator[CheckMessage]:
    layer = getattr(settings, "CHANNEL_LAYERS", {}).get(chosen.channel_layer)
    if layer is None:
        yield Error(f"CHANNEL_LAYERS has no {chosen.channel_layer!r}.", id="realtime.E002")
    elif layer["BACKEND"] != "channels_redis.pubsub.RedisPubSubChannelLayer":
        yield CheckWarning(
            f"The channel layer {chosen.channel_layer!r} is {layer['BACKEND']}.",
            hint="Use channels_redis.pubsub.RedisPubSubChannelLayer: the core layer drops messages at its capacity "
            "and forgets its groups when Redis is flushed. Views then come late, from the log.",
            id="realtime.W003",
        )


def check_captures(
    app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Compare the triggers in the database with the declared streams."""
    alias = realtime_settings().database
    if alias not in (databases or ()) or connections[alias].vendor != "postgresql":
        return []
    connection = connections[alias]
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return [CheckWarning("Migrations are not applied: the captures were not compared.", id="realtime.W004")]
    with connection.cursor() as cursor:
        return [
            message
            for stream in registry.streams.values()
            for capture in stream.captures.values()
            for message in _compare(cursor, locate(cursor, stream.name, capture), capture.table)
        ]


def _compare(cursor: Any, installation: Installation | None, table: str) -> Iterator[CheckMessage]:
    if installation is None:
        yield Error(f"The watched table {table!r} does not exist.", hint=REINSTALL, id="realtime.E005")
        return
    for relation in relations_of(cursor, installation):
        yield from _compare_triggers(cursor, installation, relation)
        yield from _deferred_keys(cursor, installation.capture.key, relation)
    cursor.execute(FUNCTION, [f"{installation.function}()"])
    row = cursor.fetchone()
    if row is not None and (row[0], row[1], _normal(row[2])) != (installation.body(), True, _wanted(installation)):
        yield Error(
            f"The capture of {table!r} is not the one that the stream {installation.stream!r} declares.",
            hint=REINSTALL,
            id="realtime.E007",
        )


def _compare_triggers(cursor: Any, installation: Installation, relation: str) -> Iterator[CheckMessage]:
    due = installation.triggers
    cursor.execute(INSTALLED, [f"{installation.function}()", relation, list(due)])
    found = {name: (enabled, ours) for name, enabled, ours in cursor.fetchall()}
    if missing := sorted(name for name in due if not found.get(name, ("", False))[1]):
        yield Error(f"{relation} is watched and lacks {', '.join(missing)}.", hint=REINSTALL, id="realtime.E005")
    for name, (enabled, _) in sorted(found.items()):
        if enabled != "A":
            state = "disabled" if enabled == "D" else "skipped by some sessions"
            yield Error(
                f"{relation} is watched and its trigger {name} is {state}.",
                hint=f"ALTER TABLE {relation} ENABLE ALWAYS TRIGGER {name}; what was written meanwhile is not in "
                "the log: run `manage.py log_reset`.",
                id="realtime.E006",
            )


def _deferred_keys(cursor: Any, key: str, relation: str) -> Iterator[CheckMessage]:
    """Two transactions could write one key at the same time, and commit in another order than that of the log."""
    cursor.execute(DEFERRED, [relation, key])
    for (constraint,) in cursor.fetchall():
        yield Error(
            f"{relation} is watched and its key's constraint {constraint} is INITIALLY DEFERRED.",
            hint=f"Drop {constraint} and add it again without INITIALLY DEFERRED.",
            id="realtime.E008",
        )


def _normal(config: Sequence[str]) -> dict[str, str]:
    return {name.lower(): value for name, _, value in (entry.partition("=") for entry in config)}


def _wanted(installation: Installation) -> dict[str, str]:
    return {name.lower(): value for name, value in installation.settings.items()}
