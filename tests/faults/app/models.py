"""The tables. Whoever writes a row sets its version one higher and its token to the transaction's.

Keys are never used again.
What belongs to a customer carries a canary, `canary-of-<customer>-…`: it must never stand in a frame to anybody else.
"""

from django.db import models
from django.db.models.functions import Cast

from core.accounts.models import Customer


def transaction_number() -> Cast:
    """PostgreSQL's number of the transaction: later ones have higher numbers, whatever the clock says."""
    number = models.Func(function="pg_current_xact_id", output_field=models.TextField())
    return Cast(Cast(number, models.TextField()), models.BigIntegerField())


class Counted(models.Model):
    """A row with a key that the writer chose, how often it has been written, and by which transaction last."""

    id = models.BigIntegerField(primary_key=True)
    version = models.IntegerField()
    token = models.CharField(max_length=40)

    class Meta:
        abstract = True


class Item(Counted):
    """Belongs to a customer, and moves between them."""

    owner = models.ForeignKey(Customer, models.CASCADE)
    owner_id: int
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    canary = models.CharField(max_length=60)


class Doc(Counted):
    """The row that the permission of `proof/doc/<id>` rests on; is reassigned between customers."""

    owner = models.ForeignKey(Customer, models.CASCADE)
    owner_id: int


class Line(Counted):
    """A line of a document. PostgreSQL deletes it with the document, and rewrites it where its amount is negative."""

    owner = models.ForeignKey(Customer, models.CASCADE)
    owner_id: int
    doc = models.ForeignKey(Doc, models.DO_NOTHING, db_constraint=False)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    canary = models.CharField(max_length=60)


class Event(Counted):
    """Something that happened to a customer: written once, and never merged away. By `turn`, old ones are put away."""

    owner = models.ForeignKey(Customer, models.CASCADE)
    owner_id: int
    text = models.CharField(max_length=60)
    turn = models.BigIntegerField(db_default=transaction_number())


class Bulk(Counted):
    """Rows by the hundred thousand, which no topic shows."""
