"""Server processes: the product's feed, fan-out, sessions and their drivers, with all their questions under way."""

from collections import deque
from collections.abc import Callable

from realtime.drivers.access import Identity
from realtime.drivers.fanout import Fanout
from realtime.drivers.resolver import Resolution
from realtime.drivers.session import SessionDriver, Traffic
from realtime.errors import PeerError, Unavailable
from realtime.pure.changes import Batch
from realtime.pure.effects import (
    Count,
    Crash,
    Doubt,
    Effect,
    ReadSnapshot,
    WriteLane,
)
from realtime.pure.feed import Feed, FeedLimits
from realtime.pure.fragments import ENVELOPE_BYTES
from realtime.pure.gaps import Trust
from realtime.pure.limits import SessionLimits
from realtime.pure.selection import Selection
from realtime.pure.session import Session
from realtime.pure.view import Subscriber
from tests.simulation.asking import Asking
from tests.simulation.loop import Loop
from tests.simulation.people import ANONYMOUS, rights_in
from tests.simulation.sockets import Socket
from tests.simulation.topics import STREAM, resolve
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
HEAD_CHECK_SECONDS = IDENTITY_CHECK_SECONDS = 1.0


class Process(Asking):
    """One server process."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        super().__init__(world, Feed(STREAM, FEED_LIMITS))
        self.wire: deque[Batch] = deque()
        self.frozen = False
        self.sessions: dict[SessionDriver, None] = {}
        self.checking: tuple[float, list[str], dict[str, Identity]] | None = None
        """An identity check that was made at this time, and of which the sessions have not been told."""
        self.loop = Loop(world.time)
        self._checked_at = self._ticked_at = world.time.now
        self._fanout = Fanout(stale_seconds=SESSION_LIMITS.identity_stale_seconds)

    @property
    def has_seen_all(self) -> bool:
        """Tell whether the process vouches for the whole log as it is now."""
        line, db = self.feed.line, self._world.store.db
        return line.trust is Trust.SURE and (line.epoch, line.position, line.mark.mark) == (db.epoch, db.head, db.mark)

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

    def work_off(self) -> bool:
        """Let all that is under way happen in its order, as far as it goes without others; False for nothing."""
        moved = bool(self.wire or self.asked or self.answers or self.checking or self.loop.ready)
        while self.wire:
            self.receive()
        while self._gathering.waiting:
            self.read_tables()
            moved = True
        while self.asked:
            self.ask_log(0)
        while self.answers:
            self.answers.pop(0)()
        if self.checking is not None:
            self.tell_checked()
        while self.loop.ready:
            self.loop.run_next()
        return moved

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
        machine = Session(
            limits=SESSION_LIMITS, user=identity.label, checked_at=checked_at, tally=self._world.tally, now=now
        )
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

    # The wire, and what the feed asks for.

    def perform(self, effects: list[Effect]) -> None:
        """Put questions on their way (`realtime.drivers.questions`)."""
        for effect in effects:
            if isinstance(effect, Count):
                self._world.tally[effect.metric, effect.label] += 1
            elif isinstance(effect, WriteLane):
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
