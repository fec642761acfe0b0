"""Customers have a billing address and a VAT number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_api_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="address",
            field=models.TextField(
                blank=True, db_default="", default="", max_length=400, verbose_name="billing address"
            ),
        ),
        migrations.AddField(
            model_name="customer",
            name="vat_number",
            field=models.CharField(blank=True, db_default="", default="", max_length=20, verbose_name="VAT number"),
        ),
    ]
