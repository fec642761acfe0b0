"""Server processes: the product's feed, fan-out, sessions and their drivers, with all their questions under way."""

from collections import deque
from collections.abc import Callable

from realtime.drivers.access import Identity
from realtime.drivers.fanout import Fanout
from realtime.drivers.resolver import Resolution
from realtime.drivers.session import SessionDriver, Traffic
from realtime.errors import LogUnavailable, PeerError, RealtimeError, Unavailable
from realtime.pure.changes import Batch
from realtime.pure.content import content_of
from realtime.pure.effects import (
    AskHead,
    Count,
    Crash,
    Doubt,
    Effect,
    Expect,
    Gather,
    ReadLog,
    ReadSnapshot,
    Verify,
    WriteLane,
)
from realtime.pure.feed import Feed, FeedLimits
from realtime.pure.fragments import ENVELOPE_BYTES
from realtime.pure.gaps import Trust
from realtime.pure.gathering import Gathering
from realtime.pure.limits import SessionLimits
from realtime.pure.outflow import Tally
from realtime.pure.selection import Selection
from realtime.pure.session import Session
from realtime.pure.view import Subscriber
from tests.simulation.loop import Loop
from tests.simulation.people import ANONYMOUS, rights_in
from tests.simulation.sockets import Socket
from tests.simulation.topics import STREAM, resolve
from tests.simulation.violations import Violation
from tests.simulation.world import World

FRAME_MAX_BYTES = ENVELOPE_BYTES + 300
FEED_LIMITS = FeedLimits(
    frame_max_bytes=FRAME_MAX_BYTES, ring_changes=12, resume_max_changes=60, snapshot_wait_seconds=5.0
)
SESSION_LIMITS = SessionLimits(
    heartbeat_seconds=15.0, pong_wait_seconds=25.0, slow_close_seconds=120.0, identity_stale_seconds=1.5,
    frame_max_bytes=FRAME_MAX_BYTES, command_max_bytes=4096, conflation_max_keys=3, subscriptions_max=2,
    commands_per_second=50.0, commands_burst=100, bad_frames_per_minute=10,
)  # fmt: skip
READ_CHANGES = 3
READERS = 2
HEAD_CHECK_SECONDS = IDENTITY_CHECK_SECONDS = 1.0

Answer = Callable[[], None]


