"""The processes of writers, and the special writes, which the harness makes itself; all of them journaled.

Restores: pause, `copied()` when the copy is made; pause, `restored()` when it has been put back. What was written in
between belongs to a dead branch.
"""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from tests.faults import specials
from tests.faults.hand import Hand, Keys
from tests.faults.images import RowId
from tests.faults.journal import Journal, Outcome, Pen, Reader
from tests.faults.place import Place
from tests.support.processes import CHECKOUT

PROCESSES = 2
PATIENCE_SECONDS = 120.0
"""A writer may be waiting for a PostgreSQL that is stopped."""

NUMBERS = count(1)
"""Of writers: never the same twice while this process lives, whatever is restored, for keys rest on them."""

Work = Callable[[Hand, "psycopg.Connection[Any]"], None]


@dataclass(frozen=True, slots=True)
class Mark:
    """One small change that every topic shows: an event of each customer, and the documents' versions by their ids."""

    token: str
    at: float
    events: frozenset[str]
    docs: Mapping[str, int]

    def reached(self, topic: str, rows: Mapping[RowId, int | None]) -> bool:
        """Tell whether these rows of a topic can't be older than the mark."""
        if topic.startswith("proof/doc/"):
            key = topic.rpartition("/")[2]
            return (rows.get(("doc", key)) or 0) >= self.docs.get(key, 0)
        return any(("event", key) in rows for key in self.events)


