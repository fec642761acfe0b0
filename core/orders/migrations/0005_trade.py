"""Baskets, taxes, units, partial shipments and returns."""

from decimal import Decimal

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from realtime.adapters.capture import WatchTable

ORDER_BEFORE = [
    "id", "number", "status", "customer", "customer_name", "total", "currency", "placed_at", "updated_at",
    "promised_at", "archived", "status_since",
]  # fmt: skip
LINE_BEFORE = [
    "id", "order", "position", "material_name", "material_slug", "quantity_kg", "unit_price", "total",
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_billing"),
        ("catalogue", "0003_quantities"),
        ("orders", "0004_status_since"),
        ("quotes", "0001_initial"),
        ("stock", "0005_warehouse_dispatch_days"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GoodsReturn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity_kg", models.DecimalField(decimal_places=3, max_digits=14, verbose_name="quantity, kg")),
                ("restocked", models.BooleanField()),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("actor", models.CharField(blank=True, db_default="", default="", max_length=150)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now
                    ),
                ),
            ],
            options={
                "ordering": ["order", "id"],
            },
        ),
        migrations.CreateModel(
            name="Shipment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("carrier", models.CharField(blank=True, db_default="", default="", max_length=80)),
                (
                    "tracking",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=80, verbose_name="tracking number"
                    ),
                ),
                ("actor", models.CharField(blank=True, db_default="", default="", max_length=150)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now
                    ),
                ),
            ],
            options={
                "ordering": ["order", "number"],
            },
        ),
        migrations.CreateModel(
            name="ShipmentLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity_kg", models.DecimalField(decimal_places=3, max_digits=14, verbose_name="quantity, kg")),
            ],
            options={
                "ordering": ["shipment", "line"],
            },
        ),
        migrations.AddField(
            model_name="order",
            name="net",
            field=models.DecimalField(db_default=Decimal("0"), decimal_places=2, default=Decimal("0"), max_digits=14),
        ),
        migrations.AddField(
            model_name="order",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="tax",
            field=models.DecimalField(db_default=Decimal("0"), decimal_places=2, default=Decimal("0"), max_digits=14),
        ),
        migrations.AddField(
            model_name="order",
            name="tax_note",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.AddField(
            model_name="order",
            name="tax_percent",
            field=models.DecimalField(
                db_default=Decimal("0"), decimal_places=2, default=Decimal("0"), max_digits=5, verbose_name="tax, %"
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="quantity",
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=18, null=True),
        ),
        migrations.AddField(
            model_name="orderline",
            name="quote",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="quotes.quote"
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="returned_kg",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=3,
                default=Decimal("0"),
                max_digits=14,
                verbose_name="returned, kg",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="shipped_kg",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=3,
                default=Decimal("0"),
                max_digits=14,
                verbose_name="shipped, kg",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="unit",
            field=models.CharField(db_default="kg", default="kg", max_length=24),
        ),
        migrations.AlterField(
            model_name="order",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("placed", "Placed"),
                    ("paid", "Paid"),
                    ("picking", "Picking"),
                    ("shipped", "Shipped"),
                    ("delivered", "Delivered"),
                    ("cancelled", "Cancelled"),
                    ("refunded", "Refunded"),
                ],
                db_default="draft",
                default="draft",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="orderline",
            name="warehouse",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="stock.warehouse",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "draft")), fields=("owner",), name="one_basket_per_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("shipped_kg__gte", 0), ("shipped_kg__lte", models.F("quantity_kg"))),
                name="line_ships_what_was_ordered",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("returned_kg__gte", 0), ("returned_kg__lte", models.F("shipped_kg"))),
                name="line_returns_what_was_shipped",
            ),
        ),
        migrations.AddField(
            model_name="goodsreturn",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="returns", to="orders.orderline"
            ),
        ),
        migrations.AddField(
            model_name="goodsreturn",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="returns", to="orders.order"
            ),
        ),
        migrations.AddField(
            model_name="shipment",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="shipments", to="orders.order"
            ),
        ),
        migrations.AddField(
            model_name="shipmentline",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orders.orderline"
            ),
        ),
        migrations.AddField(
            model_name="shipmentline",
            name="order",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orders.order"),
        ),
        migrations.AddField(
            model_name="shipmentline",
            name="shipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="orders.shipment"
            ),
        ),
        migrations.AddConstraint(
            model_name="goodsreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity_kg__gt", 0)), name="returned_quantity_is_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.UniqueConstraint(fields=("order", "number"), name="one_shipment_per_order_and_number"),
        ),
        migrations.AddConstraint(
            model_name="shipmentline",
            constraint=models.UniqueConstraint(fields=("shipment", "line"), name="one_quantity_per_shipment_and_line"),
        ),
        migrations.AddConstraint(
            model_name="shipmentline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity_kg__gt", 0)), name="shipped_quantity_is_positive"
            ),
        ),
        WatchTable(
            "orders",
            "order",
            columns=[*ORDER_BEFORE, "net", "tax_percent", "tax", "tax_note"],
            was=ORDER_BEFORE,
        ),
        WatchTable(
            "orders",
            "orderline",
            columns=[*LINE_BEFORE, "quantity", "unit", "shipped_kg", "returned_kg"],
            was=LINE_BEFORE,
        ),
        WatchTable("orders", "shipment", columns=["id", "order", "number", "carrier", "tracking", "at"]),
        WatchTable("orders", "shipmentline", columns=["id", "order", "shipment", "line", "quantity_kg"]),
        WatchTable("orders", "goodsreturn", columns=["id", "order", "line", "quantity_kg", "reason", "at"]),
    ]
