"""What a schedule begins with: processes, users, clients with their topics, and what is in the tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from realtime.pure.changes import RowKey
from tests.simulation.clients import Client
from tests.simulation.dice import Dice
from tests.simulation.held import Held
from tests.simulation.people import User
from tests.simulation.processes import Process
from tests.simulation.topics import TOPICS, Rights, make_row
from tests.simulation.world import World

RIGHTS = [
    ("anna", Rights(known=True, staff=False, customer=7)),
    ("bert", Rights(known=True, staff=False, customer=8)),
    ("carl", Rights(known=True, staff=False, customer=7)),
    ("dora", Rights(known=True, staff=True, customer=None)),
    ("nora", Rights(known=True, staff=False, customer=None)),
]
NOBODY_KNOWN = len(RIGHTS)
"""Who signs in with this number doesn't."""

SUITED = {
    "mine": (0, 1, 2, 4, 0, 1, 3), "doc/0": (0, 2, 3), "doc/1": (1, 0, 3), "items": (3, 3, 0), "groups": (3,),
    "totals": (0, 3, NOBODY_KNOWN, 5),
}  # fmt: skip
"""Who asks for a topic: mostly those who may see it."""

WINDOWS = (120, 300, 3000)
"""How many bytes are under way to a client: to a slow one about one frame."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One client: the number of its user, topics with their `max_rate`, and how fast it is."""

    user: int
    topics: tuple[tuple[str, float | None], ...]
    window: int


@dataclass(frozen=True, slots=True)
class Setup:
    """The beginning of a schedule, and how it ends.

    `restores`: the database may be replaced by an older copy of itself, where any relay would notice.
    `oblivious`: it is, under relays that have seen nothing of what is lost, while the only process has seen it all.
    `silent`: in the end nothing comes by the wire, so that what the log holds must be found by looking.
    """

    processes: int
    restores: bool
    oblivious: bool
    silent: bool
    clients: tuple[Caller, ...]


def draw_setup(random: Random) -> Setup:
    """Return a random one."""
    oblivious = random.random() < 0.12
    return Setup(
        processes=1 if oblivious else random.choice([1, 2, 2]),
        restores=oblivious or random.random() < 0.5,
        oblivious=oblivious,
        silent=random.random() < 0.3,
        clients=tuple(_draw_client(random) for _ in range(random.choice([3, 4, 5]))),
    )


def _draw_client(random: Random) -> Caller:
    first = random.choice(TOPICS)
    user = random.choice(SUITED[first])
    topics = [first]
    others = [topic for topic in TOPICS if user in SUITED[topic] and topic != first]
    if others and random.random() < 0.5:
        topics.append(random.choice(others))
    rates = [random.choice([2.0, 0.5]) if random.random() < 0.15 else None for _ in topics]
    return Caller(user, tuple(zip(topics, rates, strict=True)), random.choice(WINDOWS))


def make_users(world: World) -> None:
    """Let there be users."""
    began = world.time.now
    world.people.users = [User(pk, name, [(began, rights)]) for pk, (name, rights) in enumerate(RIGHTS, 1)]


def make_clients(setup: Setup, world: World) -> Iterator[Client]:
    """Yield the clients, none of them connected."""
    for number, part in enumerate(setup.clients):
        user = world.people.users[part.user] if part.user < NOBODY_KNOWN else None
        name = f"client {number} ({user.name if user else 'nobody'})"
        yield Client(name, world, user, [Held(topic, rate) for topic, rate in part.topics], part.window)


def make_processes(setup: Setup, world: World) -> list[Process]:
    """Return the server processes."""
    return [Process(f"process {number}", world) for number in range(setup.processes)]


def fill(world: World) -> None:
    """Let there be some rows, with their positions."""
    mine = world.store.begin()
    for number in range(4):
        for kind in ("item", "line", *(["doc"] if number < 2 else [])):
            row = {**make_row(kind, str(number), world.store.db.last_id + 1, Dice(number)), "owner": 7 + number % 2}
            if kind == "line":
                row["doc"] = number % 2
            world.store.log(mine, RowKey(kind, str(number)), row, None)
    world.store.commit(mine)
    world.relays[0].work(Dice(0))
    world.relays[0].outbox.clear()
