"""What all peers have in common: a private folder, processes that end with it, and a connection that publishes."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.fanout.subjects import Change, Roles
from core.demo.embedded import ValkeyServer
from core.demo.embedded.folders import free_port, listening
from tests.support.processes import Process, environment
from tests.support.waiting import eventually

START_SECONDS = 30.0


class Missing(Exception):
    """A peer can't be had here; the message says why in one line."""


class Peer:
    """A `Subject` but for what each peer does its own way.

    That is: `install` it or raise Missing; `begin` its processes; say how its `audience` comes; `encode` a change for
    the connection that publishes.
    """

    name = ""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._processes: list[Process] = []
        self._publisher: Publisher | None = None
        self.folder = scratch
        self.valkey: ValkeyServer | None = None
        self.port = 0
        self.keyed = 0

    def install(self) -> None:
        """Install what is not there yet; raise Missing when that can't be done."""
        raise NotImplementedError

    def begin(self) -> "Publisher":
        """Start the processes; return a connection that publishes."""
        raise NotImplementedError

    def encode(self, change: Change) -> bytes:
        """Return what publishes a change, stamped now, as bytes of the publishing connection."""
        raise NotImplementedError

    def missing(self) -> str | None:
        """Install it; return why it can't be had in one line, or None."""
        try:
            self.install()
        except Missing as reason:
            return str(reason)
        return None

    def start(self, *, keyed: int) -> None:
        """Start it in a new private folder; topics come into being as subscribers ask for them."""
        self.install()
        self.keyed = keyed
        self.folder = Path(tempfile.mkdtemp(prefix="peer-", dir=self._scratch))
        self.port = free_port()
        self._publisher = self.begin()

    def publish(self, changes: Sequence[Change]) -> None:
        """Send all of them in one write."""
        assert self._publisher is not None, "not started"
        self._publisher.send(b"".join([self.encode(change) for change in changes]))

    def roles(self) -> Roles:
        """The processes that were started, and Redis where there is one."""
        broker = [self.valkey.process.pid] if self.valkey and self.valkey.process else []
        return Roles([process.pid for process in self._processes], broker)

    def stop(self) -> None:
        """End all that was started."""
        if self._publisher:
            self._publisher.close()
        for process in reversed(self._processes):
            process.clean_up()
        if self.valkey:
            self.valkey.kill()
        if self.folder != self._scratch:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._publisher, self.valkey, self._processes, self.folder = None, None, [], self._scratch

    def run(self, *argv: str | Path, **variables: str) -> None:
        """Start the server and wait until it takes connections on `port`."""
        environ = environment(**variables)
        log = self.folder / "log"
        process = Process([str(each) for each in argv], env=environ, log=log, cwd=self.folder)
        self._processes.append(process)
        eventually(lambda: listening(self.port) or not process.running, START_SECONDS, what=f"the port of {self.name}")
        assert process.running, f"{self.name} ended with {process.popen.returncode}:\n{process.output}"

    def run_valkey(self) -> ValkeyServer:
        """Start a private Valkey."""
        self.valkey = ValkeyServer(self.folder / "valkey")
        self.valkey.start()
        return self.valkey

    def topic(self, change: Change) -> str:
        """Return the name of a change's topic."""
        return f"own-{change.key:06}" if change.key >= 0 else "all"

    @property
    def subscribed(self) -> str:
        """The topic that a connection subscribes to, as the load client's script spells it."""
        return "own-{i:06}" if self.keyed else "all"


class Publisher:
    """A kept connection that publishes; what comes back is read and forgotten."""

    def __init__(self, port: int, opening: bytes = b"") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = threading.Thread(target=self._forget, name="publisher", daemon=True)
        self._reader.start()
        self.send(opening)

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _forget(self) -> None:
        with suppress(OSError):
            while self._socket.recv(65536):
                pass