class WriterProcess:
    """One process of writers."""

    def __init__(self, place: Place, seed: int, folder: Path, customers: list[int]) -> None:
        number = next(NUMBERS)
        journal = folder / f"journal-{number}.jsonl"
        arguments = [str(number), str(seed), str(journal), json.dumps(customers)]
        with (folder / f"writer-{number}.log").open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.writer", *arguments], cwd=CHECKOUT, env=dict(place.environment()),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name=f"writer-{number}", daemon=True).start()
        self.expect("ready")

    def say(self, *lines: str) -> None:
        """Send commands."""
        assert self.popen.stdin is not None
        for line in lines:
            self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def expect(self, answer: str) -> None:
        """Wait for an answer."""
        found = self._answers.get(timeout=PATIENCE_SECONDS)
        assert found == answer, f"a writer said {found!r}, not {answer!r}"

    def kill(self) -> None:
        """Kill it with -9."""
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdin is not None and self.popen.stdout is not None
        self.popen.stdin.close()

    def _listen(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as lines:
            for line in lines:
                self._answers.put(line.strip())
        self._answers.put("ended")


class Writers:
    """Everybody who writes to the stage's database. Blocking: call it from a thread of its own."""

    def __init__(self, place: Place, seed: int, folder: Path) -> None:
        self.branch = 0
        self._place = place
        self._seed = seed
        self._folder = folder
        self._reader = Reader(folder)
        self._number = next(NUMBERS)
        self._keys = Keys(self._number)
        self._tokens = count(1)
        self._pen = Pen(folder / f"journal-{self._number}.jsonl")
        self._random = Random(seed)
        self._hands = ThreadPoolExecutor(8, "special-writes")
        self._special: list[Future[float]] = []
        self._processes: list[WriterProcess] = []
        self._customers: list[int] = []
        self._rate = 0.0
        self._copied = 0

    def start(self, rate: float) -> None:
        """Write about so many row changes a second, all processes together; the first time, fill the tables first."""
        if not self._processes:
            with self._place.connect() as connection:
                found = connection.execute("SELECT id FROM accounts_customer ORDER BY id").fetchall()
                self._customers = [int(str(row[0])) for row in found]
                (filled,) = connection.execute("SELECT EXISTS (SELECT FROM proof_doc)").fetchone() or (True,)
            if not filled:
                self._write(specials.fill)
            with ThreadPoolExecutor(PROCESSES) as hands:
                self._processes = list(hands.map(lambda _: self._process(), range(PROCESSES)))
        self._rate = rate
        self.resume()

    def pause(self) -> None:
        """Return once no transaction is open, special ones included, and all outcomes are journaled."""
        for process in self._processes:
            process.say("pause")
        for process in self._processes:
            process.expect("paused")
        special, self._special = self._special, []
        for each in special:
            each.exception(PATIENCE_SECONDS)

    def resume(self) -> None:
        """Go on."""
        for process in self._processes:
            process.say(f"rate {self._rate / PROCESSES}", "resume")

    def stop(self) -> None:
        """End everything at once."""
        for process in self._processes:
            process.kill()
        self._processes.clear()
        self._hands.shutdown()

    def kill_in_transaction(self) -> None:
        """Kill -9 a process of writers that is in mid-transaction, and start another."""
        victim = self._processes.pop(self._random.randrange(len(self._processes)))
        victim.say("hold")
        victim.expect("holding")
        victim.kill()
        self._processes.append(self._process())
        self._processes[-1].say(f"rate {self._rate / PROCESSES}", "resume")

    def journal(self) -> Journal:
        """Return all that was journaled so far."""
        return self._reader.read(self.branch)

    def settle(self) -> None:
        """Forget what was journaled so far: it has been checked. To be called at rest, with the archive's `settle`."""
        self.journal()
        self._reader.forget()

    def copied(self) -> None:
        """Take that a copy was made, while paused: what comes now is not in it."""
        self._turn_branch()
        self._copied = self.branch

    def restored(self) -> None:
        """Take that the copy was put back, while paused: what was written since it was made is lost."""
        self.journal().dead.update(range(self._copied, self.branch + 1))
        self._turn_branch()

    def docs(self) -> list[tuple[int, int]]:
        """Return the documents that there are, with their owners, the oldest first."""
        with self._place.connect() as connection:
            return connection.execute("SELECT id, owner_id FROM proof_doc ORDER BY id").fetchall()  # type: ignore[return-value]

    # Special writes

    def big_update(self, rows: int) -> "Future[float]":
        """Update so many rows in one statement; rows that are missing are inserted before, in one of their own."""
        return self._specially(partial(specials.update_bulk, rows=rows), partial(specials.fill_bulk, rows=rows))

    def truncate(self, kind: str = "item") -> "Future[float]":
        """Empty a table."""
        return self._specially(partial(specials.truncate, kind=kind))

    def copy(self, rows: int) -> "Future[float]":
        """COPY so many new items, which are deleted again by and by."""
        return self._specially(partial(specials.copy, rows=rows))

    def open_transaction(self, seconds: float) -> "Future[float]":
        """Leave a transaction open for so long; it has written rows that nobody else writes."""
        return self._specially(partial(specials.linger, seconds=seconds))

    def reassign(self, doc: int) -> float:
        """Let a document pass to another customer; return the time after the commit.

        Another writer may hold one of its lines and wait for another one: who is chosen to give way tries again.
        """
        while True:
            with suppress(psycopg.errors.DeadlockDetected):
                return self._write(partial(specials.reassign, doc=doc))[1]

    def mark(self) -> Mark:
        """Commit one small change that every topic shows; tries again while PostgreSQL is away."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            events: set[str] = set()
            docs: dict[str, int] = {}
            try:
                token, at = self._write(partial(specials.touch_all, events=events, docs=docs))
            except psycopg.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return Mark(token, at, frozenset(events), docs)

    def _process(self) -> WriterProcess:
        return WriterProcess(self._place, self._seed, self._folder, self._customers)

    def _turn_branch(self) -> None:
        self.journal()
        self.branch += 1

    def _specially(self, *works: Work) -> "Future[float]":
        """Do the last of the works first, each in a transaction; the future is the time after the last commit."""

        def run() -> float:
            return [self._write(work)[1] for work in reversed(works)][-1]

        future = self._hands.submit(run)
        self._special.append(future)
        return future

    def _write(self, work: Work) -> tuple[str, float]:
        """Do one transaction; return its token and the time after its commit."""
        hand = Hand(f"{self._number}-{next(self._tokens)}", self._keys, self._customers, self._random)
        sent = False
        try:
            with self._place.connect() as connection:
                connection.execute("BEGIN")
                work(hand, connection)
                self._pen.sent(hand.token, hand.written)
                sent = True
                connection.execute("COMMIT")
        except psycopg.Error:
            self._pen.ended(hand.token, Outcome.UNKNOWN if sent else Outcome.ROLLED_BACK)
            raise
        return hand.token, self._pen.ended(hand.token, Outcome.COMMITTED)
