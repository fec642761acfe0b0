"""Schedules: a beginning and a list of steps, drawn from a seed, shrunk, kept or written by hand; and running one.

Afterwards everything comes to rest: no more faults, all is answered, whoever was cut off comes back. Then every
client must have exactly what its user may see now, at the head of the log.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from realtime.drivers import fanout
from realtime.pure import lane, outflow
from tests.simulation.actions import ACTIONS, FAULTS
from tests.simulation.clients import Client
from tests.simulation.dice import BITS, Dice
from tests.simulation.held import Held
from tests.simulation.processes import Process
from tests.simulation.setups import Setup, draw_setup, fill, make_clients, make_processes, make_users
from tests.simulation.topics import NOBODY, resolve
from tests.simulation.violations import Violation
from tests.simulation.world import World

STEPS = 130
"""Not counted are those at the beginning, with which clients come."""
REST_TURNS = 200
"""Many more than it takes until nothing is left to happen."""

REST_SECONDS = (1, 2, 6, 8, 8, 1)
"""What passes in the rounds of rest: heads are looked at, waits come to their end, heartbeats are due."""

OFTEN = {"restore": 4, "back_up": 2, "relay": 1.5}
"""What happens more often where relays know nothing."""

Step = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule as it can be kept: how it begins, and each step's action with the number for its choices."""

    setup: Setup
    steps: Sequence[Step]


def draw(seed: int) -> Plan:
    """Return the plan of a seed. Some have no faults of a kind, others many: both find what an even mix does not."""
    random = Random(seed)
    setup = draw_setup(random)
    weights = [
        weight * (random.choice((0, 0.3, 1, 1, 3)) if name in FAULTS else 1) for name, (_, weight) in ACTIONS.items()
    ]
    if setup.oblivious:  # then it is about little else
        weights = [weight * OFTEN.get(name, 1) for name, weight in zip(ACTIONS, weights, strict=True)]
    names = random.choices(list(ACTIONS), cum_weights=list(accumulate(weights)), k=STEPS)
    bits = random.getrandbits
    begin = [*["come"] * random.randrange(len(setup.clients) + 2), *["go_on"] * 5]
    return Plan(setup, [(name, bits(BITS)) for name in begin + names])


