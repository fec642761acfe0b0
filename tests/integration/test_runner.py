"""`make run` as a person meets it: it comes up, goes on, recovers, and says in one line what is wrong."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from core.demo.embedded import RunState, children
from tests.conftest import Servers, StartProcess
from tests.support.ports import free_port
from tests.support.processes import CHECKOUT, PRODUCTION, Process, environment
from tests.support.waiting import eventually

READY = "open http://127.0.0.1"
UP_SECONDS = 90.0
DOWN_SECONDS = 10.0


class Runner:
    """Runs of one TIDELINE_HOME on one port."""

    def __init__(self, processes: StartProcess, home: Path) -> None:
        self.processes = processes
        self.home = home
        self.port = free_port()

    def start(self, **variables: str) -> Process:
        """Start a run; it is not up yet."""
        argv = [sys.executable, "-m", "core.demo.run", "--port", str(self.port)]
        return self.processes("run", argv, TIDELINE_HOME=str(self.home), **variables)

    def up(self, **variables: str) -> Process:
        """Start a run and wait until it says that it is up."""
        run = self.start(**variables)
        run.wait_for(READY, UP_SECONDS)
        return run

    def refused(self, **variables: str) -> str:
        """Start a run that can't be; return the only line that it says about that."""
        run = self.start(**variables)
        assert run.wait(UP_SECONDS) == 1
        *before, last = run.output.splitlines()
        assert all(line.endswith("…") for line in before), run.output
        return last

    @property
    def state(self) -> RunState:
        """The state of the live run."""
        state = RunState.read(self.home)
        assert state is not None
        return state

    def value(self, query: str) -> object:
        """Return the first value of a query on the run's database."""
        with psycopg.connect(self.state.database_url, autocommit=True) as connection:
            cursor = connection.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def make(self, target: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a target of the Makefile on the same home."""
        return subprocess.run(
            ["make", "--silent", target],
            cwd=CHECKOUT,
            env=environment(TIDELINE_HOME=str(self.home)),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def runner(processes: StartProcess, tmp_path: Path) -> Runner:
    """Runs in a home of their own."""
    return Runner(processes, tmp_path / "home")


def family(process: Process) -> dict[int, str]:
    """Return the processes that a run has started, by id, with their command lines."""
    return {pid: " ".join(children.command_line(pid)) for pid in children.descendants(process.pid)}


def child(process: Process, word: str) -> int | None:
    """Return the id of the run's child whose command line has the word."""
    return next((pid for pid, line in family(process).items() if word in line), None)


def get(port: int, path: str) -> tuple[int, str]:
    """Return status and body of a page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.status, answer.read().decode()


def test_it_comes_up_stops_and_goes_on_with_the_same_data(runner: Runner) -> None:
    """One command starts everything, prints where it is, and SIGTERM leaves nothing; the next run has the data."""
    run = runner.up()
    assert re.search(rf"open http://127\.0\.0\.1:{runner.port}/ — sign in as staff, customer1 .* demo-only", run.output)
    assert get(runner.port, "/readyz")[0] == 200
    assert "password" in get(runner.port, "/sign-in/")[1]
    assert run.output.count("\n") < 12

    urls = runner.make("urls")
    assert urls.stdout == f"DATABASE_URL={runner.state.database_url}\nREDIS_URL={runner.state.redis_url}\n"
    psql = runner.make("psql", "SELECT 'or' || 'ders', count(*) >= 300 FROM orders_order;")
    assert re.search(r"orders *\| t", psql.stdout), psql.stderr
    runner.value("UPDATE catalogue_material SET name = 'Kept' WHERE id = (SELECT min(id) FROM catalogue_material)")
    before = runner.value("SELECT sum(head) FROM realtime_stream")
    eventually(lambda: runner.value("SELECT sum(head) FROM realtime_stream") != before, 20, what="trade changes rows")

    started = family(run)
    assert run.stop(DOWN_SECONDS) == 0
    assert run.output.endswith("tideline: stopped\n")
    assert [line for pid, line in started.items() if children.alive(pid)] == []
    assert RunState.read(runner.home) is None
    nothing = runner.make("urls")
    assert nothing.returncode != 0
    assert "nothing runs in" in nothing.stderr

    again = runner.up()
    assert "making a PostgreSQL" not in again.output
    assert runner.value("SELECT count(*) FROM catalogue_material WHERE name = 'Kept'") == 1
    again.send(signal.SIGINT)
    assert again.wait(DOWN_SECONDS) == 0


def test_a_killed_run_is_recovered(runner: Runner) -> None:
    """After kill -9 nothing is left running, the state is known as stale, and the next run starts at once."""
    run = runner.up()
    started = family(run)
    run.kill()
    eventually(lambda: not any(children.alive(pid) for pid in started), 10)
    assert runner.make("urls").returncode != 0
    assert runner.make("psql").returncode != 0
    again = runner.up()
    assert again.stop(DOWN_SECONDS) == 0


def test_what_crashes_is_started_again(runner: Runner) -> None:
    """A killed relay, PostgreSQL or Valkey comes back by itself, with one line each, and views can be right again."""
    run = runner.up()
    for word, name in ((" relay", "the relay"), ("valkey-server", "Valkey"), ("postgres -D", "PostgreSQL")):
        pid = child(run, word)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        run.wait_for(f"{name} ended: .*; starting it again in 1 s")
        eventually(lambda: child(run, word), 20)  # noqa: B023 (called at once)
    eventually(lambda: answers(runner.port), 60)
    assert run.stop(DOWN_SECONDS) == 0


def answers(port: int) -> bool:
    """Tell whether the server says that it is ready."""
    try:
        return get(port, "/readyz")[0] == 200
    except OSError:
        return False


def test_make_ends_with_what_it_started(runner: Runner, processes: StartProcess) -> None:
    """kill -9 of `make` itself leaves nothing behind either."""
    make = processes("make", ["make", "run", f"PORT={runner.port}"], TIDELINE_HOME=str(runner.home))
    make.wait_for("making a PostgreSQL|migrating", UP_SECONDS)
    started = family(make)
    make.kill()
    eventually(lambda: not any(children.alive(pid) for pid in started), DOWN_SECONDS)


def test_sigterm_while_starting_leaves_nothing(runner: Runner) -> None:
    """Ctrl-C does not have to wait until everything is up."""
    run = runner.start()
    run.wait_for("migrating", UP_SECONDS)
    started = family(run)
    assert run.stop(DOWN_SECONDS) == 0
    assert not any(children.alive(pid) for pid in started)


def test_a_taken_port_is_one_line(runner: Runner) -> None:
    """Nothing is started when nobody could reach it."""
    with socket.create_server(("127.0.0.1", runner.port)):
        line = runner.refused()
    assert line == f"tideline: port {runner.port} is taken: choose another, as in `make run PORT=9000`"
    assert not (runner.home / "postgres").exists()


def test_a_second_run_is_refused(runner: Runner, processes: StartProcess) -> None:
    """Two runs in one folder would fight over the data: the line names the first."""
    first = runner.start()
    first.wait_for("migrating", UP_SECONDS)
    other = Runner(processes, runner.home)
    assert f"another run (process {first.pid}) uses {runner.home}" in other.refused()
    first.stop(DOWN_SECONDS)


@pytest.mark.parametrize(
    ("variable", "name"), [("TIDELINE_POSTGRES_BIN", "PostgreSQL"), ("TIDELINE_VALKEY_BIN", "Valkey")]
)
def test_a_missing_binary_is_one_line(runner: Runner, variable: str, name: str) -> None:
    """The line says what is missing and what to install."""
    assert re.match(f"tideline: no {name}.* here: install .*", runner.refused(**{variable: "/nowhere"}))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with 24 MB on it; a first start needs twice as much."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount one: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_one_line_and_recovers(processes: StartProcess, small_disk: Path) -> None:
    """The line says that there is no space; with space, the same command goes on."""
    runner = Runner(processes, small_disk / "home")
    assert "No space left on device" in runner.refused()
    subprocess.run(["mount", "-o", "remount,size=1g", small_disk], check=True)
    run = runner.start()
    run.wait_for("loading the demo data", UP_SECONDS)
    assert run.stop(DOWN_SECONDS) == 0


@pytest.fixture
def given(servers: Servers) -> Callable[[str], dict[str, str]]:
    """Make a database on a server of somebody's own; return the variables that name it."""
    postgres, valkey = servers.postgres(), servers.valkey()

    def make(name: str) -> dict[str, str]:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return {"DATABASE_URL": postgres.url(name), "REDIS_URL": valkey.url(), "SECRET_KEY": PRODUCTION["SECRET_KEY"]}

    return make


def test_a_database_of_ones_own_gets_no_demo(runner: Runner, given: Callable[[str], dict[str, str]]) -> None:
    """Without DEMO=1 it is migrated and served; no user with a published password is ever made."""
    run = runner.up(**given("own"))
    assert "no demo data and no trade" in run.output
    assert "demo-only" not in run.output
    assert runner.value("SELECT count(*) FROM accounts_user") == 0
    assert not any("trade" in line or "postgres -D" in line for line in family(run).values())
    assert run.stop(DOWN_SECONDS) == 0


def test_demo_goes_into_an_empty_database_alone(runner: Runner, given: Callable[[str], dict[str, str]]) -> None:
    """DEMO=1 seeds an empty database, goes on with a marked one, and refuses one with somebody's data."""
    variables = given("fresh")
    for _ in range(2):
        run = runner.up(DEMO="1", **variables)
        assert runner.value("SELECT count(*) > 0 FROM accounts_user WHERE username = 'staff'") is True
        assert run.stop(DOWN_SECONDS) == 0

    lived_in = given("lived_in")
    run = runner.up(**lived_in)
    runner.value(
        "INSERT INTO accounts_user (username, password, first_name, last_name, email,"
        " is_staff, is_superuser, is_active, date_joined) VALUES ('owner', '!', '', '', '', true, true, true, now())"
    )
    assert run.stop(DOWN_SECONDS) == 0
    assert "manage.py seed` failed" in runner.refused(DEMO="1", **lived_in)


def test_servers_out_of_reach_are_one_line(runner: Runner, given: Callable[[str], dict[str, str]]) -> None:
    """The line names the variable; no password is printed."""
    variables = given("away")
    port = free_port()
    started = time.monotonic()
    lost = {**variables, "DATABASE_URL": f"postgresql://someone:secretword@127.0.0.1:{port}/x"}
    line = runner.refused(**lost)
    assert line.startswith("tideline: DATABASE_URL can't be reached:")
    lost = {**variables, "REDIS_URL": f"redis://:secretword@127.0.0.1:{port}/0"}
    assert "REDIS_URL can't be reached:" in (other := runner.refused(**lost))
    assert "secretword" not in line + other
    assert time.monotonic() - started < 20
