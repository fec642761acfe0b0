"""`manage.py relay` as an operator runs it."""

from collections.abc import Callable

from tests.support.databases import Database
from tests.support.processes import Process
from tests.support.waiting import eventually

HEAD = "SELECT head FROM realtime_stream WHERE name = 'inventory'"


def test_it_says_when_it_is_ready_relays_and_stops_on_sigterm(
    relay_process: Callable[..., Process], database: Database
) -> None:
    """One line at the start, one at the end, exit code 0; changes get positions in between."""
    process = relay_process()
    process.wait_for("Relay ready")
    database.execute("INSERT INTO stock_warehouse (code) VALUES ('A')")
    eventually(lambda: database.execute(HEAD) == [(1,)])
    assert process.stop() == 0
    assert "Relay stopped" in process.output


def test_without_a_database_it_ends_with_one_line(relay_process: Callable[..., Process]) -> None:
    """No traceback: what is wrong, and a non-zero exit code."""
    process = relay_process(DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    assert process.wait(30) != 0
    assert "PostgreSQL can't be used" in process.output
    assert "Traceback" not in process.output


def test_it_refuses_to_start_when_a_capture_is_missing(
    relay_process: Callable[..., Process], database: Database
) -> None:
    """A watched table without its trigger would lose changes in silence."""
    database.execute("DROP TRIGGER realtime_update ON stock_stocklevel")
    process = relay_process()
    assert process.wait(30) != 0
    assert 'stock_stocklevel" is watched and lacks realtime_update' in process.output


def test_it_outlives_an_outage_of_the_database(relay_process: Callable[..., Process], database: Database) -> None:
    """Once it has run it goes on after its connections were ended, by itself."""
    process = relay_process()
    process.wait_for("Relay ready")
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tideline-relay'")
    database.execute("INSERT INTO stock_warehouse (code) VALUES ('A')")
    eventually(lambda: database.execute(HEAD) == [(1,)])
    assert process.running
