"""An embedded Valkey (or Redis): a wire, so nothing of it is kept on disk but its log and password."""

import os
import signal
import socket
import time
from pathlib import Path

from core.demo.embedded import children
from core.demo.embedded.binaries import valkey_binary
from core.demo.embedded.errors import EmbeddedError
from core.demo.embedded.folders import free_port, private_folder, size_of
from core.demo.embedded.server import EmbeddedServer

START_SECONDS = 15.0


class ValkeyServer(EmbeddedServer):
    """A Valkey that listens on 127.0.0.1 with a password; every failure is an EmbeddedError of one line."""

    def __init__(self, folder: Path, *, port: int | None = None, nap: children.Nap = time.sleep) -> None:
        super().__init__(folder, "valkey.log", port=port, nap=nap)

    def url(self, database: int = 0) -> str:
        """Return a URL for `REDIS_URL`."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers; a restarted one keeps its port."""
        binary = valkey_binary()
        private_folder(self.folder)
        if self.port is None:
            self.port = free_port()
        settings = [
            *("bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}"),
            *('save ""', "appendonly no", "daemonize no", "databases 64"),
        ]
        self._since = size_of(self.log)
        self.process = children.spawn(
            [binary, "-"],  # the settings come by standard input: arguments can be read by anyone
            folder=self.folder,
            log=self.log,
            last_signal=signal.SIGKILL,
            stdin="\n".join(settings).encode(),
        )
        self._wait_until_ready()

    def stop(self) -> None:
        """Shut down in order."""
        if self.process:
            children.end(self.process, (signal.SIGTERM, 5.0))

    def kill(self) -> None:
        """Kill it with -9."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Stop the process without ending a connection."""
        assert self.process is not None, "not started"
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        assert self.process is not None, "not started"
        os.kill(self.process.pid, signal.SIGCONT)

    def _wait_until_ready(self) -> None:
        assert self.process is not None and self.port is not None
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port, self.password):
            if self.process.poll() is not None:
                raise EmbeddedError(f"Valkey does not start: {self.reason()} (log: {self.log})")
            if time.monotonic() > deadline:
                self.kill()
                raise EmbeddedError(f"Valkey does not answer after {START_SECONDS:.0f} s (log: {self.log})")
            self.nap(0.01)


def _answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\n".encode())
            return connection.recv(3) == b"+OK"
    except OSError:
        return False
