"""Views are exact whatever happens to the wire, the log, the processes and the clients."""

import pytest

from tests.simulation.schedules import Schedule

ROUNDS = 20
SEEDS_PER_ROUND = 50


def run(seed: int) -> None:
    """Run one schedule; whatever goes wrong names the seed."""
    try:
        Schedule(seed).run()
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize("start", range(0, ROUNDS * SEEDS_PER_ROUND, SEEDS_PER_ROUND))
def test_every_client_is_exact_at_every_position(start: int) -> None:
    """P2, P3, P4: at each position that a client is told, it has the permitted rows of that position."""
    for seed in range(start, start + SEEDS_PER_ROUND):
        run(seed)
