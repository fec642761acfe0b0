"""Warehouses, how much of each material lies in them, and the journal of what people did to that."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from core.catalogue.models import Material

RESERVED_CODES = frozenset({"movements"})
"""Second words of topics: `stock/movements` is the journal, so no warehouse of that code could be watched."""


def validate_code(code: str) -> None:
    """Refuse a code under which the warehouse's own topic, `stock/<code>`, would be out of reach."""
    if code in RESERVED_CODES:
        raise ValidationError(
            "“%(code)s” can't be a warehouse's code: the topic stock/%(code)s shows something else. Choose another.",
            code="reserved",
            params={"code": code},
        )


class Warehouse(models.Model):
    """A place where material lies."""

    code = models.CharField(max_length=12, unique=True, validators=[validate_code])
    name = models.CharField(max_length=80, default="", db_default="")
    city = models.CharField(max_length=80, default="", db_default="")
    dispatch_days = models.PositiveSmallIntegerField("dispatch, working days", default=1, db_default=1)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name or self.code


class StockLevel(models.Model):
    """Kilograms of one material in one warehouse.

    `reserved` of what is `on_hand` belongs to orders that were placed and have not been shipped. Services
    never reserve more than there is; plain SQL may, and stock that got lost may leave less than is reserved.
    """

    material = models.ForeignKey(Material, models.PROTECT, related_name="stock_levels")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, related_name="stock_levels")
    on_hand = models.DecimalField(
        "on hand, kg", max_digits=14, decimal_places=3, default=Decimal(0), db_default=Decimal(0)
    )
    reserved = models.DecimalField(
        "reserved, kg", max_digits=14, decimal_places=3, default=Decimal(0), db_default=Decimal(0)
    )
    reorder_below = models.DecimalField(
        "reorder below, kg", max_digits=14, decimal_places=3, default=Decimal(0), db_default=Decimal(0)
    )
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        ordering = ["warehouse", "material"]
        constraints = [
            models.UniqueConstraint(fields=["material", "warehouse"], name="one_level_per_material_and_warehouse"),
            models.CheckConstraint(condition=models.Q(on_hand__gte=0), name="on_hand_is_not_negative"),
            models.CheckConstraint(condition=models.Q(reserved__gte=0), name="reserved_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.material} in {self.warehouse}"

    @property
    def available(self) -> Decimal:
        """What may still be promised, in kg."""
        return self.on_hand - self.reserved


class Movement(models.TextChoices):
    """What someone did to a stock level."""

    RECEIVED = "received"
    COUNTED = "counted"
    TRANSFERRED_IN = "transferred_in"
    TRANSFERRED_OUT = "transferred_out"
    THRESHOLD = "threshold"
    SHIPPED = "shipped"


class StockMovement(models.Model):
    """One thing that was done to a stock level by a service: why, and by whom.

    Services alone write these, in the transaction that changes the level; plain SQL that changes a level leaves
    none. `at` is the level's `updated_at` as that transaction left it, so that a change of a level and its
    movement can be told to belong together. The journal outlives what it names: its keys are no constraints.
    """

    level = models.ForeignKey(
        StockLevel, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="movements"
    )
    material = models.ForeignKey(Material, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    warehouse = models.ForeignKey(Warehouse, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    kind = models.CharField(max_length=16, choices=Movement.choices)
    quantity_kg = models.DecimalField("on hand changed by, kg", max_digits=14, decimal_places=3)
    on_hand_after = models.DecimalField("on hand after it, kg", max_digits=14, decimal_places=3)
    reorder_below_after = models.DecimalField("reorder below after it, kg", max_digits=14, decimal_places=3)
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    actor = models.CharField(max_length=150)
    at = models.DateTimeField()
    recent = models.BooleanField(default=True, db_default=True, editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=models.Q(recent=True), name="stock_movement_recent")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.quantity_kg} kg by {self.actor}"
