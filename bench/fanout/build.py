"""The C programs of the benchmarks, compiled when they are asked for.

They stay in `bench/.build/`, under the digest of their sources.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".build"
FLAGS = ("-O2", "-Wall", "-Wextra", "-Wno-unused-result")

SOURCES = {
    "load": ("load.c", "frames.c", "script.c", "tally.c"),
    "limit": ("limit.c", "frames.c"),
}


def compiled(name: str) -> Path:
    """Return the path of a program; SystemExit with one line where it can't be compiled."""
    return compile_sources(name, [HERE / source for source in SOURCES[name]])


def compile_sources(name: str, sources: Sequence[Path]) -> Path:
    """Return the path of a program made of these sources and the headers beside them."""
    headers = sorted({header for source in sources for header in source.parent.glob("*.h")})
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in [*sources, *headers])).hexdigest()[:16]
    program = FOLDER / f"{name}-{digest}"
    if program.exists():
        return program
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("bench: no C compiler: install one (on Debian: apt-get install gcc), or name it in CC")
    FOLDER.mkdir(exist_ok=True)
    draft = FOLDER / f"{name}-{os.getpid()}.draft"
    argv = [compiler, *FLAGS, "-o", str(draft), *map(str, sources)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {compiler} can't compile {name}:\n{done.stderr.strip()}")
    draft.replace(program)
    return program
