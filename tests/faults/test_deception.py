"""The shim deceives about the wall clock and the disk, and about nothing else; a fault of either would else be none."""

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from core.demo.embedded import PostgresServer
from tests.faults.deception import Deception
from tests.support.ports import free_port
from tests.support.processes import environment

TELL = """
import sys, threading, time
for line in sys.stdin:
    began, lock = time.monotonic(), threading.Lock()
    lock.acquire()
    lock.acquire(timeout=0.05)
    waited = time.monotonic() - began
    try:
        with open(sys.argv[1], "ab") as file:
            file.write(b"more")
        wrote = 1
    except OSError as error:
        wrote = -error.errno
    print(time.time(), waited, wrote, flush=True)
"""

NO_SPACE = 28


@pytest.fixture
def deception(tmp_path: Path) -> Deception:
    """What is told, honest at first."""
    found = Deception(tmp_path / "deception")
    assert found.variables(), "there is no compiler: CI must have one"
    return found


def test_a_process_is_deceived_while_it_runs(deception: Deception, tmp_path: Path) -> None:
    """Wall clock and disk lie when told to and no longer; waits take as long as they should."""
    command = [sys.executable, "-c", TELL, str(tmp_path / "file")]
    with subprocess.Popen(
        command, env=environment(**deception.variables()), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        bufsize=1,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        for clock_seconds, disk_full in [(0.0, False), (3600.0, False), (-864_000.5, True), (0.0, False)]:
            deception.tell(clock_seconds=clock_seconds, disk_full=disk_full)
            process.stdin.write("\n")
            shown, waited, wrote = map(float, process.stdout.readline().split())
            assert shown - time.time() == pytest.approx(clock_seconds, abs=1)
            assert 0.05 <= waited < 1
            assert wrote == (-NO_SPACE if disk_full else 1)
        process.stdin.close()


def test_postgresql_is_deceived(deception: Deception, tmp_path: Path) -> None:
    """Its clock is wrong, its tables can't grow, and it works again afterwards."""
    server = PostgresServer(
        tmp_path / "postgres", port=free_port(), settings={"fsync": "off"}, variables=deception.variables()
    )
    try:
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE filling (text text)")
            deception.tell(clock_seconds=36_000.0, disk_full=True)
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            assert row is not None
            assert row[0] - time.time() == pytest.approx(36_000, abs=5)
            with pytest.raises(psycopg.errors.DiskFull):
                connection.execute("INSERT INTO filling SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
            deception.tell()
            connection.execute("INSERT INTO filling SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
    finally:
        server.kill()
