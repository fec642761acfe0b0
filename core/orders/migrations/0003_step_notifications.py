"""Whoever moves an order on, its customer's people are told, in the same transaction.

Told is the customer whose order it is when the step is taken; an order that changes hands tells nobody. Drafts
and archived orders are nobody's news.

Why a trigger, and why these settings: docs/decisions/people-are-told-by-triggers.md
"""

from django.db import migrations

STEP_NOTIFICATIONS = """
DO $do$ BEGIN
    EXECUTE replace($all$
CREATE FUNCTION @.orders_tell_step() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    amount text := NEW.currency || ' ' || to_char(NEW.total, 'FM999,999,999,990.00');
    promise text := 'promised for ' || to_char(NEW.promised_at AT TIME ZONE 'UTC', 'FMDD FMMonth YYYY');
BEGIN
    INSERT INTO @.notifications_notification (audience, customer_id, level, title, body, link, about)
    VALUES ('customer', NEW.customer_id,
        CASE NEW.status WHEN 'delivered' THEN 'success' WHEN 'cancelled' THEN 'warning' ELSE 'info' END,
        NEW.number || CASE NEW.status
            WHEN 'picking' THEN ' is being picked'
            WHEN 'placed' THEN ' was placed'
            WHEN 'paid' THEN ' was paid'
            WHEN 'shipped' THEN ' was shipped'
            WHEN 'delivered' THEN ' was delivered'
            WHEN 'cancelled' THEN ' was cancelled'
            ELSE ' is now ' || NEW.status END,
        CASE NEW.status
            WHEN 'placed' THEN amount || coalesce(', ' || promise, '') || '.'
            WHEN 'paid' THEN amount || ' received. Picking comes next.'
            WHEN 'picking' THEN 'The goods are being taken off the shelves' || coalesce('; ' || promise, '') || '.'
            WHEN 'shipped' THEN 'The goods are on their way' || coalesce(', ' || promise, '') || '.'
            WHEN 'delivered' THEN 'The goods have arrived.'
            WHEN 'cancelled' THEN 'It will not be delivered; the order says why.'
            ELSE '' END,
        '/orders/' || @.notifications_percent_encoded(NEW.number) || '/',
        'order:' || NEW.id);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION @.orders_tell_step() FROM PUBLIC;
CREATE TRIGGER orders_tell_placed AFTER INSERT ON @.orders_order FOR EACH ROW
    WHEN (NEW.status = 'placed' AND NOT NEW.archived)
    EXECUTE FUNCTION @.orders_tell_step();
CREATE TRIGGER orders_tell_step AFTER UPDATE ON @.orders_order FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.status <> 'draft' AND NOT NEW.archived)
    EXECUTE FUNCTION @.orders_tell_step();
    $all$, '@.', quote_ident(current_schema()) || '.');
END $do$;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_watch"), ("notifications", "0003_percent_encoding")]

    operations = [
        migrations.RunSQL(STEP_NOTIFICATIONS, "DROP FUNCTION orders_tell_step() CASCADE"),
    ]
