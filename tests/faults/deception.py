"""What the processes of the stage are told about the wall clock and the disk, by a shim that they are preloaded with.

The shim (`deception.c`) is compiled when it is asked for and stays in `tests/.build/`, under the digest of its source.
"""

import hashlib
import os
import shutil
import struct
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".build"
SOURCE = HERE / "deception.c"
FLAGS = ("-O2", "-Wall", "-Wextra", "-shared", "-fPIC")
NUMBERS = struct.Struct("=qq")

MISSING = "no C compiler: install one (on Debian: apt-get install gcc), or name it in CC"


class NoCompiler(Exception):
    """The shim can't be had here; the message says what to do."""


def shim() -> Path:
    """Return the path of the compiled shim; raise NoCompiler with one line where there can be none."""
    made = FOLDER / f"deception-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if made.exists():
        return made
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler(MISSING)
    FOLDER.mkdir(exist_ok=True)
    draft = FOLDER / f"deception-{os.getpid()}.draft"
    argv = [compiler, *FLAGS, "-o", str(draft), str(SOURCE), "-ldl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoCompiler(f"{compiler} can't compile {SOURCE.name}: {done.stderr.strip()}")
    draft.replace(made)
    return made


class Deception:
    """What one kind of process is told: `file` is what their shims read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.clock_seconds = 0.0
        self.disk_full = False
        file.write_bytes(NUMBERS.pack(0, 0))

    def tell(self, *, clock_seconds: float = 0.0, disk_full: bool = False) -> None:
        """Tell them that the wall clock shows so much more than it does, and whether the disk is full."""
        self.clock_seconds, self.disk_full = clock_seconds, disk_full
        with self.file.open("r+b") as file:
            file.write(NUMBERS.pack(int(clock_seconds * 1e9), int(disk_full)))

    def variables(self) -> dict[str, str]:
        """Return what a process needs in its environment to be deceived; nothing where there is no shim."""
        try:
            return {"LD_PRELOAD": str(shim()), "TIDELINE_DECEPTION": str(self.file)}
        except NoCompiler:
            return {}
