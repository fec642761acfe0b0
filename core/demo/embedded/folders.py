"""Private folders, secrets, free ports and last lines of logs."""

import os
import re
import secrets
import shutil
import socket
from pathlib import Path

LOG_BYTES = 64 * 1024
"""How much of a log's end is looked at."""

FULL_BYTES = 64 * 1024
"""A disk with less space than this is full."""

TELLING = ("No space left", "PANIC", "FATAL", "error:", "Address already in use", r"\(\w+\.E\d{3}\)")
"""What the line has that says why, the most telling first; the last is a Django system check's id."""


def private_folder(path: Path) -> Path:
    """Create a folder that only its owner can enter, and return it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def secret(path: Path) -> str:
    """Return the secret that the file holds; the first call makes it (48 hex digits, mode 0600)."""
    if not path.exists() or not path.read_text().strip():
        write_private(path, secrets.token_hex(24))
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step: a reader sees the old text or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Tell whether somebody takes connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def size_of(log: Path) -> int:
    """Return the size of a log in bytes; 0 when there is none."""
    return log.stat().st_size if log.exists() else 0


def reason_in(log: Path, *, since: int = 0) -> str:
    """Return the line of a log that says best why a program ended, from the byte `since` on."""
    if size_of(log) <= since:
        return "the disk is full" if shutil.disk_usage(log.parent).free < FULL_BYTES else "it said nothing"
    with log.open("rb") as file:
        file.seek(max(since, size_of(log) - LOG_BYTES))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    for telling in TELLING:
        for line in reversed(lines):
            if re.search(telling, line):
                return line
    return lines[-1] if lines else "it said nothing"
