"""The writer of the latency benchmark, a process of its own: `python -m bench.writer RATE SECONDS FIRST`.

Saves a material's price RATE times a second for SECONDS; with RATE 0 it writes eight times, each after
SECONDS without a write. Prints, as JSON, when each commit was acknowledged (monotonic seconds) by its price.
"""

import json
import sys
import time
from decimal import Decimal

import django


def main(rate: float, seconds: float, first: int) -> None:
    """Write and print."""
    django.setup()
    from django.db.models.signals import post_save

    from core.catalogue.models import Material

    materials = list(Material.objects.order_by("pk")[:50])
    acknowledged: dict[str, float] = {}

    def acknowledge(sender: object, instance: Material, **kwargs: object) -> None:
        acknowledged[str(instance.price_per_kg)] = time.monotonic()

    # Saved in autocommit mode: by the time of post_save the row is committed.
    post_save.connect(acknowledge, sender=Material)
    count = int(rate * seconds) if rate else 8
    gap = 1 / rate if rate else seconds
    start = time.monotonic() + (0 if rate else gap)
    for number in range(count):
        time.sleep(max(0.0, start + number * gap - time.monotonic()))
        material = materials[number % len(materials)]
        material.price_per_kg = Decimal(first + number).scaleb(-4)
        material.save(update_fields=["price_per_kg"])
    json.dump(acknowledged, sys.stdout)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
