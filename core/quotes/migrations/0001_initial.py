"""Saved quotes, live in the stream `quotes`; their numbers come from a sequence."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

from realtime.adapters.capture import WatchTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0003_billing"),
        ("catalogue", "0003_quantities"),
        ("realtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Quote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, unique=True)),
                ("material_name", models.CharField(db_default="", default="", max_length=120)),
                ("material_slug", models.CharField(db_default="", default="", max_length=80)),
                ("quantity", models.DecimalField(decimal_places=6, max_digits=18)),
                ("unit", models.CharField(max_length=24)),
                ("quantity_kg", models.DecimalField(decimal_places=3, max_digits=14, verbose_name="quantity, kg")),
                ("unit_price", models.DecimalField(decimal_places=4, max_digits=12, verbose_name="price per kg")),
                ("net", models.DecimalField(decimal_places=2, max_digits=14)),
                ("tax_percent", models.DecimalField(decimal_places=2, max_digits=5, verbose_name="tax, %")),
                ("tax", models.DecimalField(decimal_places=2, max_digits=14)),
                ("total", models.DecimalField(decimal_places=2, max_digits=14)),
                ("currency", models.CharField(max_length=3)),
                ("valid_until", models.DateTimeField()),
                ("created_by", models.CharField(blank=True, db_default="", default="", max_length=150)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                ("used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("archived", models.BooleanField(db_default=False, default=False)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="quotes", to="accounts.customer"
                    ),
                ),
                (
                    "material",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.material"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("archived", False)), fields=["customer"], name="quote_live_by_customer"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("quantity_kg__gt", 0)), name="quote_quantity_is_positive"
                    ),
                    models.CheckConstraint(condition=models.Q(("unit_price__gt", 0)), name="quote_price_is_positive"),
                ],
            },
        ),
        migrations.RunSQL(
            "CREATE SEQUENCE quotes_number START 1001 OWNED BY quotes_quote.number",
            "DROP SEQUENCE quotes_number",
        ),
        WatchTable(
            "quotes",
            "quote",
            columns=[
                "id",
                "number",
                "customer",
                "material_name",
                "material_slug",
                "quantity",
                "unit",
                "quantity_kg",
                "unit_price",
                "net",
                "tax_percent",
                "tax",
                "total",
                "currency",
                "valid_until",
                "created_by",
                "created_at",
                "used_at",
                "archived",
            ],
        ),
    ]
