"""P7: a relay that is killed or frozen between any two of its steps loses nothing and holds up no other for long."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realtime.adapters import assignment
from realtime.drivers.relay import Step
from tests.support import shelf
from tests.support.databases import Database
from tests.support.hubs import relay_on
from tests.support.processes import Process
from tests.support.waiting import eventually, soon

StartProcess = Callable[..., Process]


@pytest.fixture
def shelved(database: Database, redis_url: str) -> Database:
    """The shelf's tables with two items."""
    with database.connect() as connection:
        shelf.build(connection)
        connection.execute("INSERT INTO shelf_item (id, name) VALUES (1, 'a'), (2, 'b')")
    return database


@pytest.fixture
def stepped(processes: StartProcess, shelved: Database) -> Callable[[Step, signal.Signals], Process]:
    """Factory of relays that kill or freeze themselves after a step."""

    def start(step: Step, number: signal.Signals) -> Process:
        argv = ["-m", "tests.support.stepped_relay", shelf.engine_conninfo(), step.value, number.name]
        return processes("stepped", [sys.executable, *argv])

    return start


async def check_nothing_lost(database: Database) -> None:
    """Let another relay do what is left; the log then holds each change once and leads to the tables' rows."""
    database.execute("UPDATE shelf_item SET name = 'afterwards' WHERE id = 2")
    await shelf.drain()
    changes = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)
    assert [change.position for change in changes] == list(range(1, len(changes) + 1))
    assert [(change.key, change.new["name"]) for change in changes if change.new] == [
        ("1", "a"),
        ("2", "b"),
        ("2", "afterwards"),
    ]
    assert not database.execute("SELECT 1 FROM realtime_inbox")


@pytest.mark.parametrize("step", Step, ids=lambda step: step.value)
async def test_a_relay_killed_after_a_step_loses_nothing(
    stepped: Callable[[Step, signal.Signals], Process], database: Database, step: Step
) -> None:
    """Killed with -9 after each step: another relay goes on, each change has exactly one position."""
    process = stepped(step, signal.SIGKILL)
    process.wait()
    assert process.popen.returncode == -signal.SIGKILL, process.output
    await check_nothing_lost(database)


@pytest.mark.parametrize("step", Step, ids=lambda step: step.value)
async def test_a_relay_frozen_after_a_step_holds_up_no_other(
    stepped: Callable[[Step, signal.Signals], Process], database: Database, step: Step
) -> None:
    """Frozen after each step, with or without the lock: another relay goes on, and the thawed one does no harm."""
    process = stepped(step, signal.SIGSTOP)
    eventually(lambda: state_of(process) == "T", 20, what=f"frozen at {step.value}")
    await check_nothing_lost(database)
    process.thaw()
    database.execute("UPDATE shelf_item SET name = 'by the thawed' WHERE id = 1")
    eventually(lambda: not database.execute("SELECT 1 FROM realtime_inbox"), 20, what="the thawed relay goes on")
    changes = await shelf.read_log(shelf.STREAM, shelf.CAPTURES)
    assert [change.position for change in changes] == [1, 2, 3, 4]


def state_of(process: Process) -> str:
    """Return the kernel's letter for what the process does; T is stopped by a signal."""
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rsplit(")", 1)[1].split()[0]


async def test_a_wait_that_does_not_end_is_given_up(shelved: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock of PostgreSQL is set back while it sleeps: the relay goes on by its own clock."""
    asleep = [assignment.WAIT.replace("pg_sleep({seconds})", "pg_sleep(60)")]
    monkeypatch.setattr(assignment, "OVERDUE_SECONDS", 0.2)

    async def wait(connection: Any, low: assignment.LowWater, poll_seconds: float) -> None:
        with monkeypatch.context() as changed:
            if asleep:
                changed.setattr(assignment, "WAIT", asleep.pop())
            await sound(connection, low, poll_seconds)

    sound = assignment.wait
    monkeypatch.setattr("realtime.drivers.relay.assignment.wait", wait)
    async with relay_on():
        await soon(lambda: not asleep)
        shelved.execute("UPDATE shelf_item SET name = 'afterwards' WHERE id = 2")
        await soon(lambda: not shelved.execute("SELECT 1 FROM realtime_inbox"), 10)
        sleeping = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)%%' AND state = 'active'"
        assert not shelved.execute(sleeping + " AND pid <> pg_backend_pid()"), "the wait was ended in PostgreSQL too"
