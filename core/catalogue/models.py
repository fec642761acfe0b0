"""Materials: what is sold, by the kilogram, what less it costs in quantity, and the sizes that it comes in."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q, Value


class Material(models.Model):
    """A material in one form and grade, priced per kilogram.

    Without a density it is sold by weight alone. `aliases` are other words that people search it by;
    `lead_time_days` (working days) is how long it takes to come from the mill when it has run out. Columns that a
    plain `INSERT` may leave out have their default in the database.
    """

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120, default="", db_default="")
    category = models.CharField(max_length=40, db_index=True, default="", db_default="")
    form = models.CharField(max_length=40, blank=True, default="", db_default="")
    grade = models.CharField(max_length=40, blank=True, default="", db_default="")
    price_per_kg = models.DecimalField(max_digits=12, decimal_places=4)
    currency = models.CharField(max_length=3, default="EUR", db_default="EUR")
    density_kg_per_m3 = models.DecimalField("density, kg/m³", max_digits=10, decimal_places=2, null=True, blank=True)
    aliases = ArrayField(
        models.CharField(max_length=60), default=list, db_default=Value("{}"), blank=True, help_text="comma-separated"
    )
    lead_time_days = models.PositiveSmallIntegerField("lead time, working days", default=15, db_default=15)
    archived = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["category", "name"]
        constraints = [
            models.CheckConstraint(condition=Q(price_per_kg__gt=0), name="material_price_is_positive"),
            models.CheckConstraint(condition=Q(density_kg_per_m3__gt=0), name="material_density_is_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class PriceBreak(models.Model):
    """From so many kilograms of a material on, each costs so many percent less; the largest one reached counts."""

    material = models.ForeignKey(Material, models.CASCADE, related_name="price_breaks")
    from_kg = models.DecimalField("from, kg", max_digits=14, decimal_places=3)
    discount_percent = models.DecimalField("discount, %", max_digits=5, decimal_places=2)

    class Meta:
        ordering = ["material", "from_kg"]
        constraints = [
            models.UniqueConstraint(fields=["material", "from_kg"], name="one_price_break_per_quantity"),
            models.CheckConstraint(condition=Q(from_kg__gt=0), name="price_break_quantity_is_positive"),
            models.CheckConstraint(
                condition=Q(discount_percent__gt=0, discount_percent__lt=100), name="price_break_is_a_discount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.discount_percent} % off {self.material} from {self.from_kg} kg"


class Shape(models.TextChoices):
    """What a piece looks like, and so how its volume follows from its dimensions."""

    SHEET = "sheet", "Sheet"  # length x width x height
    ROUND_BAR = "round_bar", "Round bar"  # length x diameter (width)
    SQUARE_BAR = "square_bar", "Square or flat bar"  # length x width x height
    TUBE = "tube", "Round tube"  # length x outer diameter (width) x wall (height)


class MaterialSize(models.Model):
    """A size in which a material is sold by the piece; dimensions in mm, of a `Shape`.

    What a piece weighs follows from them and the material's density. `code`, such as `2000x1000x10`, stands for the
    unit wherever a quantity has one; it is never one of the units' codes.
    """

    material = models.ForeignKey(Material, models.CASCADE, related_name="sizes")
    code = models.CharField(max_length=24, validators=[RegexValidator(r"^[0-9]+(\.[0-9]+)?(x[0-9]+(\.[0-9]+)?){1,2}$")])
    shape = models.CharField(max_length=12, choices=Shape)
    length_mm = models.DecimalField("length, mm", max_digits=10, decimal_places=2)
    width_mm = models.DecimalField("width or diameter, mm", max_digits=10, decimal_places=2)
    height_mm = models.DecimalField("thickness or wall, mm", max_digits=10, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["material", "code"]
        constraints = [
            models.UniqueConstraint(fields=["material", "code"], name="one_size_per_material_and_code"),
            models.CheckConstraint(condition=Q(length_mm__gt=0, width_mm__gt=0), name="size_has_an_extent"),
            models.CheckConstraint(condition=Q(height_mm=None) | Q(height_mm__gt=0), name="size_has_a_height"),
            models.CheckConstraint(condition=Q(shape=Shape.ROUND_BAR) | ~Q(height_mm=None), name="size_is_a_body"),
        ]

    def __str__(self) -> str:
        return f"{self.material}, {self.code}"
