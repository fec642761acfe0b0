"""Inbox, change log and the rows of the streams. PostgreSQL 14 or newer.

The inbox has one index, since every writer pays for it; the relay alone reads and empties it. The log is
partitioned into segments, so that old changes are dropped by the table and never deleted one by one.
"""

from django.db import migrations

FORWARDS = """
CREATE TABLE realtime_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    reset boolean NOT NULL DEFAULT false,
    stream text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    version text NOT NULL,
    new text,
    old text
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 2147483647
);
COMMENT ON TABLE realtime_inbox IS 'Changes that have no position yet: written by triggers, emptied by the relay.';

CREATE TABLE realtime_stream (
    name text COLLATE "C" PRIMARY KEY,
    epoch text NOT NULL,
    epoch_number integer NOT NULL,
    head bigint NOT NULL DEFAULT 0,
    floor bigint NOT NULL DEFAULT 0,
    mark text NOT NULL DEFAULT '',
    system_identifier bigint NOT NULL,
    timeline text NOT NULL
);
COMMENT ON TABLE realtime_stream IS 'One row for each stream: the lock on it is the fence between relays.';

CREATE TABLE realtime_log (
    stream text COLLATE "C" NOT NULL,
    epoch_number integer NOT NULL,
    position bigint NOT NULL,
    inbox_id bigint NOT NULL,
    reset boolean NOT NULL,
    ends boolean NOT NULL,
    assigned_at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    key text NOT NULL,
    version text NOT NULL,
    new text,
    old text,
    mark text
) PARTITION BY RANGE (stream, epoch_number, position);
COMMENT ON TABLE realtime_log IS 'The change log: insert-only, in segments (see realtime_segment).';

CREATE TABLE realtime_segment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    epoch_number integer NOT NULL,
    after bigint NOT NULL,
    upto bigint NOT NULL
);
COMMENT ON TABLE realtime_segment IS 'realtime_log_<id> holds the positions (after, upto] of a stream and epoch.';

CREATE TABLE realtime_doubt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    epoch text NOT NULL,
    position bigint NOT NULL,
    mark text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE realtime_doubt IS 'A hub saw a position and mark that the log may no longer hold: the relay decides.';
"""

BACKWARDS = "DROP TABLE realtime_doubt, realtime_segment, realtime_log, realtime_stream, realtime_inbox;"


class Migration(migrations.Migration):
    """The tables of the way of a change."""

    initial = True
    dependencies = []
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
