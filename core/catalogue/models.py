"""Materials: what is sold, by the kilogram."""

from django.db import models


class Material(models.Model):
    """A material in one form and grade, priced per kilogram.

    Columns that a plain `INSERT` may leave out have their default in the database.
    """

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120, default="", db_default="")
    category = models.CharField(max_length=40, db_index=True, default="", db_default="")
    form = models.CharField(max_length=40, blank=True, default="", db_default="")
    grade = models.CharField(max_length=40, blank=True, default="", db_default="")
    price_per_kg = models.DecimalField(max_digits=12, decimal_places=4)
    currency = models.CharField(max_length=3, default="EUR", db_default="EUR")
    density_kg_per_m3 = models.DecimalField("density, kg/m³", max_digits=10, decimal_places=2)
    archived = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["category", "name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(price_per_kg__gt=0), name="material_price_is_positive"),
            models.CheckConstraint(condition=models.Q(density_kg_per_m3__gt=0), name="material_density_is_positive"),
        ]

    def __str__(self) -> str:
        return self.name