class Process:
    """One server process."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.feed = Feed(STREAM, FEED_LIMITS)
        self.wire: deque[Batch] = deque()
        self.frozen = False
        self.severed = False
        """Whether the log is another database now, and the process has not noticed."""
        self.asked: list[Effect] = []
        self.answers: list[Answer] = []
        self.sessions: dict[SessionDriver, None] = {}
        self.checking: tuple[float, list[str], dict[str, Identity]] | None = None
        """An identity check that was made at this time, and of which the sessions have not been told."""
        self.loop = Loop(world.time)
        self._checked_at = self._ticked_at = world.time.now
        self._gathering = Gathering(READERS)
        self._fanout = Fanout(stale_seconds=SESSION_LIMITS.identity_stale_seconds)
        self._world = world
        self._tally: Tally = Tally()

    @property
    def has_seen_all(self) -> bool:
        """Tell whether the process vouches for the whole log as it is now."""
        line, db = self.feed.line, self._world.store.db
        return line.trust is Trust.SURE and (line.epoch, line.position, line.mark.mark) == (db.epoch, db.head, db.mark)

    @property
    def reading(self) -> bool:
        """Tell whether a snapshot was read that has not met the stream."""
        return bool(self.answers or self.feed._reading.meeting())

    def pending(self) -> list[Callable[[], None]]:
        """Return what could happen next here."""
        if self.frozen:
            return []
        steps: list[Callable[[], None]] = []
        if self.wire:
            steps.append(self.receive)
        for index in range(len(self.asked)):
            steps.append(lambda index=index: self.ask_log(index))  # type: ignore[misc]
        for index in range(len(self.answers)):
            steps.append(lambda index=index: self.answers.pop(index)())  # type: ignore[misc]
        if self.checking is not None:
            steps.append(self.tell_checked)
        if self.loop.ready:
            steps.append(self.loop.run_next)
        if self._gathering.waiting:
            steps.append(self.read_tables)
        return steps

    # Time.

    def time_passed(self) -> None:
        """Run timers, look at the head and begin an identity check, where it is time for it."""
        if self.frozen:
            return
        now = self._world.time.now
        self.loop.time_passed()
        if now - self._ticked_at >= HEAD_CHECK_SECONDS:
            self._ticked_at = now
            self.perform(self.feed.tick(now))
        if self.checking is None and now - self._checked_at >= IDENTITY_CHECK_SECONDS:
            self._checked_at = now
            keys = [key for session in self.sessions if (key := session.identity.session_key) is not None]
            self.checking = now, keys, self._world.people.load(keys)

    def tell_checked(self) -> None:
        """Tell the sessions what became of their identities (`realtime.drivers.access`)."""
        assert self.checking is not None
        (at, keys, found), self.checking = self.checking, None
        for session in list(self.sessions):
            key = session.identity.session_key
            if key is None or key not in keys:
                continue
            identity = found.get(key)
            if identity is None:
                session.identity_gone()
                continue
            if identity.fingerprint != session.identity.fingerprint:
                session.identity_changed(identity)
            session.identity_checked(at)

    # Sessions.

    def connect(self, socket: Socket, key: str | None) -> SessionDriver:
        """Begin a session on an open socket and welcome it (`realtime.drivers.sessions`)."""
        now = self._world.time.now
        identity = self._world.people.load([key] if key else []).get(key or "", ANONYMOUS)
        checked_at = float("inf") if identity is ANONYMOUS else now
        machine = Session(limits=SESSION_LIMITS, user=identity.label, checked_at=checked_at, tally=self._tally, now=now)
        driver = SessionDriver(
            machine, identity=identity, transport=socket, hub=self, ask=self.resolve, traffic=Traffic(),
            clock=self.loop, loop=self.loop,  # type: ignore[arg-type]
        )  # fmt: skip
        self.sessions[driver] = None
        driver.welcome("s")
        return driver

    def disconnected(self, driver: SessionDriver) -> None:
        """Notice that a session's socket is gone."""
        if driver in self.sessions:
            del self.sessions[driver]
            driver.disconnected()

    def resolve(self, topic: str, identity: Identity, answer: Callable[[Resolution], None]) -> None:
        """Find out what a topic selects; the answer is on its way."""
        self.answers.append(lambda: answer(self._resolved(topic, identity)))

    def _resolved(self, topic: str, identity: Identity) -> Resolution:
        if self._world.resolver_is_down:
            return Unavailable("the database is out of reach")
        try:
            return resolve(topic, rights_in(identity), self._world.store.db.rows)
        except PeerError as error:
            return error

    def subscribe(
        self,
        subscriber: Subscriber,
        selection: Selection,
        cursor: tuple[str, int] | None,
        epoch_for: Callable[[str], str],
    ) -> None:
        """Attach a subscriber (`realtime.drivers.hub`)."""
        self.perform(self.feed.subscribe(subscriber, selection, cursor, epoch_for, self._world.time.now))

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Detach it."""
        self.perform(self.feed.unsubscribe(subscriber))

    # The log.

    def perform(self, effects: list[Effect]) -> None:
        """Put questions on their way (`realtime.drivers.questions`)."""
        for effect in effects:
            if isinstance(effect, Count):
                continue
            if isinstance(effect, WriteLane):
                with self.loop.running():
                    self._fanout.add(effect.lane)
            elif isinstance(effect, Doubt):
                self._world.store.doubts.append((effect.epoch, effect.mark))
            elif isinstance(effect, Crash):
                self._world.broke(effect.error)
            elif isinstance(effect, ReadSnapshot):
                self._gathering.add(effect)
            else:
                self.asked.append(effect)

    def receive(self, index: int = 0) -> None:
        """Take a batch from the wire."""
        batch = self.wire[index]
        del self.wire[index]
        self.perform(self.feed.batch_received(batch))

    def receive_again(self) -> None:
        """Take a batch that will come once more."""
        self.perform(self.feed.batch_received(self.wire[0]))

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
