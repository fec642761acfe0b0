"""`manage.py trade`: simulate live trade on the demo's data."""

import signal
from argparse import ArgumentParser, ArgumentTypeError
from random import Random
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from core.demo.mark import require_mark
from core.demo.trading.trader import Trader


def positive(text: str) -> float:
    """Return a positive number of the command line."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a positive number")
    return number


class Command(BaseCommand):
    """Trade until SIGTERM or SIGINT, or for some seconds."""

    help = "Simulate receipts, sales, price moves and the progress of orders on the demo's data."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the rate and the duration."""
        parser.add_argument("--rate", type=positive, default=5.0, help="actions a second (default: 5)")
        parser.add_argument("--seconds", type=positive, default=None, help="how long (default: until SIGTERM)")
        parser.add_argument("--seed", type=int, default=None, help="the same one makes the same choices")

    def handle(self, *_: Any, **options: Any) -> None:
        """Trade, and say what was done."""
        require_mark()
        trader = Trader(rate=options["rate"], stop=Event(), random=Random(options["seed"]))  # noqa: S311 - play money
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: trader.stop.set())
        self.stdout.write(f"Trading: {options['rate']:g} actions a second.")
        trader.run(options["seconds"])
        self.stdout.write(f"Traded: {trader.actions} actions, {trader.outages} outages.")
