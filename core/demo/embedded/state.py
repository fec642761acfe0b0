"""What runs under a TIDELINE_HOME: `state.json`, read by the settings, `make urls` and `make psql`.

A run holds the lock on `lock` as long as it lives; the kernel releases it, whatever ends the run. The state
of a run that is gone is therefore known to be stale.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core.demo.embedded.errors import EmbeddedError
from core.demo.embedded.folders import private_folder, write_private

CHECKOUT = Path(__file__).resolve().parents[3]


def home() -> Path:
    """Return the folder of the embedded servers: TIDELINE_HOME, by default `.tideline` in the checkout."""
    return Path(os.environ.get("TIDELINE_HOME") or CHECKOUT / ".tideline").absolute()


@dataclass(frozen=True, slots=True)
class RunState:
    """The URLs, the HTTP port and the process id of a run."""

    database_url: str
    redis_url: str
    port: int
    pid: int

    def write(self, folder: Path) -> None:
        """Write `state.json`, readable by its owner alone."""
        write_private(folder / "state.json", json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path | None = None) -> "RunState | None":
        """Return the state of the run that is alive in the folder (default: `home()`), or None."""
        folder = folder or home()
        try:
            found = cls(**json.loads((folder / "state.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return found if held(folder) else None


class RunLock:
    """The lock on a TIDELINE_HOME: one run at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise EmbeddedError that names the run that holds it."""
        private_folder(self.folder)
        file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + 1  # whoever reads the state holds the lock for a moment
        while not _locked(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                holder = os.read(file, 20).decode().strip() or "unknown"
                os.close(file)
                raise EmbeddedError(
                    f"another run (process {holder}) uses {self.folder}: stop it, or choose another TIDELINE_HOME"
                )
            time.sleep(0.05)
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Give the lock back and take the state away."""
        if self._file is not None:
            (self.folder / "state.json").unlink(missing_ok=True)
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def held(folder: Path) -> bool:
    """Tell whether a live run holds the folder's lock."""
    try:
        file = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    free = _locked(file, fcntl.LOCK_SH)
    os.close(file)
    return not free


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
