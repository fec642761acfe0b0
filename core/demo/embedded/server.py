"""What the embedded servers have in common: a private folder with log and password, and one child process."""

import subprocess
from pathlib import Path

from core.demo.embedded.children import Nap
from core.demo.embedded.folders import reason_in, secret


class EmbeddedServer:
    """A server of ours in a folder of its own. A restarted one keeps its port (None: a free one is chosen)."""

    def __init__(self, folder: Path, log: str, *, port: int | None, nap: Nap) -> None:
        self.folder = folder
        self.log = folder / log
        self.port = port
        self.nap = nap
        self.process: subprocess.Popen[bytes] | None = None
        self._since = 0

    @property
    def running(self) -> bool:
        """Tell whether the process that `start` made is alive."""
        return self.process is not None and self.process.poll() is None

    @property
    def password(self) -> str:
        """The password of the server's one user, made when it is first asked for."""
        return secret(self.folder / "password")

    def reason(self) -> str:
        """Return the line of the log that says best why it ended."""
        return reason_in(self.log, since=self._since)
