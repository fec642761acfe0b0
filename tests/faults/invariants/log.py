"""I1 to I4, for the log: what was committed is in it exactly once, whole and in order, and nothing else is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.images import Image
from tests.faults.invariants.findings import Verdict, some
from tests.faults.journal import Change, Journal, Outcome, Transaction
from tests.faults.logbook import Chapter, Logbook, Logged

UNDONE = "-undone"
"""How the token ends that a savepoint took back with its rows."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the log holds as one transaction: a run of changes, the last of which ends it."""

    chapter: Chapter
    changes: Sequence[Logged]
    tokens: frozenset[str]

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.chapter.name} positions {self.changes[0].position} to {self.changes[-1].position}"


def identity(change: Logged) -> Change:
    """Return the row change that stands at a position, as a journal names it."""
    if change.reset:
        return Change(change.kind, "", None, None)
    was, version = (image.version if image else None for image in (change.old, change.new))
    return Change(change.kind, change.key, was, version)


class Writers:
    """Who can have made a change that leaves no token behind: a deletion, a TRUNCATE."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._tokens: dict[Change, set[str]] = {}
        for transaction in journal.transactions.values():
            for kind, key, was, version, *last in transaction.written:
                if version is None and not last:
                    change = Change(str(kind), str(key), was, None)  # type: ignore[arg-type]  # as the file has them
                    self._tokens.setdefault(change, set()).add(transaction.token)

    def of(self, changes: Sequence[Logged], *, lost: bool) -> frozenset[str]:
        """Return the tokens of a run: those in its rows, else that of whoever is the likeliest to have written it.

        What was done before a restore, which is `lost` with it, is often done again after it, row for row.
        """
        tokens = {change.new.token for change in changes if change.new is not None}
        if tokens:
            return frozenset(tokens)
        possible = [self._tokens.get(identity(change), set()) for change in changes]
        found = sorted(set.intersection(*possible)) if possible else []
        written = {identity(change) for change in changes}

        def unlikely(token: str) -> tuple[bool, bool, bool]:
            transaction = self._journal.transactions[token]
            elsewhere = (transaction.branch in self._journal.dead) != lost
            return set(transaction.changes()) != written, elsewhere, transaction.outcome is not Outcome.COMMITTED

        return frozenset(sorted(found, key=unlikely)[:1])


def runs_of(chapter: Chapter, changes: Iterable[Logged], writers: Writers, *, lost: bool) -> list[Run]:
    """Cut changes after each end of a transaction; `lost` ones are no longer in the log."""
    runs: list[Run] = []
    part: list[Logged] = []
    for change in changes:
        part.append(change)
        if change.ends:
            runs.append(Run(chapter, part, writers.of(part, lost=lost)))
            part = []
    if part:
        runs.append(Run(chapter, part, writers.of(part, lost=lost)))
    return runs


def check_log(journal: Journal, book: Logbook, tables: Mapping[str, Mapping[str, Image]], verdict: Verdict) -> None:
    """Check I1 to I4 of the log, and count what was committed."""
    writers = Writers(journal)
    kept = [(chapter, chapter.upto(upto)) for chapter, upto in book.lineage()]
    check_positions(book, verdict)
    check_versions(kept, verdict)
    present = [run for chapter, changes in kept for run in runs_of(chapter, changes, writers, lost=False)]
    gone = [run for chapter, changes in book.lost() for run in runs_of(chapter, changes, writers, lost=True)]
    check_transactions([*present, *gone], verdict)
    check_committed(journal, present, gone, verdict)
    check_tables(book, tables, verdict)


def check_positions(book: Logbook, verdict: Verdict) -> None:
    """I2: positions are contiguous, and none is given out twice in an epoch that lives on."""
    for chapter in book.chapters:
        for number, change in enumerate(chapter.changes, chapter.start + 1):
            if change.position != number:
                verdict.blame("I2", f"{chapter.name}: expected position {number}, found {change.position}")
                break
    if not book.chapters:
        return
    last = book.chapters[-1]
    for chapter in book.chapters[:-1]:
        if chapter.epoch == last.epoch and last.start < min(chapter.head, last.head):
            twice = f"{last.start + 1} to {min(chapter.head, last.head)}"
            verdict.blame("I2", f"{last.name}: the positions {twice} stood for other changes before")


def check_versions(kept: Sequence[tuple[Chapter, Sequence[Logged]]], verdict: Verdict) -> None:
    """I3: the versions of a row never go down, and no row comes back that was deleted."""
    latest: dict[tuple[str, str], int] = {}
    for chapter, changes in kept:
        if chapter.base is None:
            latest.update({row: image.version for row, image in chapter.start_rows.items()})
        for change in changes:
            if change.reset:
                continue
            row = (change.kind, change.key)
            version = change.new.version if change.new else (change.old.version if change.old else 0)
            before = latest.get(row, 0)
            if version < before or (change.old is None and before):
                verdict.reordered += 1
                verdict.blame(
                    "I3", f"{chapter.name} position {change.position}: {row} has version {version} after {before}"
                )
            latest[row] = max(version, before)


def check_transactions(runs: Sequence[Run], verdict: Verdict) -> None:
    """I4: a transaction's changes stand together, and nothing else with them."""
    seen: dict[tuple[int, str], Run] = {}
    for run in runs:
        if not run.changes[-1].ends:
            verdict.blame("I4", f"{run.place}: the last transaction has no end")
        if len(run.tokens) > 1:
            verdict.blame("I4", f"{run.place}: stand as one transaction, and are of {sorted(run.tokens)}")
        for token in run.tokens:
            before = seen.setdefault((run.chapter.number, token), run)
            if before is not run:
                verdict.blame("I4", f"transaction {token} stands at {before.place}, and again at {run.place}")


