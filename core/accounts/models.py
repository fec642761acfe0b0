"""Users and the customers that they buy for."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Customer(models.Model):
    """A company that buys."""

    name = models.CharField(max_length=120, unique=True)
    city = models.CharField(max_length=80, blank=True, default="", db_default="")
    country = models.CharField("country code", max_length=2, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in: staff (`is_staff`, with roles as groups), or one who buys for a customer."""

    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True, related_name="users")
