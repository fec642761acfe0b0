"""Orders, their lines and their events go live in the stream `orders`; order numbers come from a sequence."""

from django.db import migrations

from realtime.adapters.capture import WatchTable


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("realtime", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE orders_number START 10001 OWNED BY orders_order.number",
            "DROP SEQUENCE orders_number",
        ),
        WatchTable(
            "orders",
            "order",
            columns=[
                "id",
                "number",
                "status",
                "customer",
                "customer_name",
                "total",
                "currency",
                "placed_at",
                "updated_at",
                "promised_at",
                "archived",
            ],
        ),
        WatchTable(
            "orders",
            "orderline",
            columns=[
                "id",
                "order",
                "position",
                "material_name",
                "material_slug",
                "quantity_kg",
                "unit_price",
                "total",
            ],
        ),
        WatchTable("orders", "orderevent", columns=["id", "order", "kind", "message", "actor", "at"]),
    ]
