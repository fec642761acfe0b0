"""`make run`: everything that Tideline needs, from one command, until Ctrl-C.

    python -m core.demo.run --port 8000 --processes 1

Starts the embedded servers (or uses those of DATABASE_URL and REDIS_URL), migrates, loads the demo data, and
supervises relay, server and trade. Django is not set up in this process: it only starts and watches others.
Demo data and trade, with their published passwords, need a database of our own or DEMO=1.
"""

import argparse
import contextlib
import ctypes
import errno
import io
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import psycopg
import redis
from psycopg import sql

from core.demo.embedded import EmbeddedError, PostgresServer, RunState, ValkeyServer
from core.demo.embedded.children import PR_SET_PDEATHSIG, Nap
from core.demo.embedded.folders import private_folder, secret
from core.demo.embedded.state import RunLock, home
from core.demo.people import API_TOKEN
from core.demo.supervision import Command, Supervisor

DATABASE = "tideline"
HOST = "127.0.0.1"
READY_SECONDS = 60.0
NAP_SECONDS = 0.05
SIGN_INS = "sign in as staff, customer1 … customer12 or admin; the password is demo-only"


class Stopping(BaseException):
    """A signal asked the run to end."""


class Signals:
    """Notes SIGINT, SIGTERM and SIGHUP, to be acted upon where it is safe.

    A handler that raised would do so anywhere, also where Python swallows it (around a fork, for one).
    """

    def __init__(self) -> None:
        self.received = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def nap(self, seconds: float) -> None:
        """Sleep; raise Stopping as soon as a signal has come."""
        deadline = time.monotonic() + seconds
        while not self.received:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            time.sleep(min(NAP_SECONDS, remaining))
        raise Stopping

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = True


def say(line: str) -> None:
    """Print one line for the person at the terminal, who may be gone by now."""
    with contextlib.suppress(OSError):
        print(f"tideline: {line}", flush=True)


class Run:
    """One run on a TIDELINE_HOME, from taking its lock to giving it back."""

    def __init__(self, folder: Path, port: int, processes: int, environ: dict[str, str], nap: Nap) -> None:
        self.folder = folder
        self.port = port
        self.processes = processes
        self.environ = environ
        self.nap = nap
        self.database_url = environ.get("DATABASE_URL", "")
        self.redis_url = environ.get("REDIS_URL", "")
        self.demo = not self.database_url or environ.get("DEMO", "").lower() in ("1", "true", "yes", "on")
        self.lock = RunLock(folder)
        self.supervisor = Supervisor(say, nap)

    def __call__(self) -> None:
        """Run until a signal comes; EmbeddedError when it can't start."""
        self.lock.acquire()
        try:
            self.start()
            self.supervisor.watch()
        finally:
            self.supervisor.stop()
            self.lock.release()

    def start(self) -> None:
        """Start everything and say where it is."""
        wait_for_port(self.port, self.nap)
        self.start_servers()
        RunState(self.database_url, self.redis_url, self.port, os.getpid()).write(self.folder)
        self.prepare()
        self.supervisor.start("the relay", self.command("relay"))
        server = self.command("serve", "--host", HOST, "--port", str(self.port), "--processes", str(self.processes))
        self.supervisor.start("the server", server)
        server.wait_for("Tideline on", READY_SECONDS)
        if self.demo:
            self.supervisor.start("the trade simulation", self.command("trade"))
        self.wait_until_ready()
        say(f"open http://{HOST}:{self.port}/ — {SIGN_INS if self.demo else 'sign in with your own users'}")
        if self.demo:
            say(f"ring everyone's bell, from another terminal:\n\n{ring(self.port)}\n")
        say("`make psql` opens a prompt on the database, `make urls` prints the addresses, Ctrl-C stops everything")

    def start_servers(self) -> None:
        """Start the servers that were not given, and reach those that were."""
        if self.database_url:
            reach("DATABASE_URL", lambda: psycopg.connect(self.database_url, connect_timeout=5).close())
        else:
            postgres = PostgresServer(self.folder / "postgres", nap=self.nap)
            if not postgres.data.exists():
                say(f"making a PostgreSQL in {self.folder} …")
            self.supervisor.start("PostgreSQL", postgres)
            create_database(postgres, DATABASE)
            self.database_url = postgres.url(DATABASE)
        if self.redis_url:
            reach("REDIS_URL", lambda: redis.Redis.from_url(self.redis_url, socket_connect_timeout=5).ping())
        else:
            valkey = ValkeyServer(self.folder / "valkey", nap=self.nap)
            self.supervisor.start("Valkey", valkey)
            self.redis_url = valkey.url()

    def prepare(self) -> None:
        """Bring the schema up to date and load the demo data, which a second run finds there."""
        say("migrating …")
        self.command("migrate", "--no-input").run()
        if self.demo:
            say("loading the demo data …")
            self.command("seed").run()
        else:
            say("this database is yours: no demo data and no trade (DEMO=1 allows them on an empty one)")

    def command(self, *arguments: str) -> Command:
        """Return a management command that finds its servers through this run's state."""
        env = {
            "ALLOWED_HOSTS": f"{HOST},localhost",
            "ALLOW_HTTP": "1",  # it listens on this machine alone
            **self.environ,
            "TIDELINE_HOME": str(self.folder),
            "SECRET_KEY": self.secret_key(),
        }
        return Command(*arguments, folder=private_folder(self.folder / "logs"), env=env, nap=self.nap)

    def secret_key(self) -> str:
        """Return the environment's SECRET_KEY, or with embedded servers one of this folder's own."""
        given = self.environ.get("SECRET_KEY", "")
        return given if given or self.environ.get("DATABASE_URL") else secret(self.folder / "secret-key")

    def wait_until_ready(self) -> None:
        """Wait until a change can travel the whole way; say so when it can't."""
        url = f"http://{HOST}:{self.port}/readyz"
        deadline = time.monotonic() + READY_SECONDS
        while (answer := ask(url)) is not None:
            if time.monotonic() > deadline:
                say(f"not ready after {READY_SECONDS:.0f} s: {answer} (logs: {self.folder / 'logs'})")
                return
            self.nap(0.25)


