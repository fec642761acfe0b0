"""Payments, and what the provider's messages were."""

from decimal import Decimal

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("orders", "0005_trade"),
    ]

    operations = [
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("session", models.CharField(max_length=255, unique=True, verbose_name="checkout session")),
                (
                    "intent",
                    models.CharField(
                        blank=True,
                        db_default="",
                        db_index=True,
                        default="",
                        max_length=255,
                        verbose_name="payment intent",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("failed", "Failed"),
                            ("succeeded", "Succeeded"),
                            ("refunded", "Refunded"),
                        ],
                        db_default="open",
                        default="open",
                        max_length=12,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=14)),
                ("currency", models.CharField(max_length=3)),
                (
                    "refunded",
                    models.DecimalField(db_default=Decimal("0"), decimal_places=2, default=Decimal("0"), max_digits=14),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="orders.order"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ProviderMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.CharField(max_length=255, null=True, unique=True)),
                ("kind", models.CharField(blank=True, db_default="", default="", max_length=80)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("applied", "Applied"),
                            ("ignored", "Ignored"),
                            ("unknown", "Unknown"),
                            ("forged", "Forged"),
                        ],
                        max_length=12,
                    ),
                ),
                ("detail", models.CharField(blank=True, db_default="", default="", max_length=300)),
                ("repeats", models.PositiveIntegerField(db_default=0, default=0)),
                ("digest", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("occurred_at", models.DateTimeField(null=True)),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="messages",
                        to="payments.payment",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
    ]
