"""An embedded PostgreSQL: one cluster in one private folder, started and stopped."""

import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from core.demo.embedded import children
from core.demo.embedded.binaries import postgres_folder
from core.demo.embedded.errors import EmbeddedError
from core.demo.embedded.folders import free_port, private_folder, reason_in, size_of
from core.demo.embedded.server import EmbeddedServer

USER = "tideline"
START_SECONDS = 60.0
"""A start after a crash replays the WAL first."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m ",
}


class PostgresServer(EmbeddedServer):
    """A PostgreSQL with its data, log and password under `folder`; made on the first start.

    `settings` are added to `SETTINGS`, `variables` to the environment. Every failure is an EmbeddedError of one line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        nap: children.Nap = time.sleep,
    ) -> None:
        super().__init__(folder, "postgres.log", port=port, nap=nap)
        self.data = folder / "data"
        self.settings = {**SETTINGS, **(settings or {})}
        self._variables = dict(variables or {})

    def url(self, database: str = "postgres") -> str:
        """Return a URL for `DATABASE_URL`."""
        return f"postgresql://{USER}:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it takes connections; end what a killed run left in the folder."""
        binaries = postgres_folder()
        private_folder(self.folder)
        prepare = _identity(self.folder)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries, prepare)
        self._end_leftover()
        if self.port is None:
            self.port = free_port()
        self._since = size_of(self.log)
        options = [f"--{name}={value}" for name, value in {**self.settings, "port": str(self.port)}.items()]
        self.process = children.spawn(
            [binaries / "postgres", "-D", self.data, *options],
            folder=self.folder,
            log=self.log,
            last_signal=signal.SIGINT,  # a fast shutdown: an orderly one, that doesn't wait for clients
            prepare=prepare,
            env={**_environment(), **self._variables},
        )
        self._wait_until_ready()

    def stop(self) -> None:
        """Shut down in order: sessions are ended, everything is written; at once when that takes too long."""
        if self.process:
            children.end(self.process, (signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))

    def kill(self) -> None:
        """Kill the server and its sessions with -9, as a crash would; `start` recovers."""
        if self.process:
            everyone = [*children.descendants(self.process.pid), self.process.pid]
            self._kill_all(everyone)
            self.process.wait()

    def freeze(self) -> None:
        """Stop all its processes without ending a connection, as a hanging machine would."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all its processes go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and its sessions; a session may end meanwhile."""
        assert self.process is not None, "not started"
        for pid in [self.process.pid, *children.descendants(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    @staticmethod
    def _kill_all(pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while any(children.alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _initialise(self, binaries: Path, prepare: Callable[[], None] | None) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise EmbeddedError(f"{self.data} is not a PostgreSQL data folder and not empty: move it away")
        # Made beside its place and moved there when complete: a killed initdb leaves only a draft.
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        private_folder(draft)
        if prepare is children.become_nobody:
            os.chown(draft, children.NOBODY, children.NOBODY)
        assert self.password
        argv: list[str | Path] = [
            *(binaries / "initdb", "-D", draft, "-U", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *(f"--pwfile={self.folder / 'password'}", "--no-sync", "--no-instructions"),
        ]
        child = children.spawn(
            argv,
            folder=self.folder,
            log=self.log,
            last_signal=signal.SIGKILL,
            prepare=prepare,
            env=_environment(),
        )
        try:
            while child.poll() is None:
                self.nap(0.02)
        finally:
            children.end(child)
        if child.returncode != 0:
            raise EmbeddedError(f"PostgreSQL can't make its data folder: {reason_in(self.log)} (log: {self.log})")
        draft.replace(self.data)

    def _end_leftover(self) -> None:
        """End a postgres that a killed run left in this folder, and take its lock away when it is stale.

        The caller holds the folder (one run at a time). PostgreSQL itself removes a stale lock only while no
        other process has the same id.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            lock.unlink(missing_ok=True)
            return
        if str(self.data) in children.command_line(pid):
            for number, seconds in ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0)):
                if _ended(pid, number, seconds):
                    break
            else:
                self._kill_all([*children.descendants(pid), pid])
        if str(self.data) not in children.command_line(pid):
            lock.unlink(missing_ok=True)

    def _wait_until_ready(self) -> None:
        assert self.process is not None and self.port is not None
        deadline = time.monotonic() + START_SECONDS
        while not _takes_connections(self.port):
            if self.process.poll() is not None:
                raise EmbeddedError(f"PostgreSQL does not start: {self.reason()} (log: {self.log})")
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"PostgreSQL takes no connections after {START_SECONDS:.0f} s (log: {self.log})")
            self.nap(0.02)


def _identity(folder: Path) -> Callable[[], None] | None:
    """Return what makes a child of root somebody else: PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    if children.namespaces_allowed():
        return children.become_nobody_in_namespace
    for path in (folder, *folder.rglob("*")):
        os.chown(path, children.NOBODY, children.NOBODY)
    return children.become_nobody


def _environment() -> dict[str, str]:
    """Return this environment without what would change how PostgreSQL is set up."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}


def _ended(pid: int, number: signal.Signals, seconds: float) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    deadline = time.monotonic() + seconds
    while children.alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _takes_connections(port: int) -> bool:
    """Tell whether PostgreSQL answers a start-up packet with a request for the password, not with an error."""
    parameters = f"user\0{USER}\0database\0postgres\0\0".encode()
    packet = struct.pack("!II", len(parameters) + 8, 196608) + parameters
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(packet)
            return connection.recv(1) == b"R"
    except OSError:
        return False
