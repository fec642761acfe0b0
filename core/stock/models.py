"""Warehouses, and how much of each material lies in them."""

from decimal import Decimal

from django.db import models
from django.db.models.functions import Now

from core.catalogue.models import Material


class Warehouse(models.Model):
    """A place where material lies."""

    code = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=80, default="", db_default="")
    city = models.CharField(max_length=80, default="", db_default="")

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
