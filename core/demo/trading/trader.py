"""The loop of the demo's trade: one action after another, at a rate, whatever happens to the database."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Event

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from core.demo.mark import require_mark
from core.demo.trading import purchasing, selling
from core.errors import ShopError

Action = Callable[[Random], bool]
"""Does one thing to the tables and tells whether there was anything to do."""

WEIGHTS: dict[Action, int] = {
    selling.move_on: 38,
    selling.sell: 10,
    selling.postpone: 3,
    selling.archive_old: 3,
    purchasing.receive_goods: 14,
    purchasing.count_shelves: 8,
    purchasing.move_between_warehouses: 3,
    purchasing.move_price: 14,
    purchasing.move_market: 2,
}

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
BEHIND_SECONDS = 1.0
"""What is missed beyond this is not made up for: trade after an outage goes on, it does not burst."""

log = structlog.get_logger(__name__)


@dataclass
class Trader:
    """Trades until it is told to stop, or for some seconds."""

    rate: float
    stop: Event
    random: Random = field(default_factory=Random)
    clock: Callable[[], float] = time.monotonic
    actions: int = 0
    outages: int = 0

    def run(self, seconds: float | None = None) -> None:
        """Trade at `rate` actions a second, in a database that carries the mark.

        Raises CommandError when one without it turns up behind the same address.
        """
        started = due = self.clock()
        while not self.stop.is_set():
            now = self.clock()
            if seconds is not None and now - started >= seconds:
                return
            if now < due:
                self.stop.wait(due - now)
                continue
            due = max(due, now - BEHIND_SECONDS) + 1 / self.rate
            self._survive(self._act)

    def _act(self) -> None:
        for action in self._deck():
            try:
                if action(self.random):
                    self.actions += 1
                    return
            except (ShopError, IntegrityError, ObjectDoesNotExist) as error:
                # Someone else was faster, or took a row away by hand: that is what a shop is like.
                log.debug("an action came to nothing", action=action.__name__, error=str(error))

    def _deck(self) -> Sequence[Action]:
        """Return actions in the order to try them: one by weight, then the others until one finds something to do."""
        first = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        others = [action for action in WEIGHTS if action is not first]
        self.random.shuffle(others)
        return [first, *others]

    def _survive(self, act: Callable[[], None]) -> None:
        """Do something, again and again with longer pauses while the database is out of reach."""
        pause = FIRST_PAUSE_SECONDS
        done = False
        while not (done or self.stop.is_set()):
            try:
                act()
                done = True
            except (OperationalError, InterfaceError) as error:
                self.outages += 1
                log.warning("the database failed, trade waits", pause_seconds=pause, error=str(error).splitlines()[0])
                connection.close()
                self.stop.wait(pause * self.random.uniform(0.5, 1))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                act = self._act_where_marked  # whatever answers next may be another database

    def _act_where_marked(self) -> None:
        require_mark()
        self._act()
