"""Materials get aliases, lead times, price breaks and sizes; a density may be missing."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from realtime.adapters.capture import WatchTable

BEFORE = [
    "id", "slug", "name", "category", "form", "grade", "price_per_kg", "currency", "density_kg_per_m3", "archived",
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0002_watch"),
    ]

    operations = [
        migrations.AddField(
            model_name="material",
            name="aliases",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                db_default=models.Value("{}"),
                default=list,
                help_text="comma-separated",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="material",
            name="lead_time_days",
            field=models.PositiveSmallIntegerField(db_default=15, default=15, verbose_name="lead time, working days"),
        ),
        migrations.AlterField(
            model_name="material",
            name="density_kg_per_m3",
            field=models.DecimalField(
                blank=True, decimal_places=2, max_digits=10, null=True, verbose_name="density, kg/m³"
            ),
        ),
        migrations.CreateModel(
            name="MaterialSize",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "code",
                    models.CharField(
                        max_length=24,
                        validators=[
                            django.core.validators.RegexValidator("^[0-9]+(\\.[0-9]+)?(x[0-9]+(\\.[0-9]+)?){1,2}$")
                        ],
                    ),
                ),
                (
                    "shape",
                    models.CharField(
                        choices=[
                            ("sheet", "Sheet"),
                            ("round_bar", "Round bar"),
                            ("square_bar", "Square or flat bar"),
                            ("tube", "Round tube"),
                        ],
                        max_length=12,
                    ),
                ),
                ("length_mm", models.DecimalField(decimal_places=2, max_digits=10, verbose_name="length, mm")),
                (
                    "width_mm",
                    models.DecimalField(decimal_places=2, max_digits=10, verbose_name="width or diameter, mm"),
                ),
                (
                    "height_mm",
                    models.DecimalField(
                        blank=True, decimal_places=2, max_digits=10, null=True, verbose_name="thickness or wall, mm"
                    ),
                ),
                (
                    "material",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sizes", to="catalogue.material"
                    ),
                ),
            ],
            options={
                "ordering": ["material", "code"],
                "constraints": [
                    models.UniqueConstraint(fields=("material", "code"), name="one_size_per_material_and_code"),
                    models.CheckConstraint(
                        condition=models.Q(("length_mm__gt", 0), ("width_mm__gt", 0)), name="size_has_an_extent"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("height_mm", None), ("height_mm__gt", 0), _connector="OR"),
                        name="size_has_a_height",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("shape", "round_bar"), models.Q(("height_mm", None), _negated=True), _connector="OR"
                        ),
                        name="size_is_a_body",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceBreak",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_kg", models.DecimalField(decimal_places=3, max_digits=14, verbose_name="from, kg")),
                ("discount_percent", models.DecimalField(decimal_places=2, max_digits=5, verbose_name="discount, %")),
                (
                    "material",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="price_breaks",
                        to="catalogue.material",
                    ),
                ),
            ],
            options={
                "ordering": ["material", "from_kg"],
                "constraints": [
                    models.UniqueConstraint(fields=("material", "from_kg"), name="one_price_break_per_quantity"),
                    models.CheckConstraint(
                        condition=models.Q(("from_kg__gt", 0)), name="price_break_quantity_is_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("discount_percent__gt", 0), ("discount_percent__lt", 100)),
                        name="price_break_is_a_discount",
                    ),
                ],
            },
        ),
        WatchTable("inventory", "material", columns=[*BEFORE, "lead_time_days"], was=BEFORE),
        WatchTable("inventory", "pricebreak", columns=["id", "material", "from_kg", "discount_percent"]),
        WatchTable(
            "inventory",
            "materialsize",
            columns=["id", "material", "code", "shape", "length_mm", "width_mm", "height_mm"],
        ),
    ]
