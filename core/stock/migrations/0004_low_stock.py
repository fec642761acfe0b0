"""Whoever takes a level below its threshold, the people in the role `warehouse` are told, in the same transaction.

A row trigger with a condition: an update that crosses no threshold costs a comparison, one that does costs the
same for each level whatever else the statement does. Nobody is told of a level again within an hour. The level's
row is locked by the update, so two writers can't both find that nobody was told.

Why a trigger, and why these settings: docs/decisions/people-are-told-by-triggers.md
"""

from django.db import migrations

LOW_STOCK = """
DO $do$ BEGIN
    EXECUTE replace($all$
CREATE FUNCTION @.stock_tell_low() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM @.notifications_notification
        WHERE about = 'stocklevel:' || NEW.id AND about <> '' AND created_at > statement_timestamp() - interval '1 hour'
    ) THEN
        RETURN NULL;
    END IF;
    INSERT INTO @.notifications_notification (audience, role, level, title, body, link, about)
    SELECT 'role', 'warehouse', 'warning',
        left('Low stock: ' || named.material, 120),
        format('%s: %s kg available, below the threshold of %s kg.', named.warehouse,
            rtrim(to_char(NEW.on_hand - NEW.reserved, 'FM999,999,999,990.999'), '.'),
            rtrim(to_char(NEW.reorder_below, 'FM999,999,999,990.999'), '.')),
        '/stock/?text=' || @.notifications_percent_encoded(named.material),
        'stocklevel:' || NEW.id
    FROM (
        SELECT coalesce(nullif(m.name, ''), m.slug) AS material, coalesce(nullif(w.name, ''), w.code) AS warehouse
        FROM @.catalogue_material m, @.stock_warehouse w WHERE m.id = NEW.material_id AND w.id = NEW.warehouse_id
    ) named;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION @.stock_tell_low() FROM PUBLIC;
CREATE TRIGGER stock_tell_low AFTER UPDATE ON @.stock_stocklevel FOR EACH ROW
    WHEN (OLD.on_hand - OLD.reserved >= OLD.reorder_below AND NEW.on_hand - NEW.reserved < NEW.reorder_below)
    EXECUTE FUNCTION @.stock_tell_low();
    $all$, '@.', quote_ident(current_schema()) || '.');
END $do$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("stock", "0003_movements"),
        ("catalogue", "0001_initial"),
        ("notifications", "0003_percent_encoding"),
    ]

    operations = [
        migrations.RunSQL(LOW_STOCK, "DROP FUNCTION stock_tell_low() CASCADE"),
    ]
