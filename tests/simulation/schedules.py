"""Seeded schedules: everything that can happen to a stream, in any order, to two processes and some clients."""

from collections.abc import Callable
from random import Random

from realtime.pure.changes import Batch
from tests.simulation.model import SELECTIONS, STREAM, World
from tests.simulation.processes import Client, Process, Saved

STEPS = 200
REST_STEPS = 1_000
"""Many more questions than a process can have left to ask."""


class Schedule:
    """One run, decided by its source of randomness alone.

    `oblivious`: whenever an older copy is restored, the relay is another one that has seen nothing of what was
    lost; the only process that has seen it all must doubt. (It remembers the present epoch alone.)
    """

    def __init__(self, random: Random, *, oblivious: bool = False) -> None:
        self.random = random
        self.world = World(self.random)
        self.oblivious = oblivious
        names = ["only"] if oblivious else ["first", "second"]
        self.processes = [Process(name, self.world, self.random) for name in names]
        self.clients = [Client(f"client {number}", self.random.choice(SELECTIONS), self.world) for number in range(6)]
        self.restores = oblivious or self.random.random() < 0.5
        """Either the database may be replaced by an older copy, or relays may restart: one that has seen nothing
        of what was lost can't vouch for the epoch, and no cursor can tell."""
        self._actions = self._weigh()

    def run(self) -> None:
        """Run the schedule, then let everything come to rest, and compare."""
        for _ in range(STEPS):
            self.random.choices([action for action, _ in self._actions], [weight for _, weight in self._actions])[0]()
            self.look()
        self.settle()

    def look(self) -> None:
        """Check what needs no frame: a view that advances without a change is as exact there."""
        for client in self.clients:
            position = client.view_position()
            if position is not None and position > client.position:
                client.position = position
                client.check()

    def settle(self) -> None:
        """Let the outage end: no more losses, all is answered, and every open client has the table."""
        for _ in range(6):
            self.publish()
            for process in self.processes:
                process.tick()
                self._come_to_rest(process)
        self.look()
        for client in self.clients:
            assert client.state != "waiting", f"{client.name} waits for ever"
            if client.state == "open":
                head = self.world.heads()
                at = (client.epoch, client.position)
                assert at == (head.epoch, head.position), f"{client.name} stays at {at}, the head is {head}"

    def _come_to_rest(self, process: Process) -> None:
        for _ in range(REST_STEPS):
            while process.wire:
                process.receive()
            process.question_reaches_log()
            process.answer_arrives()
            if not process.busy:
                return
        raise AssertionError(f"{process.name} never comes to rest")

    def publish(self) -> None:
        """Let the relay work; each process hears of it on its own wire."""
        batch = self.world.relay()
        if batch is not None:
            for process in self.processes:
                process.wire.append(batch)

    def _weigh(self) -> list[tuple[Callable[[], None], float]]:
        return [
            (self.world.begin, 4), (self.world.write, 25), (self._commit, 14), (self._roll_back, 2),
            (self.world.truncate, 0.7), (self.publish, 14),
            (self._receive, 22), (self._lose, 3), (self._double, 2), (self._reorder, 3), (self._foreign, 1),
            (self._ask, 26), (self._answer, 26), (self._outage, 1), (self._tick, 6),
            (self._come, 20), (self._go, 12), (self._come_back_with_older, 12),
            (self.world.prune, 0.5), (self.world.back_up, 1.2), (self._restore, 4 if self.oblivious else 0.8),
            (self._restart_relay, 0.5), (self._restart, 0.0 if self.oblivious else 0.4),
        ]  # fmt: skip

    def _restart_relay(self) -> None:
        if not self.restores:
            self.world.restart_relay()

    def _commit(self) -> None:
        if self.world.open:
            self.world.commit()

    def _roll_back(self) -> None:
        if self.world.open:
            self.world.roll_back()

    def _process(self) -> Process:
        return self.random.choice(self.processes)

    def _receive(self) -> None:
        process = self._process()
        if process.wire:
            process.receive()

    def _lose(self) -> None:
        process = self._process()
        if process.wire:
            process.wire.pop(0)

    def _double(self) -> None:
        process = self._process()
        if process.wire:
            process.receive(keep=True)

    def _reorder(self) -> None:
        process = self._process()
        if process.wire:
            process.receive(index=self.random.randrange(len(process.wire)))

    def _foreign(self) -> None:
        head = self.random.randrange(20)
        self._process().wire.insert(0, Batch(STREAM, "foreign", head, "?", head + 3, "?", None))

    def _ask(self) -> None:
        self._process().question_reaches_log(index=self.random.randrange(10))

    def _answer(self) -> None:
        self._process().answer_arrives(index=self.random.randrange(10))

    def _outage(self) -> None:
        self._process().question_reaches_log(index=self.random.randrange(10), outage=True)

    def _tick(self) -> None:
        self._process().tick()

    def _come(self) -> None:
        client = self.random.choice(self.clients)
        if client.state == "away":
            cursor = (client.epoch, client.position) if client.epoch else None
            self._subscribe(client, cursor)

    def _subscribe(self, client: Client, cursor: tuple[str, int] | None) -> None:
        head = self.world.heads()
        client.cursor_was_ahead = bool(cursor and cursor[0] == head.epoch and cursor[1] > head.position)
        client.process, client.state = self._process(), "waiting"
        process = client.process
        own = (f"{cursor[0]}:{client.name}", cursor[1]) if cursor else None
        process.perform(
            process.feed.subscribe(client, client.selection, own, lambda epoch: f"{epoch}:{client.name}", process.clock)
        )

    def _go(self) -> None:
        client = self.random.choice(self.clients)
        if client.process is not None:
            waiting = client.state == "waiting"
            process, client.process, client.state = client.process, None, "away"
            process.perform(process.feed.unsubscribe(client))
            if waiting and self.random.random() < 0.5:
                client.epoch, client.rows = "", {}

    def _come_back_with_older(self) -> None:
        """Let a client come back that was away for longer: with what it had at an earlier time."""
        client = self.random.choice(self.clients)
        if client.state == "away" and client.saved and client.epoch:
            older: Saved = self.random.choice(client.saved)
            if older.epoch == client.epoch:
                client.position, client.rows = older.position, dict(older.rows)
                self._subscribe(client, (older.epoch, older.position))

    def _restore(self) -> None:
        """Replace the database by an older copy; everyone notices with the next question, or hears the wire before."""
        if not self.restores or (self.oblivious and not self.processes[0].has_seen_all):
            return
        if not self.world.restore(same_epoch=self.oblivious):
            return
        if self.oblivious:
            self.world.restart_relay()
        for process in self.processes:
            process.severed = True

    def _restart(self) -> None:
        """Restart a process: its clients keep what they have, and are away."""
        number = self.random.randrange(len(self.processes))
        old = self.processes[number]
        self.processes[number] = Process(old.name, self.world, self.random)
        for client in self.clients:
            if client.process is old:
                client.process, client.state = None, "away"
