"""The two tables; ticks go live in the stream of that name."""

from typing import Any

from django.db import migrations, models

from realtime.adapters.capture import WatchTable

FIELDS: "list[tuple[str, models.Field[Any, Any]]]" = [
    ("id", models.BigAutoField(primary_key=True)),
    ("key", models.IntegerField(db_index=True)),
    ("n", models.BigIntegerField()),
    ("t", models.BigIntegerField()),
    ("text", models.TextField()),
]


class Migration(migrations.Migration):
    """Made by hand, for nothing but a benchmark has these tables."""

    dependencies = [("realtime", "0001_initial")]

    operations = [
        migrations.CreateModel("Tick", FIELDS),
        migrations.CreateModel("NaiveTick", FIELDS),
        WatchTable("ticks", "tick", columns=["id", "key", "n", "t", "text"]),
    ]