def ring(port: int) -> str:
    """Return the command that tells everyone something, with the demo's API key."""
    return (
        f"  curl http://{HOST}:{port}/api/v1/notifications -H 'Authorization: Bearer {API_TOKEN}' \\\n"
        """    --json '{"to": "everyone", "title": "Hello from a shell", "level": "success", "link": "/materials/"}'"""
    )


def ask(url: str) -> str | None:
    """Return None for an answer of 200, else what was answered."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (our own address)
            return None
    except urllib.error.HTTPError as error:
        with error:
            lines = error.read(500).decode(errors="replace").strip().splitlines()
        return f"{error.code} {lines[0] if lines else ''}"
    except OSError as error:
        return str(error)


def reach(name: str, connect: Callable[[], object]) -> None:
    """Connect once; raise EmbeddedError that names the variable when that fails."""
    try:
        connect()
    except (psycopg.Error, redis.RedisError, ValueError) as error:
        raise EmbeddedError(f"{name} can't be reached: {str(error).splitlines()[0]}") from error


def create_database(server: PostgresServer, name: str) -> None:
    """Create the database unless it is there."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def wait_for_port(port: int, nap: Nap) -> None:
    """Make sure that the port is free; a run that was just killed gives it back within a moment."""
    deadline = time.monotonic() + 2
    while True:
        try:
            socket.create_server((HOST, port)).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise EmbeddedError(f"can't listen on port {port}: {error.strerror}") from error
            if time.monotonic() > deadline:
                raise EmbeddedError(f"port {port} is taken: choose another, as in `make run PORT=9000`") from error
            nap(0.1)
        else:
            return


def port_number(text: str) -> int:
    """Return a TCP port; ValueError for what is none."""
    if not 0 < int(text) < 65536:
        raise ValueError(text)
    return int(text)


def die_with_parent() -> None:
    """End this run too when the `make` that started it is killed with -9."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str]) -> int:
    """Run; return the exit code: 0 after Ctrl-C or SIGTERM, 1 after one clear line."""
    parser = argparse.ArgumentParser(prog="python -m core.demo.run", description="Run everything.")
    parser.add_argument("--port", type=port_number, default=8000, help="HTTP port (default %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="server processes (default %(default)s)")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one does")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no "…" gets a "?"
    signals = Signals()
    if options.with_parent:
        die_with_parent()
    try:
        Run(home(), options.port, options.processes, dict(os.environ), signals.nap)()
    except Stopping:
        say("stopped")
        return 0
    except EmbeddedError as error:
        say(str(error))
        return 1
    except psycopg.Error as error:
        say(f"PostgreSQL refuses: {str(error).splitlines()[0]}")
        return 1
    except OSError as error:
        full = "the disk is full: " if error.errno == errno.ENOSPC else ""
        say(f"{full}{error.strerror or error} ({error.filename or home()})")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
