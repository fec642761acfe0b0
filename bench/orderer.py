"""Places orders through the service: `python -m bench.orderer THREADS SECONDS NUMBER`; prints orders per second."""

import json
import random
import sys
import threading
import time
from decimal import Decimal

import django


def main(threads: int, seconds: float, number: int) -> None:
    """Place orders of two lines in so many threads for so long, and print the rate."""
    django.setup()
    from core.accounts.models import Customer
    from core.orders.services.placing import place_order
    from core.stock.models import StockLevel
    from core.stock.services import Wanted

    customers = list(Customer.objects.all())
    levels = list(StockLevel.objects.filter(warehouse__city="Bench").select_related("material", "warehouse")[:2000])
    placed = [0] * threads
    deadline = time.monotonic() + seconds

    def work(slot: int) -> None:
        draw = random.Random(number * 1000 + slot)
        while time.monotonic() < deadline:
            wanted = [Wanted(level.material, Decimal("0.001"), level.warehouse) for level in draw.sample(levels, 2)]
            place_order(draw.choice(customers), wanted, actor="bench")
            placed[slot] += 1

    workers = [threading.Thread(target=work, args=(slot,)) for slot in range(threads)]
    start = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    json.dump(sum(placed) / (time.monotonic() - start), sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
