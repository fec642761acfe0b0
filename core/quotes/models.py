"""Saved quotes."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.accounts.models import Customer
from core.catalogue.models import Material


class Quote(models.Model):
    """A price for so much of one material that is kept for a customer until `valid_until`; never changed but to use it.

    `quantity` and `unit` are what was asked for, `quantity_kg` what it weighs; `net` is `quantity_kg` at
    `unit_price` (per kg), `total` with `tax`. `used_at` is when it was ordered from: a quote is good for one order.
    `archived` quotes have left the live list.
    """

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="quotes")
    material = models.ForeignKey(Material, models.PROTECT, related_name="+")
    material_name = models.CharField(max_length=120, default="", db_default="")
    material_slug = models.CharField(max_length=80, default="", db_default="")
    quantity = models.DecimalField(max_digits=18, decimal_places=6)
    unit = models.CharField(max_length=24)
    quantity_kg = models.DecimalField("quantity, kg", max_digits=14, decimal_places=3)
    unit_price = models.DecimalField("price per kg", max_digits=12, decimal_places=4)
    net = models.DecimalField(max_digits=14, decimal_places=2)
    tax_percent = models.DecimalField("tax, %", max_digits=5, decimal_places=2)
    tax = models.DecimalField(max_digits=14, decimal_places=2)
    total = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    valid_until = models.DateTimeField()
    created_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)
    archived = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["customer"], condition=models.Q(archived=False), name="quote_live_by_customer")]
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity_kg__gt=0), name="quote_quantity_is_positive"),
            models.CheckConstraint(condition=models.Q(unit_price__gt=0), name="quote_price_is_positive"),
        ]

    def __str__(self) -> str:
        return self.number
