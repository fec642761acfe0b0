"""Users, the customers that they buy for, and the keys of tools."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Customer(models.Model):
    """A company that buys. Its country and VAT number decide its tax: `core.quotes.tax`."""

    name = models.CharField(max_length=120, unique=True)
    city = models.CharField(max_length=80, blank=True, default="", db_default="")
    country = models.CharField("country code", max_length=2, blank=True, default="", db_default="")
    vat_number = models.CharField("VAT number", max_length=20, blank=True, default="", db_default="")
    address = models.TextField("billing address", max_length=400, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in: staff (`is_staff`, with roles as groups), or one who buys for a customer."""

    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True, related_name="users")


class ApiKey(models.Model):
    """What a tool shows instead of a password; of its token only `prefix` and the SHA-256 are kept.

    `last_used_at` is right to the minute. A revoked key stays, so that one can see that there was one.
    """

    NAME_LENGTH = 80

    name = models.CharField(max_length=NAME_LENGTH)
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField("SHA-256 of the token", max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["name", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(revoked_at=None), name="one_key_in_force_per_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