def check_committed(journal: Journal, present: Sequence[Run], gone: Sequence[Run], verdict: Verdict) -> None:
    """I1: what was committed is there once, what was rolled back is not, what is unknown is there as a whole or not."""
    found: dict[str, list[Run]] = {}
    for run in present:
        for token in run.tokens:
            found.setdefault(token, []).append(run)
        if not run.tokens:
            verdict.blame("I1", f"{run.place}: nobody wrote {some([identity(change) for change in run.changes])}")
    for token, runs in found.items():
        check_written(token, journal, runs, verdict)
    elsewhere = {token for run in gone for token in run.tokens}
    for token, transaction in journal.transactions.items():
        if token in found or transaction.branch in journal.dead:
            continue
        if transaction.outcome is Outcome.COMMITTED and transaction.written:
            count = sum(1 for _ in transaction.changes())
            verdict.lost += count
            verdict.committed += count
            where = " (but in a part that was lost with a restore)" if token in elsewhere else ""
            verdict.blame("I1", f"transaction {token}, committed, is not in the log{where}: {told(transaction)}")
    for run in gone:
        for token in run.tokens:
            check_outcome(token, journal.transactions.get(token), run, verdict)


def check_written(token: str, journal: Journal, runs: Sequence[Run], verdict: Verdict) -> None:
    """Compare what the log holds of a transaction with what it meant to write."""
    transaction = journal.transactions.get(token)
    if not check_outcome(token, transaction, runs[0], verdict):
        return
    assert transaction is not None
    if transaction.branch in journal.dead:
        verdict.blame("I1", f"{runs[0].place}: transaction {token} was lost with a restore, and is there")
        return
    logged = [identity(change) for run in runs for change in run.changes if len(run.tokens) == 1 or of(change, token)]
    verdict.committed += len(logged)
    meant = list(transaction.changes())
    if len(logged) == len(meant) and set(logged) == set(meant):
        return
    have, want = Counter(logged), Counter(meant)
    missing, surplus = list((want - have).elements()), list((have - want).elements())
    verdict.lost += len(missing)
    if missing:
        verdict.blame("I1", f"transaction {token} at {runs[0].place} lacks {some(missing)}")
    if surplus:
        verdict.duplicated += len(surplus)
        verdict.blame("I1", f"transaction {token} at {runs[0].place} holds also {some(surplus)}")


def of(change: Logged, token: str) -> bool:
    """Tell whether a change in a run of several transactions can be of this one."""
    return change.new is None or change.new.token == token


def check_outcome(token: str, transaction: Transaction | None, run: Run, verdict: Verdict) -> bool:
    """Tell whether a transaction may be in the log at all."""
    if transaction is None or transaction.sent_at is None or transaction.outcome is Outcome.ROLLED_BACK:
        what = "a savepoint took it back" if token.endswith(UNDONE) else "it was never committed"
        verdict.blame("I1", f"{run.place}: transaction {token} is there, and {what}")
        return False
    return True


def told(transaction: Transaction) -> str:
    """Return a few of a transaction's changes, and when it was committed."""
    return f"{some(list(transaction.changes())[:100])}, acknowledged at {transaction.ended_at}"


def check_tables(book: Logbook, tables: Mapping[str, Mapping[str, Image]], verdict: Verdict) -> None:
    """I1: the log, gone over from its beginning, gives the tables."""
    if not book.chapters:
        return
    last = book.chapters[-1]
    rows = last.rows_at(last.head)
    for kind, table in tables.items():
        logged = {key: image for (of_kind, key), image in rows.items() if of_kind == kind}
        if logged == table:
            continue
        wrong = [key for key in logged.keys() | table.keys() if logged.get(key) != table.get(key)]
        verdict.lost += len(wrong)
        example = wrong[0]
        verdict.blame(
            "I1",
            f"{last.name} at {last.head}: the log gives another table {kind} than there is, for {some(sorted(wrong))}; "
            f"{example}: {logged.get(example)} by the log, {table.get(example)} in the table",
        )
