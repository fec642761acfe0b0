"""Orders, what they contain, and what happened to them."""

from decimal import Decimal

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.accounts.models import Customer
from core.catalogue.models import Material
from core.stock.models import Warehouse


class Status(models.TextChoices):
    """How far an order has come."""

    DRAFT = "draft"
    PLACED = "placed"
    PAID = "paid"
    PICKING = "picking"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Order(models.Model):
    """What a customer bought at one time.

    The customer's name is kept as it was then. `status_since` is written by a trigger of the table whenever
    anything changes the status. `archived` orders have left the live lists, which would grow for ever otherwise.
    """

    number = models.CharField(max_length=20, unique=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT, db_default=Status.DRAFT)
    status_since = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    customer_name = models.CharField(max_length=120, default="", db_default="")
    total = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0), db_default=Decimal(0))
    currency = models.CharField(max_length=3, default="EUR", db_default="EUR")
    placed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    promised_at = models.DateTimeField(null=True, blank=True)
    archived = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status"], condition=models.Q(archived=False), name="order_live_by_status"),
            models.Index(fields=["customer", "-id"], name="order_by_customer"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    """So many kilograms of one material, out of one warehouse, at the price of the day."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    material = models.ForeignKey(Material, models.PROTECT, related_name="+")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, related_name="+")
    material_name = models.CharField(max_length=120, default="", db_default="")
    material_slug = models.CharField(max_length=80, default="", db_default="")
    quantity_kg = models.DecimalField("quantity, kg", max_digits=14, decimal_places=3)
    unit_price = models.DecimalField("price per kg", max_digits=12, decimal_places=4)
    total = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="one_line_per_order_and_position"),
            models.CheckConstraint(condition=models.Q(quantity_kg__gt=0), name="line_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity_kg} kg {self.material_name}"


class OrderEvent(models.Model):
    """Something that happened to an order; never changed afterwards."""

    LONGEST_MESSAGE = 300

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20)
    message = models.CharField(max_length=LONGEST_MESSAGE, blank=True, default="", db_default="")
    actor = models.CharField(max_length=150, blank=True, default="", db_default="")
    at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return f"{self.kind} of {self.order_id}"
