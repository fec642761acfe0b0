"""The journals: what each transaction meant to write, noted before its COMMIT was sent, and what became of it.

Each writer appends to a file of its own, one JSON array a line, handed to the kernel at once: a kill -9 loses nothing.

    ["s", token, at, [[kind, key, was, version], …]]   all of it is written, COMMIT comes next
    ["c", token, at]                                   it was acknowledged
    ["u", token, at]                                   the connection was lost in COMMIT
    ["r", token, at]                                   it was rolled back, or never got so far

A change is a row's version before and after it (None: no row); keys are never used again, so it is never the same one
twice. With a fifth value it stands for all keys from the second to the fifth.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple


class Outcome(Enum):
    """What became of a transaction."""

    COMMITTED = "c"
    ROLLED_BACK = "r"
    UNKNOWN = "u"


class Change(NamedTuple):
    """One row change, or with an empty key a TRUNCATE."""

    kind: str
    key: str
    was: int | None
    version: int | None


@dataclass(slots=True)
class Transaction:
    """One transaction; `sent_at` is before its COMMIT was sent (None: it never was), `ended_at` after its outcome."""

    token: str
    branch: int
    sent_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome = Outcome.UNKNOWN
    written: Sequence[Sequence[str | int | None]] = ()

    def changes(self) -> Iterator[Change]:
        """Go over its row changes."""
        for kind, key, was, version, *last in self.written:
            if not last:
                yield Change(kind, key, was, version)  # type: ignore[arg-type]
                continue
            for each in range(int(key or 0), int(last[0] or 0) + 1):
                yield Change(kind, str(each), was, version)  # type: ignore[arg-type]


@dataclass(slots=True)
class Journal:
    """All transactions by their tokens. What a `dead` branch wrote was lost with a restore to an older copy."""

    transactions: dict[str, Transaction] = field(default_factory=dict)
    dead: set[int] = field(default_factory=set)

    def sent_at(self, token: str) -> float:
        """Return the latest moment at which the transaction can't have been committed yet; 0 when that is not known."""
        transaction = self.transactions.get(token)
        return (transaction.sent_at or 0.0) if transaction else 0.0


class Pen:
    """Writes one journal."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def sent(self, token: str, written: Sequence[Sequence[str | int | None]]) -> None:
        """Note what is written: COMMIT comes next."""
        self._write(["s", token, time.monotonic(), written])

    def ended(self, token: str, outcome: Outcome) -> float:
        """Note what became of it; return the time."""
        now = time.monotonic()
        self._write([outcome.value, token, now])
        return now

    def _write(self, line: list[object]) -> None:
        os.write(self._file, (json.dumps(line, separators=(",", ":")) + "\n").encode())


class Reader:
    """Reads the journals of a folder as they grow."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal()
        self._folder = folder
        self._read: dict[Path, int] = {}

    def read(self, branch: int) -> Journal:
        """Return all that is journaled; what is new belongs to the branch."""
        for path in sorted(self._folder.glob("journal-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            for line in whole.splitlines():
                self._take(json.loads(line), branch)
        return self.journal

    def forget(self) -> None:
        """Drop what has been read: it has been checked, and no change of it can come any more."""
        self.journal.transactions.clear()

    def _take(self, line: list[object], branch: int) -> None:
        what, token, at, *written = line
        transactions = self.journal.transactions
        transaction = transactions.get(str(token)) or Transaction(str(token), branch)
        transactions[transaction.token] = transaction
        assert isinstance(at, float)
        if what == "s":
            transaction.sent_at, transaction.written = at, written[0]  # type: ignore[assignment]
        else:
            transaction.ended_at, transaction.outcome = at, Outcome(what)
