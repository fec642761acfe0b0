"""The journal of stock movements, live in the stream `inventory`; and codes that a warehouse can't have."""

import django.db.models.deletion
from django.db import migrations, models

import core.stock.models
from realtime.adapters.capture import WatchTable


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0002_watch"),
        ("stock", "0002_watch"),
    ]

    operations = [
        migrations.AlterField(
            model_name="warehouse",
            name="code",
            field=models.CharField(max_length=12, unique=True, validators=[core.stock.models.validate_code]),
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("counted", "Counted"),
                            ("transferred_in", "Transferred In"),
                            ("transferred_out", "Transferred Out"),
                            ("threshold", "Threshold"),
                            ("shipped", "Shipped"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "quantity_kg",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="on hand changed by, kg"),
                ),
                (
                    "on_hand_after",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="on hand after it, kg"),
                ),
                (
                    "reorder_below_after",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="reorder below after it, kg"),
                ),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("actor", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
                ("recent", models.BooleanField(db_default=True, default=True, editable=False)),
                (
                    "level",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="movements",
                        to="stock.stocklevel",
                    ),
                ),
                (
                    "material",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="catalogue.material",
                    ),
                ),
                (
                    "warehouse",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="stock.warehouse",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("recent", True)), fields=["id"], name="stock_movement_recent")
                ],
            },
        ),
        WatchTable(
            "inventory",
            "stockmovement",
            columns=[
                "id",
                "level",
                "material",
                "warehouse",
                "kind",
                "quantity_kg",
                "on_hand_after",
                "reorder_below_after",
                "reason",
                "actor",
                "at",
                "recent",
            ],
        ),
    ]
