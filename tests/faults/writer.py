"""A process of writers, which may be killed at any moment: `-m tests.faults.writer NUMBER SEED JOURNAL CUSTOMERS`.

It writes until stdin ends, and obeys lines:

    rate R    about so many row changes a second, of all its threads together; it begins with 0
    pause     answered by `paused` once no transaction is open and all outcomes are journaled
    resume    go on
    hold      answered by `holding` when a transaction has written its rows, and waits; nothing is committed

An outage of PostgreSQL ends a transaction, not the writer: it connects anew.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import django
import psycopg
from django.db import Error, connection, transaction
from django.db.backends.signals import connection_created

from tests.faults.hand import Hand, Keys
from tests.faults.journal import Outcome, Pen

THREADS = 3

AFTER_FAILURE_SECONDS = 0.05

STRIKE_SECONDS = 0.25
"""So often all threads of all processes want the same row at once: who gets it first is left to chance."""

SETTINGS = "SET lock_timeout = '2s'; SET deadlock_timeout = '100ms'"

UNDONE = "-undone"
"""At the end of the token of what a savepoint takes back: it must be seen nowhere."""


class Writers:
    """The threads of one process."""

    def __init__(self, number: int, seed: int, pen: Pen, customers: list[int]) -> None:
        self.rate = 0.0
        deeds = import_module("tests.faults.deeds")
        self._deeds: dict[Callable[[Hand], None], int] = deeds.DEEDS
        self._queue_up: Callable[[Hand], None] = deeds.queue_up
        self._number = number
        self._seed = seed
        self._pen = pen
        self._customers = customers
        self._keys = Keys(number)
        self._tokens = count(1)
        self._turn = threading.Condition()
        self._going = False
        self._idle = 0
        self._hold = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[index], daemon=True) for index in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def obey(self, line: str) -> str | None:
        """Do what a line says; return the answer."""
        match line.split():
            case ["rate", rate]:
                with self._turn:
                    self.rate = float(rate)
                    self._turn.notify_all()
            case ["resume"]:
                with self._turn:
                    self._going = True
                    self._turn.notify_all()
            case ["pause"]:
                with self._turn:
                    self._going = False
                    self._turn.wait_for(lambda: self._idle == THREADS)
                return "paused"
            case ["hold"]:
                self._hold.set()
        return None

    def _run(self, index: int) -> None:
        random = Random(f"{self._seed} {self._number} {index}")
        strike = 0.0
        while True:
            self._wait_for_turn()
            began = time.monotonic()
            struck, strike = strike, began // STRIKE_SECONDS
            changes = self._transact(random, together=strike > struck)
            pause = random.expovariate(self.rate / THREADS / max(changes, 1)) + began - time.monotonic()
            time.sleep(max(0.0, min(pause, (strike + 1) * STRIKE_SECONDS - time.monotonic())))

    def _wait_for_turn(self) -> None:
        with self._turn:
            self._idle += 1
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._going and self.rate)
            self._idle -= 1

    def _transact(self, random: Random, *, together: bool) -> int:
        """Write one transaction of one to three deeds, or what all do together; return how many rows it changed."""
        token = f"{self._number}-{next(self._tokens)}"
        hand = Hand(token, self._keys, self._customers, random)
        outcome = Outcome.ROLLED_BACK
        try:
            with transaction.atomic():
                for deed in [self._queue_up] if together else self._choose(random):
                    if random.random() < 0.1:
                        self._write_and_undo(deed, hand)
                    with self._kept(hand):
                        deed(hand)
                if self._hold.is_set():
                    self._wait_to_be_killed()
                if random.random() < 0.07:
                    transaction.set_rollback(True)
                else:
                    self._pen.sent(token, hand.written)
                    outcome = Outcome.UNKNOWN
            if outcome is Outcome.UNKNOWN:
                outcome = Outcome.COMMITTED
        except (Error, psycopg.Error):  # the second from COPY
            with contextlib.suppress(Error):
                connection.close()
            time.sleep(AFTER_FAILURE_SECONDS)
        self._pen.ended(token, outcome)
        return len(hand.written)

    def _choose(self, random: Random) -> list[Callable[[Hand], None]]:
        return random.choices(list(self._deeds), list(self._deeds.values()), k=random.choice((1, 1, 2, 3)))

    @contextlib.contextmanager
    def _kept(self, hand: Hand) -> Iterator[None]:
        """Put every other deed into a savepoint that is kept."""
        if hand.random.random() < 0.5:
            yield
            return
        with transaction.atomic():
            yield

    def _write_and_undo(self, deed: Callable[[Hand], None], hand: Hand) -> None:
        """Do a deed in a savepoint that is rolled back."""
        other = Hand(hand.token + UNDONE, hand.keys, hand.customers, hand.random)
        with transaction.atomic():
            deed(other)
            transaction.set_rollback(True)

    def _wait_to_be_killed(self) -> None:
        print("holding", flush=True)
        threading.Event().wait()


def prepare(connection: Any, **_: Any) -> None:
    """Set what a session of a writer has."""
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)


def main(number: str, seed: str, path: str, customers: str) -> None:
    """Write and obey."""
    django.setup()
    connection_created.connect(prepare)
    writers = Writers(int(number), int(seed), Pen(Path(path)), json.loads(customers))
    print("ready", flush=True)
    for line in sys.stdin:
        if answer := writers.obey(line):
            print(answer, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
