"""Since when an order has its status, kept by the table itself: whoever moves an order on, its time begins anew."""

import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now

from realtime.adapters.capture import WatchTable

BEFORE = [
    "id", "number", "status", "customer", "customer_name", "total", "currency", "placed_at", "updated_at",
    "promised_at", "archived",
]  # fmt: skip

KNOWN_UNTIL_NOW = """
UPDATE orders_order o SET status_since = coalesce(
    (SELECT max(e.at) FROM orders_orderevent e WHERE e.order_id = o.id AND e.kind = o.status), o.updated_at)
"""

TRIGGER = """
CREATE FUNCTION orders_begin_status() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.status_since := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER orders_begin_status BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION orders_begin_status();
ALTER TABLE orders_order ENABLE ALWAYS TRIGGER orders_begin_status;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_step_notifications")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="status_since",
            field=models.DateTimeField(db_default=Now(), default=django.utils.timezone.now, editable=False),
        ),
        migrations.RunSQL(KNOWN_UNTIL_NOW, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGER, "DROP FUNCTION orders_begin_status() CASCADE"),
        WatchTable("orders", "order", columns=[*BEFORE, "status_since"], was=BEFORE),
    ]
