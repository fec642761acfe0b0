"""From a failing schedule to the shortest that fails in the same way, as far as leaving out can bring it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.simulation.schedules import Plan, Step, run
from tests.simulation.violations import sign_of

TRIES = 4_000


def sign_from(plan: Plan) -> str | None:
    """Return the sign of what a plan finds, None when it finds nothing."""
    try:
        run(plan)
    except Exception as error:  # noqa: BLE001 - whatever is raised is what was found
        return sign_of(error)
    return None


def shrink(plan: Plan, *, tries: int = TRIES, fails: Callable[[Plan], str | None] = sign_from) -> Plan:
    """Return a plan that finds the same with as little as possible: chunks, steps, clients left out, small numbers."""
    wanted = fails(plan)
    assert wanted is not None, "a plan that finds nothing can't be shrunk"
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for candidates in (_shorter, _fewer_clients, _smaller):
            current = candidates(plan)
            while left > 0 and (candidate := next(current, None)) is not None:
                left -= 1
                if fails(candidate) == wanted:
                    plan, progress = candidate, True
                    current = candidates(plan)
    return plan


def _shorter(plan: Plan) -> Iterator[Plan]:
    """Yield plans without some of the steps: large chunks first."""
    steps = list(plan.steps)
    size = len(steps) // 2
    while size:
        for start in range(len(steps) - size, -1, -size):
            yield replace(plan, steps=steps[:start] + steps[start + size :])
        size //= 2


def _fewer_clients(plan: Plan) -> Iterator[Plan]:
    """Yield plans with fewer clients, topics and processes."""
    setup = plan.setup
    clients = setup.clients
    for index in range(len(clients)):
        if len(clients) > 1:
            yield replace(plan, setup=replace(setup, clients=clients[:index] + clients[index + 1 :]))
    for index, client in enumerate(clients):
        if len(client.topics) > 1:
            for topic in client.topics:
                fewer = replace(client, topics=(topic,))
                yield replace(plan, setup=replace(setup, clients=(*clients[:index], fewer, *clients[index + 1 :])))
    if setup.processes > 1:
        yield replace(plan, setup=replace(setup, processes=1))


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans in which one step's number is smaller, so that it makes fewer choices."""
    steps: Sequence[Step] = plan.steps
    for index, (name, number) in enumerate(steps):
        for smaller in dict.fromkeys((0, number % 64, number % 4096, number % 2**24)):
            if smaller < number:
                yield replace(plan, steps=[*steps[:index], (name, smaller), *steps[index + 1 :]])
