"""Orders, what they contain, and what happened to them."""

from decimal import Decimal

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.accounts.models import Customer, User
from core.catalogue.models import Material
from core.quotes.models import Quote
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
    REFUNDED = "refunded"


class Order(models.Model):
    """What a customer bought at one time; as a draft, the basket of its `owner`.

    `total` is what has to be paid: `net` and the `tax` on it, at `tax_percent`. The customer's name is kept as it was
    then. `status_since` is written by a trigger of the table whenever anything changes the status. `archived` orders
    have left the live lists, which would grow for ever otherwise.
    """

    number = models.CharField(max_length=20, unique=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT, db_default=Status.DRAFT)
    status_since = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    customer_name = models.CharField(max_length=120, default="", db_default="")
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    net = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0), db_default=Decimal(0))
    tax_percent = models.DecimalField(
        "tax, %", max_digits=5, decimal_places=2, default=Decimal(0), db_default=Decimal(0)
    )
    tax = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0), db_default=Decimal(0))
    tax_note = models.CharField(max_length=120, blank=True, default="", db_default="")
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
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=models.Q(status=Status.DRAFT), name="one_basket_per_person"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    """So much of one material, out of one warehouse, at the price of the day or of a quote.

    `quantity` and `unit` are what the customer wrote: a unit's code, or that of one of the material's sizes;
    `quantity_kg` is what it weighs. A basket's lines have no warehouse yet, and their prices are those of the day
    on which they were put in. Of a line, `shipped_kg` has left the warehouse and `returned_kg` has come back.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    material = models.ForeignKey(Material, models.PROTECT, related_name="+")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, null=True, blank=True, related_name="+")
    quote = models.ForeignKey(Quote, models.SET_NULL, null=True, blank=True, related_name="+")
    material_name = models.CharField(max_length=120, default="", db_default="")
    material_slug = models.CharField(max_length=80, default="", db_default="")
    quantity = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    unit = models.CharField(max_length=24, default="kg", db_default="kg")
    quantity_kg = models.DecimalField("quantity, kg", max_digits=14, decimal_places=3)
    shipped_kg = models.DecimalField(
        "shipped, kg", max_digits=14, decimal_places=3, default=Decimal(0), db_default=Decimal(0)
    )
    returned_kg = models.DecimalField(
        "returned, kg", max_digits=14, decimal_places=3, default=Decimal(0), db_default=Decimal(0)
    )
    unit_price = models.DecimalField("price per kg", max_digits=12, decimal_places=4)
    total = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="one_line_per_order_and_position"),
            models.CheckConstraint(condition=models.Q(quantity_kg__gt=0), name="line_quantity_is_positive"),
            models.CheckConstraint(
                condition=models.Q(shipped_kg__gte=0, shipped_kg__lte=models.F("quantity_kg")),
                name="line_ships_what_was_ordered",
            ),
            models.CheckConstraint(
                condition=models.Q(returned_kg__gte=0, returned_kg__lte=models.F("shipped_kg")),
                name="line_returns_what_was_shipped",
            ),
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


class Shipment(models.Model):
    """Goods of an order that left together; `number` counts the order's shipments from 1."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="shipments")
    number = models.PositiveSmallIntegerField()
    carrier = models.CharField(max_length=80, blank=True, default="", db_default="")
    tracking = models.CharField("tracking number", max_length=80, blank=True, default="", db_default="")
    actor = models.CharField(max_length=150, blank=True, default="", db_default="")
    at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        ordering = ["order", "number"]
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="one_shipment_per_order_and_number")]

    def __str__(self) -> str:
        return f"{self.order} / {self.number}"


class ShipmentLine(models.Model):
    """What of an order's line went with a shipment. The order is named again, for topics filter by it."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="+")
    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="lines")
    line = models.ForeignKey(OrderLine, models.CASCADE, related_name="+")
    quantity_kg = models.DecimalField("quantity, kg", max_digits=14, decimal_places=3)

    class Meta:
        ordering = ["shipment", "line"]
        constraints = [
            models.UniqueConstraint(fields=["shipment", "line"], name="one_quantity_per_shipment_and_line"),
            models.CheckConstraint(condition=models.Q(quantity_kg__gt=0), name="shipped_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity_kg} kg of {self.line}"


class GoodsReturn(models.Model):
    """Goods of a line that came back; `restocked` ones lie in the line's warehouse again."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="returns")
    line = models.ForeignKey(OrderLine, models.CASCADE, related_name="returns")
    quantity_kg = models.DecimalField("quantity, kg", max_digits=14, decimal_places=3)
    restocked = models.BooleanField()
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    actor = models.CharField(max_length=150, blank=True, default="", db_default="")
    at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity_kg__gt=0), name="returned_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity_kg} kg of {self.line}"
