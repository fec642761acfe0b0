"""Notifications and who has read them go live in the stream `notifications`; the live topic keeps itself small.

`notifications_archive` archives notifications with their read rows, for the service, for operators in psql, and
for the trigger: whoever tells an audience something, its live notifications beyond the newest 1,000 are archived,
so that nobody's topic grows for ever where no cron job runs. A notification that another transaction is changing
is passed over: a writer never waits for another one's old news, and the next one looks again.

The functions are SECURITY DEFINER with a pinned search path, like the captures: whoever may insert a notification
need not be allowed to change others. Their plans are kept by the session, so an index is looked up whatever the
tables held when a plan was made (`enable_seqscan` off). The trigger is not ENABLE ALWAYS: a session that replays rows
(`session_replication_role = replica`) replays what was archived too.
"""

from django.db import migrations

from realtime.adapters.capture import WatchTable

IN_SCHEMA = """
DO $do$ BEGIN
    EXECUTE replace($all${statements}$all$, '@.', quote_ident(current_schema()) || '.');
END $do$;
"""
"""Names that begin with `@.` are of the schema that the tables are made in: functions that pin their path need it."""

ARCHIVE = """
CREATE FUNCTION @.notifications_archive(ids bigint[]) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    gone bigint[];
BEGIN
    WITH chosen AS (
        SELECT id FROM @.notifications_notification
        WHERE id = ANY(ids) AND NOT archived FOR NO KEY UPDATE SKIP LOCKED
    ), changed AS (
        UPDATE @.notifications_notification n SET archived = true FROM chosen WHERE n.id = chosen.id RETURNING n.id
    )
    SELECT array_agg(id) INTO gone FROM changed;
    UPDATE @.notifications_notificationread SET archived = true WHERE notification_id = ANY(gone) AND NOT archived;
    RETURN coalesce(cardinality(gone), 0);
END $$;
REVOKE ALL ON FUNCTION @.notifications_archive(bigint[]) FROM PUBLIC;
"""

KEEP_SMALL = """
CREATE FUNCTION @.notifications_keep_small() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    most CONSTANT integer := 1000;
    old bigint[];
BEGIN
    SELECT array_agg(id) INTO old FROM (
        SELECT n.id FROM (SELECT DISTINCT user_id FROM new_rows WHERE user_id IS NOT NULL) t,
            LATERAL (SELECT id FROM @.notifications_notification
                     WHERE user_id = t.user_id AND NOT archived ORDER BY id DESC OFFSET most) n
        UNION ALL
        SELECT n.id FROM (SELECT DISTINCT customer_id FROM new_rows WHERE customer_id IS NOT NULL) t,
            LATERAL (SELECT id FROM @.notifications_notification
                     WHERE customer_id = t.customer_id AND NOT archived ORDER BY id DESC OFFSET most) n
        UNION ALL
        SELECT n.id FROM (SELECT DISTINCT role FROM new_rows WHERE role <> '') t,
            LATERAL (SELECT id FROM @.notifications_notification
                     WHERE role = t.role AND role <> '' AND NOT archived ORDER BY id DESC OFFSET most) n
        UNION ALL
        SELECT n.id FROM (SELECT DISTINCT audience FROM new_rows WHERE audience = 'everyone') t,
            LATERAL (SELECT id FROM @.notifications_notification
                     WHERE audience = 'everyone' AND NOT archived ORDER BY id DESC OFFSET most) n
    ) found;
    IF old IS NOT NULL THEN
        PERFORM @.notifications_archive(old);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION @.notifications_keep_small() FROM PUBLIC;
CREATE TRIGGER notifications_keep_small AFTER INSERT ON @.notifications_notification
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @.notifications_keep_small();
"""

FORGET = """
DROP FUNCTION notifications_keep_small() CASCADE;
DROP FUNCTION notifications_archive(bigint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("realtime", "0001_initial")]

    operations = [
        WatchTable(
            "notifications",
            "notification",
            columns=[
                "id",
                "audience",
                "user",
                "customer",
                "role",
                "title",
                "body",
                "level",
                "link",
                "created_at",
                "archived",
            ],
        ),
        WatchTable("notifications", "notificationread", columns=["id", "notification", "user", "read_at", "archived"]),
        migrations.RunSQL(IN_SCHEMA.replace("{statements}", ARCHIVE + KEEP_SMALL), FORGET),
    ]
