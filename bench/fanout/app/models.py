"""Two tables of the same columns."""

from django.db import models


class Columns(models.Model):
    """A number, when it was written (CLOCK_MONOTONIC, nanoseconds), and what makes the message 200 bytes long.

    `key` names the topic that shows the row; -1 is the one of everybody.
    """

    key = models.IntegerField(db_index=True)
    n = models.BigIntegerField()
    t = models.BigIntegerField()
    text = models.TextField()

    class Meta:
        abstract = True


class Tick(Columns):
    """Watched: its changes are Tideline's."""


class NaiveTick(Columns):
    """Saved by the naive way; nothing watches it."""
