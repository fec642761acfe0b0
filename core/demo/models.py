"""The mark that tells a database of demo data from a real one."""

from django.db import models
from django.db.models.functions import Now


class DemoMark(models.Model):
    """Present in a database that holds demo data, and nothing that a real seller would miss."""

    seed = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # The constant expression is the same for every row, so there is at most one.
            models.UniqueConstraint(models.Value(1), name="one_demo_mark"),
        ]

    def __str__(self) -> str:
        return f"demo data of seed {self.seed}"
