"""I4 to I9, for one topic of one client: what it was told, in order, held against what it had to be shown."""

from dataclasses import dataclass, field

from tests.faults.history import Connection, History, Reads, Subscribed, Told, What
from tests.faults.images import MASK, RowId
from tests.faults.invariants.epochs import Epochs, Meaning
from tests.faults.invariants.findings import Verdict, some
from tests.faults.invariants.timelines import Timeline
from tests.faults.journal import Journal
from tests.faults.rights import END_SECONDS, Rights

Versions = dict[RowId, int]


@dataclass
class Walk:
    """Goes over one topic of one client; `seen` and `furthest` are by opaque epoch."""

    history: History
    topic: str
    epochs: Epochs
    rights: Rights
    journal: Journal
    verdict: Verdict
    rows: Versions = field(default_factory=dict)
    seen: dict[str, Versions] = field(default_factory=dict)
    furthest: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    """By how much the sum of the fingerprints was off last: what has been reported once is not reported again."""

    def go(self, parts: "list[tuple[Connection, Subscribed]]") -> None:
        """Check all subscribes of the topic, in order."""
        for connection, subscribed in parts:
            for at, invariant, text in subscribed.misframed:
                self._blame(invariant, at, text)
            for began, at, position in subscribed.restarts:
                if not self.rights.changed(self.history.person, began - END_SECONDS, at):
                    self._blame("I5", at, f"a snapshot began anew at {position}, and no right had changed")
            before: Told | None = None
            for told in subscribed.told:
                self._take(told, before, connection)
                before = told
            if subscribed.ended is not None:
                self.rows.clear()
        if parts:
            self._check_end(*parts[-1])

    def _take(self, told: Told, before: Told | None, connection: Connection) -> None:
        self.verdict.delivered += len(told.rows) if told.what is What.CHANGES else 0
        back = self._check_order(told, before)
        if told.what is What.SNAPSHOT:
            self.rows.clear()
        for row, version in told.rows.items():
            if version is None:
                self.rows.pop(row, None)
            else:
                self.rows[row] = version
        meaning = self.epochs.of(self.history.person, self.topic, told.epoch)
        if meaning is None:
            self.verdict.leaked += len(told.rows)
            self._blame("I8", told.at, f"told {told.position} of a topic that {self.history.person} may not see")
            return
        self._check_canaries(told)
        self._check_time(told, meaning, connection)
        line = meaning.line(told.position)
        if line is None:
            self.verdict.unchecked += 1
        else:
            self._check_rows(told, before, meaning, line, back=back)

    def _check_order(self, told: Told, before: Told | None) -> bool:
        """I7: positions never fall, rows never go back; return whether rows did."""
        furthest = self.furthest.get(told.epoch, -1)
        if told.position < furthest:
            if told.what is What.SNAPSHOT:
                self.verdict.stale_snapshots += 1
            else:
                self.verdict.reordered += 1
            fell = "the connection" if before and before.epoch == told.epoch else "the client"
            self._blame("I7", told.at, f"{told.what.name} at {told.position}, {fell} was at {furthest} of that epoch")
        self.furthest[told.epoch] = max(furthest, told.position)
        seen = self.seen.setdefault(told.epoch, {})
        back = [
            (row, version, seen[row])
            for row, version in told.rows.items()
            if version is not None and version < seen.get(row, 0)
        ]
        if back and told.position >= furthest:
            self.verdict.reordered += len(back)
            self._blame("I7", told.at, f"at {told.position} rows went back (row, version, before): {some(back)}")
        seen.update((row, version) for row, version in told.rows.items() if version is not None)
        return bool(back)

    def _check_rows(self, told: Told, before: Told | None, meaning: Meaning, line: Timeline, *, back: bool) -> None:
        """I4 to I8: told at an end, all rows as they had to be, nothing that had not been touched."""
        position = told.position
        if position > line.chapter.head:
            self._blame("I2", told.at, f"told {position}, the head of {line.chapter.name} is {line.chapter.head}")
            self.wrong = -1
            return
        if position not in meaning.timelines.ends(line.chapter):
            self._blame("I4", told.at, f"told {position}, within a transaction of {line.chapter.name}")
            return
        leaked = self._leaked(told, meaning, line)
        if leaked:
            self.verdict.leaked += len(leaked)
            self._blame(
                "I8", told.at, f"at {position} of {line.chapter.name}: not for {meaning.selection}: {some(leaked)}"
            )
        off = (told.total - line.total(position)) & MASK
        if off and off != self.wrong and not leaked and not back:
            self._explain(told, before, meaning, line)
        self.wrong = off
        if told.what is What.CHANGES and before is not None and before.epoch == told.epoch:
            self._check_touched(told, before, line, leaked)

    def _check_touched(self, told: Told, before: Told, line: Timeline, leaked: list[RowId]) -> None:
        if before.position < line.chapter.start:
            return
        untouched = [row for row in told.rows if not line.changed(row, before.position, told.position)]
        again = [row for row in untouched if row not in leaked]
        if again:
            self.verdict.duplicated += len(again)
            what = "a snapshot had them" if before.what is What.SNAPSHOT else "nothing touched them"
            self._blame(
                "I5" if before.what is What.SNAPSHOT else "I7", told.at,
                f"at {told.position} after {before.position} of {line.chapter.name} came {some(again)}, and {what}",
            )  # fmt: skip

    def _leaked(self, told: Told, meaning: Meaning, line: Timeline) -> list[RowId]:
        """Return the rows that came and are not the client's to see at that position."""
        if not line.anchored(told.position):
            return list(told.rows) or [("doc", str(meaning.selection.doc))]
        images = meaning.timelines.images
        return [
            row
            for row, version in told.rows.items()
            if version is not None
            and (known := images.get((*row, version)))
            and not any(meaning.selection.selects(row[0], image) for image in known)
        ]

    def _explain(self, told: Told, before: Told | None, meaning: Meaning, line: Timeline) -> None:
        """Report which rows are wrong: I5 for a snapshot, I7 for what follows a resume, I6 for all else."""
        expected = meaning.timelines.expected(line.chapter, meaning.selection, told.position)
        lacking = [row for row in expected if row not in self.rows]
        surplus = [row for row in self.rows if row not in expected]
        others = [
            (row, version, expected[row]) for row, version in self.rows.items() if expected.get(row, version) != version
        ]
        self.verdict.lost += len(lacking) + len(surplus) + len(others) or 1
        invariant = "I5" if told.what is What.SNAPSHOT else "I6"
        if before is not None and before.what is What.RESUMED:
            invariant = "I7"
        self._blame(
            invariant, told.at,
            f"{told.what.name} at {told.position} of {line.chapter.name}: expected {len(expected)} rows, found "
            f"{told.size}; lacking {some(lacking)}; not to be there {some(surplus)}; "
            f"(row, version, expected) {some(others)}",
        )  # fmt: skip

    def _check_canaries(self, told: Told) -> None:
        """I8: no raw frame holds what is another customer's."""
        owners = self.rights.owners(self.history.person, told.after, told.at, END_SECONDS)
        if owners is not None and (foreign := told.owners - owners):
            self.verdict.leaked += 1
            self._blame("I8", told.at, f"the raw frame at {told.position} holds canaries of {sorted(foreign)}")

    def _check_time(self, told: Told, meaning: Meaning, connection: Connection) -> None:
        """I9: nothing is written later than two seconds after the right had ended."""
        line = meaning.line(told.position)
        logged = line.chapter.at(told.position) if line else None
        token = logged.new.token if logged and logged.new else ""
        written = max(told.after, self.journal.sent_at(token) if told.what is What.CHANGES else 0.0)
        late = self.rights.late(
            self.history.person, connection.cookie, self.topic, meaning.selection, written, told.at
        )  # fmt: skip
        if late > END_SECONDS:
            self.verdict.leaked += 1
            self._blame(
                "I9", told.at,
                f"{told.what.name} at {told.position} was written after {written:.3f}, {late:.3f} s or more after the "
                f"right to {meaning.selection} had ended",
            )  # fmt: skip

    def _check_end(self, connection: Connection, subscribed: Subscribed) -> None:
        """I6: at rest, an open subscription has the rows of the head."""
        if self.history.reads is not Reads.ALL or connection.closed_at is not None or subscribed.ended is not None:
            return
        if not subscribed.told:
            return
        told = subscribed.told[-1]
        meaning = self.epochs.of(self.history.person, self.topic, told.epoch)
        last = meaning.timelines.book.chapters[-1] if meaning else None
        if meaning is None or last is None or self.wrong:
            return
        line = meaning.timelines.of(last, meaning.selection)
        if meaning.chapter is not last or line.total(last.head) != told.total:
            self.verdict.lost += 1
            self._blame(
                "I6", told.at,
                f"at rest it is at {told.position} of {meaning.chapter.name} with {told.size} rows; "
                f"{last.name} is at {last.head} with {line.size(last.head)}",
            )  # fmt: skip

    def _blame(self, invariant: str, at: float, text: str) -> None:
        self.verdict.blame(invariant, f"{self.history.name} {self.topic} at {at:.3f}: {text}")


def check_views(histories: "list[History]", epochs: Epochs, rights: Rights, journal: Journal, verdict: Verdict) -> None:
    """Check I4 to I9 of all histories."""
    for history in histories:
        for topic, parts in history.topics():
            Walk(history, topic, epochs, rights, journal, verdict).go(list(parts))
        for connection in history.connections:
            for at, owner in connection.strays:
                owners = rights.owners(history.person, at, at, END_SECONDS)
                if owners is not None and owner not in owners:
                    verdict.leaked += 1
                    verdict.blame("I8", f"{history.name} at {at:.3f}: a frame of no topic holds a canary of {owner}")
