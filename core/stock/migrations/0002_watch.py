"""Warehouses and stock levels go live in the stream `inventory`."""

from django.db import migrations

from realtime.adapters.capture import WatchTable


class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial"), ("realtime", "0001_initial")]

    operations = [
        WatchTable("inventory", "warehouse", columns=["id", "code", "name", "city"]),
        WatchTable(
            "inventory",
            "stocklevel",
            columns=["id", "material", "warehouse", "on_hand", "reserved", "reorder_below", "updated_at"],
        ),
    ]
