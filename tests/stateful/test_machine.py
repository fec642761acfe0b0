"""P1 to P3 on real PostgreSQL, whatever the order of things: hypothesis owns the interleaving."""

from core.demo.embedded import PostgresServer
from tests.stateful.machine import run
from tests.stateful.stage import stage_on

PLAYS = 40


def test_the_log_is_what_was_committed(postgres: PostgresServer) -> None:
    """I1 to I5: between all statements of writers, relays and readers, with backends that end at any moment."""
    with stage_on(postgres) as stage:
        run(stage, plays=PLAYS)
