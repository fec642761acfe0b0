"""Payments, and the provider's messages about them. No data of cards is ever kept: the provider has it."""

from decimal import Decimal

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.orders.models import Order


class PaymentState(models.TextChoices):
    """How far a payment has come, by what the provider said."""

    OPEN = "open"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    REFUNDED = "refunded"


class Payment(models.Model):
    """Money for an order, as the provider knows it.

    `session` is the provider's id of the page on which it is paid, `intent` that of the payment itself (empty
    until the provider has named it), `refunded` what was given back.
    """

    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    session = models.CharField("checkout session", max_length=255, unique=True)
    intent = models.CharField("payment intent", max_length=255, blank=True, default="", db_default="", db_index=True)
    state = models.CharField(
        max_length=12, choices=PaymentState, default=PaymentState.OPEN, db_default=PaymentState.OPEN
    )
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    refunded = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0), db_default=Decimal(0))
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.currency} {self.amount} for {self.order}"


class Outcome(models.TextChoices):
    """What became of a message."""

    APPLIED = "applied"
    IGNORED = "ignored"
    UNKNOWN = "unknown"
    FORGED = "forged"


class ProviderMessage(models.Model):
    """A message that came to the webhook, whoever sent it: what it was, and what became of it.

    `event` is the provider's id of it, once each; null for a forged one, of which nothing is believed. Of the
    message itself nothing is kept but its SHA-256.
    """

    event = models.CharField(max_length=255, unique=True, null=True)
    kind = models.CharField(max_length=80, blank=True, default="", db_default="")
    payment = models.ForeignKey(Payment, models.SET_NULL, null=True, related_name="messages")
    outcome = models.CharField(max_length=12, choices=Outcome)
    detail = models.CharField(max_length=300, blank=True, default="", db_default="")
    repeats = models.PositiveIntegerField(default=0, db_default=0)
    digest = models.CharField("SHA-256", max_length=64)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind or 'message'}, {self.outcome}"