class Schedule:
    """One run of a plan."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.world = World()
        make_users(self.world)
        fill(self.world)
        if setup.restores:
            self.world.store.copies.append(self.world.store.db.copy())
        self.processes = make_processes(setup, self.world)
        self.clients = list(make_clients(setup, self.world))

    def step(self, name: str, number: int) -> object:
        """Take one step; return what it did."""
        done = ACTIONS[name][0](self, Dice(number))
        self.world.raise_found()
        return done

    def pending(self) -> list[Callable[[], None]]:
        """Return all that could happen next of what is under way."""
        steps: list[Callable[[], None]] = []
        for relay in self.world.relays:
            if relay.outbox and not relay.frozen:
                steps.append(lambda relay=relay: self.publish(relay.outbox.popleft()))  # type: ignore[misc]
        for process in self.processes:
            steps += process.pending()
        for client in self.clients:
            if client.socket is not None and client.socket.readable:
                steps.append(client.socket.read)
            if client.commands and client.process is not None and not client.process.frozen:
                steps.append(client.command_arrives)
            if client.unnoticed and not client.unnoticed[0][0].frozen:
                steps.append(client.server_notices)
        return steps

    def publish(self, batch: object, *, heard: bool = True) -> None:
        """Bring a batch to the wire of every process."""
        for process in self.processes if heard else ():
            process.wire.append(batch)  # type: ignore[arg-type]

    def advance(self, seconds: float) -> None:
        """Let time pass for all who are not frozen."""
        self.world.time.now += seconds
        for process in self.processes:
            process.time_passed()

    def restore(self, dice: Dice) -> object:
        """Replace the database by an older copy; everyone notices with the next question, or hears the wire before.

        Someone must know what is lost: a relay, which verifies as soon as the database is there again; or, where
        relays know nothing, the only process. What is lost without ever having had a position nobody knows: then no
        process may hold a snapshot that has it and is not shown yet, because its inbox ids are given out again.
        """
        store, relays = self.world.store, self.world.relays
        vouching = [relay for relay in relays if relay.vouches]
        copies = [copy for copy in store.copies if not self.setup.oblivious or copy.epoch == store.db.epoch]
        known = self.processes[0].has_seen_all if self.setup.oblivious else bool(vouching)
        if not (self.setup.restores and copies and known):
            return None
        copy = dice.pick(copies)
        lost = [waiting for waiting in store.db.inbox if waiting.change.inbox_id > copy.last_id]
        if lost and any(process.reading for process in self.processes):
            return None
        store.restore(copy)
        for relay in relays:
            relay.connected = False
            if self.setup.oblivious:
                relay.killed()
            elif relay.vouches or relay in vouching:
                relay.verify()
        for process in self.processes:
            process.severed = True
        for client in self.clients:
            for held in client.topics.values():
                held.ahead = held.ahead or held.asked is not None
        return "head", store.db.head, "of", store.db.epoch

    def replace_process(self, index: int) -> str:
        """Kill a process and start another; its connections break."""
        old = self.processes[index]
        self.processes[index] = Process(old.name, self.world)
        for client in self.clients:
            client.unnoticed = [each for each in client.unnoticed if each[0] is not old]
            if client.process is old:
                client.leave()
                client.unnoticed.clear()
        return old.name

    # Rest.

    def settle(self) -> None:
        """Let the faults end and everything come to rest, and compare."""
        world = self.world
        world.resolver_is_down = False
        for process in self.processes:
            process.frozen = False
        for relay in world.relays:
            relay.frozen = False
        while world.store.open:
            world.store.commit(world.store.open[0])
        for seconds in REST_SECONDS:
            for relay in world.relays:
                relay.work(Dice(0))
                while relay.outbox:
                    self.publish(relay.outbox.popleft(), heard=not self.setup.silent)
            for client in self.clients:
                self._come_back(client)
            self._come_to_rest()
            for _ in range(seconds):
                self.advance(1.0)
                for process in self.processes:
                    if process.checking:
                        process.tell_checked()
            self._come_to_rest()
        self._compare()

    def _come_back(self, client: Client) -> None:
        if client.socket is None:
            client.connect(self.processes[client.window % len(self.processes)])
            return
        client.socket.stalled = False
        for held in client.topics.values():
            if not held.live and held.asked is None and held.refused and held.retry:
                client.subscribe(held)

    def _come_to_rest(self) -> None:
        for _ in range(REST_TURNS):
            moved = [process.work_off() for process in self.processes]
            moved += [client.work_off() for client in self.clients]
            self.world.raise_found()
            if not any(moved):
                return
        raise Violation("I10", "it never comes to rest")

    def _compare(self) -> None:
        store = self.world.store
        if store.db.inbox or store.db.positioned != store.db.rows:
            raise Violation("I1", f"what is committed is not what has positions; in the inbox: {store.db.inbox}")
        if sorted(store.db.log) != list(range(store.db.floor + 1, store.db.head + 1)):
            raise Violation("I2", f"positions {sorted(store.db.log)} up to {store.db.head}")
        for client in self.clients:
            if client.unanswered:
                raise Violation("I12", f"{client.name} waits for ever for a reply to {client.unanswered}")
            for held in client.topics.values():
                self._compare_topic(client, held)

    def _compare_topic(self, client: Client, held: Held) -> None:
        store, who = self.world.store, f"{client.name}, {held.topic}:"
        rights = next(iter(self.world.people.recent(client.key, self.world.time.now)), NOBODY)
        try:
            selection = resolve(held.topic, rights, store.db.rows)
        except Exception as error:  # noqa: BLE001 - the two that it raises
            if held.live:
                raise Violation("I9", f"{who} is live without a right: {error}") from None
            return
        if not held.live:
            if held.refused not in ("revoked", "unknown_topic", "forbidden"):
                raise Violation("I10", f"{who} is not live, but {held.refused}")
            return
        log_epoch, shown = self.world.meaning(held.topic, client.label, held.epoch)
        if (log_epoch, held.position) != (store.db.epoch, store.db.head):
            at = f"{held.position} of {log_epoch}"
            raise Violation("I10", f"{who} stays at {at}, the head is {store.db.head} of {store.db.epoch}")
        if shown != selection:
            raise Violation("I9", f"{who} shows {shown}, the right is to {selection}")


@contextmanager
def small_bounds() -> Iterator[None]:
    """Let passes, turns and slices be so small that much comes between them."""
    before = fanout.SLICE_MEMBERS, lane.PASS_BYTES, outflow.TURN_BYTES
    fanout.SLICE_MEMBERS, lane.PASS_BYTES, outflow.TURN_BYTES = 1, 400, 200  # type: ignore[misc]
    try:
        yield
    finally:
        fanout.SLICE_MEMBERS, lane.PASS_BYTES, outflow.TURN_BYTES = before  # type: ignore[misc]


def run(plan: Plan, story: list[str] | None = None) -> Schedule:
    """Run a plan to its end; whatever is raised is what it found. `story` is told what happens."""
    with small_bounds():
        schedule = Schedule(plan.setup)
        schedule.world.heard = story
        for index, (name, number) in enumerate(plan.steps, 1):
            if story is None:
                schedule.step(name, number)
                continue
            told = len(story)
            story.append(f"{index:4} {schedule.world.time.now:8.2f} s  {name}")
            done = schedule.step(name, number)
            if done is None:
                del story[told]
            else:
                story[told] += _words(done)
        if story is not None:
            story.append("     and everything comes to rest")
        schedule.settle()
        return schedule


def _words(done: object) -> str:
    return ": " + " ".join(map(str, done if isinstance(done, tuple) else (done,)))
