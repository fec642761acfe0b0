"""Keeping a line trustworthy and complete: when the head is asked for, when the log is read, when to doubt.

The questions of one stream about its log, one of each kind at a time. A question that is overtaken (a new
epoch, an outage) no longer counts, and its answer is ignored.
"""

from collections.abc import Callable

from realtime.errors import FloorPassed, RealtimeError
from realtime.pure.changes import Batch, Head, LogRange
from realtime.pure.effects import AskHead, Count, Doubt, Effect, Expect, Purpose, ReadLog, Verify
from realtime.pure.gaps import Finding, Line, Offer, Trust


class Following:
    """Follows the log of one stream; what it makes deliverable comes out of `line.ready`."""

    def __init__(self, stream: str, line: Line, emit: Callable[[Effect], None], *, far_changes: int) -> None:
        self.answered = 0
        """How many of the head questions have been answered."""
        self._stream = stream
        self._line = line
        self._emit = emit
        self._far_changes = far_changes
        self._asked: AskHead | None = None
        self._ask_again = False
        self._verifying: Verify | None = None
        self._head: Head | None = None
        self._healing: ReadLog | None = None
        self._expecting: Expect | None = None
        self._floor_passed = False
        self._suspicious: str | None = None
        self._refuted: str | None = None

    def check(self) -> None:
        """Ask for the head, unless that is under way."""
        if self._asked is None:
            line = self._line
            self._asked = AskHead(self._stream, line.epoch, line.position, line.mark, line.target)
            self._emit(self._asked)

    def ask(self) -> int:
        """Ask for the head as of now or later; return the number of that question."""
        if self._asked is None:
            self.check()
            return self.answered + 1
        self._ask_again = True
        return self.answered + 2

    def ask_again(self) -> None:
        """Ask the question that came up while another was under way; call it when that has been dealt with."""
        if self._ask_again and self._asked is None:
            self._ask_again = False
            self.check()

    def lose(self) -> None:
        """Deliver nothing more before the log is seen to be the same."""
        self._line.lose()
        self._verifying = self._healing = None

    def suspect(self) -> None:
        """Something contradicts what was seen: find out."""
        self.lose()
        self.ask()

    def batch_received(self, batch: Batch, *, watched: bool) -> None:
        """Take a batch from the wire; `watched` tells whether there is any view to keep complete."""
        offer = self._line.offer(batch)
        self._emit(Count(self._stream, "batches", offer.value))
        if not watched:
            if offer is Offer.GAP:
                self.lose()
        elif offer is Offer.GAP:
            self.heal("gap")
        elif offer is Offer.CONFLICT or (offer is Offer.FOREIGN and batch.epoch != self._refuted):
            self._suspicious = batch.epoch
            self.check()

    def head_answered(self, asked: AskHead, head: Head) -> Head | None:
        """Take a head; return it when everything has to begin again from it."""
        if asked is not self._asked:
            return None
        self._settle()
        finding = Finding.OTHER if self._floor_passed else self._line.judge(head, asked.position, asked.mark)
        if finding is Finding.OTHER:
            self._reset()
            return head
        self._refuted = self._suspicious
        if head.position < asked.target:
            self._line.limit(head.position)
        if finding is Finding.BROKEN:
            self._doubt()
        elif self._line.trust is Trust.SURE:
            self.expect(head.position)
        elif asked.position != self._line.position or asked.mark != self._line.mark:
            self.check()
        elif finding is Finding.SAME:
            self._line.confirm()
        else:
            assert self._line.epoch is not None
            self._verifying = Verify(self._stream, self._line.epoch, self._line.mark)
            self._head = head
            self._emit(self._verifying)
        return None

    def head_failed(self, asked: AskHead) -> bool:
        """Take note that the log is out of reach; False when the question no longer counts."""
        if asked is not self._asked:
            return False
        self._settle()
        self.lose()
        return True

    def verified(self, asked: Verify, *, holds: bool, shown: bool) -> Head | None:
        """Take whether the log still holds the mark; return the head if everything is to begin again from it.

        `shown` tells whether anyone sees a view: a long way that nobody sees is not made up for.
        """
        if asked is not self._verifying:
            return None
        self._verifying = None
        if not holds:
            self._doubt()
            return None
        self._line.confirm()
        head = self._head
        assert head is not None
        if not shown and head.position - self._line.position > self._far_changes:
            self._reset()
            return head
        self.expect(head.position)
        return None

    def range_read(self, asked: ReadLog, read: LogRange) -> None:
        """Take a range that was missing."""
        if asked is self._healing:
            self._healing = None
            self._line.fill(read)

    def range_failed(self, asked: ReadLog | Verify, error: RealtimeError) -> None:
        """Take note that a range could not be read, or the mark not be looked up."""
        if asked is self._healing or asked is self._verifying:
            self._floor_passed = isinstance(error, FloorPassed)
            self.suspect()

    def expect(self, position: int) -> None:
        """Know that a position exists. The wire is about to bring it; if it does not, the log is read."""
        line = self._line
        line.target = max(line.target, position)
        if line.position < position and self._expecting is None and line.epoch is not None:
            self._expecting = Expect(self._stream, line.epoch, position)
            self._emit(self._expecting)

    def overdue(self, asked: Expect) -> None:
        """Read what the wire has not brought in time."""
        if asked is self._expecting:
            self._expecting = None
            self.heal("head")

    def heal(self, reason: str) -> None:
        """Read what is missing, if anything is."""
        line = self._line
        missing = line.missing()
        if missing is None or self._healing is not None or line.trust is not Trust.SURE or line.epoch is None:
            return
        self._healing = ReadLog(self._stream, line.epoch, *missing, line.mark, Purpose.HEAL)
        self._emit(Count(self._stream, "heals", reason))
        self._emit(self._healing)

    def heal_further(self) -> None:
        """Go on reading after a read that was not the last, unless the wire is expected to bring the rest."""
        if self._expecting is None:
            self.heal("more")

    def _doubt(self) -> None:
        assert self._line.epoch is not None
        self.lose()
        self._line.doubt()
        self._emit(Doubt(self._stream, self._line.epoch, self._line.mark))

    def _settle(self) -> None:
        self.answered += 1
        self._asked = None

    def _reset(self) -> None:
        self._verifying = self._healing = self._expecting = None
        self._floor_passed = False
        self._suspicious = self._refuted = None
