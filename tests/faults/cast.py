"""Who takes part in a round: which people come as clients, to which server, and what they subscribe to."""

from tests.faults.history import Reads
from tests.faults.people import Person
from tests.faults.recorder import Recorder
from tests.faults.scene import Scene

DOCS_OF = "SELECT id FROM proof_doc WHERE owner_id = %s ORDER BY id LIMIT %s"
ANY_DOCS = "SELECT id FROM proof_doc ORDER BY id LIMIT %s"
LAST_DOCS = "SELECT id FROM proof_doc ORDER BY id DESC LIMIT %s"
DOCS = 2
HOPPED_DOCS = 4
BUYERS_OF_EACH = 2
SLOW_RATE = 5.0
"""Some ask for so many `changes` a second."""


async def enter(scene: Scene) -> None:
    """Let all staff come, and buyers of every customer, to both servers."""
    people = scene.people
    buyers = [people.of(customer)[turn] for turn in range(BUYERS_OF_EACH) for customer in people.customers]
    for number, person in enumerate([*people.staff, *buyers]):
        await join(scene, person, max_rate=SLOW_RATE if number % 4 == 3 else None)
    for number, port in enumerate(scene.stage.client_ports):
        await hop(scene, people.staff[0], f"hopper/{number}", port)


async def hop(scene: Scene, person: Person, name: str, port: int) -> None:
    """Let a client come that leaves its documents and comes back without a cursor: snapshots meet the stream."""
    cookie = await scene.insist(scene.people.cookie, person)
    topics = await scene.insist(docs_of, scene, LAST_DOCS, HOPPED_DOCS)
    scene.crowd.add(name, person.name, cookie, topics, port, hops=True)


async def join(
    scene: Scene, person: Person, *, reads: Reads = Reads.ALL, max_rate: float | None = None, server: int | None = None
) -> Recorder:
    """Let a client of the person come, to the servers in turn unless one is named."""
    cookie = await scene.insist(scene.people.cookie, person)
    topics = await scene.insist(topics_of, scene, person)
    ports = scene.stage.client_ports
    number = len(scene.crowd.recorders)
    port = ports[number % len(ports) if server is None else server]
    name = f"{person.name}/{number}"
    return scene.crowd.add(name, person.name, cookie, topics, port, max_rate=max_rate, reads=reads)


def topics_of(scene: Scene, person: Person) -> list[str]:
    """Return what a person subscribes to: what is theirs, and some documents."""
    if person.staff:
        return ["proof/items", *docs_of(scene, ANY_DOCS, DOCS)]
    return ["proof/mine", *docs_of(scene, DOCS_OF, person.customer, DOCS)]


def docs_of(scene: Scene, query: str, *values: object) -> list[str]:
    """Return the topics of the documents that a query finds."""
    with scene.stage.connect() as connection:
        return [f"proof/doc/{row[0]}" for row in connection.execute(query, values).fetchall()]
