"""A warehouse says how long it takes until goods leave it."""

from django.db import migrations, models

from realtime.adapters.capture import WatchTable

BEFORE = ["id", "code", "name", "city"]


class Migration(migrations.Migration):
    dependencies = [
        ("stock", "0004_low_stock"),
    ]

    operations = [
        migrations.AddField(
            model_name="warehouse",
            name="dispatch_days",
            field=models.PositiveSmallIntegerField(db_default=1, default=1, verbose_name="dispatch, working days"),
        ),
        WatchTable("inventory", "warehouse", columns=[*BEFORE, "dispatch_days"], was=BEFORE),
    ]
