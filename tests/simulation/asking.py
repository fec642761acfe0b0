"""What a process asks of the log, on its way there and back: answered as of now, late, or not at all."""

from collections.abc import Callable

from realtime.errors import LogUnavailable, RealtimeError
from realtime.pure.content import content_of
from realtime.pure.effects import AskHead, Effect, Expect, Gather, ReadLog, ReadSnapshot, Verify
from realtime.pure.feed import Feed
from realtime.pure.gathering import Gathering
from tests.simulation.violations import Violation
from tests.simulation.world import World

READ_CHANGES = 3
READERS = 2

Answer = Callable[[], None]


class Asking:
    """The questions of one process under way, and its connections to the log."""

    def __init__(self, world: World, feed: Feed) -> None:
        self.feed = feed
        self.severed = False
        """Whether the log is another database now, and the process has not noticed."""
        self.asked: list[Effect] = []
        self.answers: list[Answer] = []
        self._gathering = Gathering(READERS)
        self._world = world

    def perform(self, effects: list[Effect]) -> None:
        """Put on their way what the feed asks for."""
        raise NotImplementedError

    @property
    def reading(self) -> bool:
        """Tell whether a snapshot was read that has not met the stream."""
        return bool(self.answers or self.feed._reading.meeting())

    def ask_log(self, index: int) -> None:
        """Let the log answer a question as of now; the answer is on its way. A severed connection shows here."""
        if self.severed:
            self._connection_lost()
            return
        self.answers.append(self._answer(self.asked.pop(index)))

    def outage(self, number: int) -> bool:
        """Let a question fail; the bad news is on its way. False when there is none."""
        if self._gathering.waiting and number % 2:
            self._read(LogUnavailable("an outage"))
        elif self.asked:
            self.answers.append(self._fail(self.asked.pop(number % len(self.asked))))
        else:
            return False
        return True

    def read_tables(self) -> None:
        """Let views that wait together be read in one transaction; their rows are on their way."""
        if self.severed:
            self._connection_lost()
        else:
            self._read(None)

    def _read(self, error: LogUnavailable | None) -> None:
        gathered = self._gathering.take()
        assert gathered is not None
        left = len(gathered.asked)

        def answered(answer: Answer) -> None:
            nonlocal left
            left -= 1
            if not left:
                self._gathering.done(gathered)
            answer()

        for asked in gathered.asked:
            answer = self._snapshot(asked) if error is None else self._fail(asked)
            self.answers.append(lambda answer=answer: answered(answer))  # type: ignore[misc]

    def _snapshot(self, asked: ReadSnapshot) -> Answer:
        snapshot = self._world.store.snapshot(asked.view.selection)
        content = content_of(asked.view.selection, snapshot.rows)
        return lambda: self.perform(self.feed.snapshot_read(asked, snapshot, content, self._world.time.now))

    def _connection_lost(self) -> None:
        """Let everything under way fail, and the next look at the head too."""
        self.severed = False
        while self._gathering.waiting:
            self._read(LogUnavailable("the connection is lost"))
        self._fail_all()
        self.perform(self.feed.tick(self._world.time.now))
        self._fail_all()

    def _fail_all(self) -> None:
        asked, self.asked = self.asked, []
        for effect in asked:
            self._fail(effect)()
        while self.answers:
            self.answers.pop(0)()

    def _answer(self, effect: Effect) -> Answer:
        store, feed = self._world.store, self.feed
        match effect:
            case AskHead():
                head = store.heads()
                return lambda: self.perform(feed.head_answered(effect, head))
            case Verify():
                holds = store.verify(effect.epoch, effect.mark)
                return lambda: self.perform(feed.verified(effect, holds=holds))
            case ReadLog():
                try:
                    read = store.read(effect.epoch, effect.after, effect.upto, effect.mark, READ_CHANGES)
                except RealtimeError as error:
                    return lambda error=error: self.perform(feed.log_failed(effect, error))  # type: ignore[misc]
                return lambda: self.perform(feed.range_read(effect, read))
            case Expect():
                return lambda: self.perform(feed.overdue(effect))
            case Gather():
                return lambda: self.perform(feed.gathered(effect))
        raise Violation("simulation", f"nobody answers {effect}")

    def _fail(self, effect: Effect) -> Answer:
        error, feed = LogUnavailable("an outage"), self.feed
        match effect:
            case AskHead():
                return lambda: self.perform(feed.head_failed(effect))
            case Verify() | ReadLog():
                return lambda: self.perform(feed.log_failed(effect, error))
            case ReadSnapshot():
                return lambda: self.perform(feed.snapshot_failed(effect, error, self._world.time.now))
        return self._answer(effect)
