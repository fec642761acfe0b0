"""Materials go live in the stream `inventory`."""

from django.db import migrations

from realtime.adapters.capture import WatchTable


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial"), ("realtime", "0001_initial")]

    operations = [
        WatchTable(
            "inventory",
            "material",
            columns=[
                "id",
                "slug",
                "name",
                "category",
                "form",
                "grade",
                "price_per_kg",
                "currency",
                "density_kg_per_m3",
                "archived",
            ],
        ),
    ]
