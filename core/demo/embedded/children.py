"""Start children that can't outlive this process, and end them.

A child gets a signal from the kernel when the thread that started it is gone (PR_SET_PDEATHSIG), so start
servers from a thread that lives as long as they should. PostgreSQL refuses uid 0: as root it runs in a user
namespace of its own, in which root is nobody and files stay root's; where namespaces are forbidden (many
containers), it runs as the user `nobody` with the one capability to reach the folder.
"""

import ctypes
import os
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
"""Loaded before any fork: the code between fork and exec only calls into it."""

Nap = Callable[[float], None]
"""Sleeps for so many seconds; may raise to end a wait early."""

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
NOBODY = 65534


def spawn(
    argv: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    last_signal: signal.Signals,
    prepare: Callable[[], None] | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, so that Ctrl-C reaches only the supervisor.

    `last_signal` is what the kernel sends it when this process dies, `prepare` runs in it before exec; its
    output is appended to `log`.
    """
    parent = os.getpid()

    def between_fork_and_exec() -> None:
        if prepare:
            prepare()
        LIBC.prctl(PR_SET_PDEATHSIG, int(last_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    with open(log, "ab", opener=_private) as output:
        child = subprocess.Popen(
            [str(each) for each in argv],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            process_group=0,
            preexec_fn=between_fork_and_exec,  # noqa: PLW1509 (only system calls in it)
        )
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.write(stdin)
        child.stdin.close()
    return child


def become_nobody_in_namespace() -> None:
    """Enter a new user namespace in which this process is nobody; raise OSError where that is forbidden."""
    if LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def become_nobody() -> None:
    """Become the user `nobody`, still able to reach files that are not nobody's."""
    LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    bit = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    if LIBC.capset(header, struct.pack("6I", bit, bit, bit, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def namespaces_allowed() -> bool:
    """Tell whether a child may enter a user namespace of its own."""
    try:
        subprocess.run(["/bin/true"], preexec_fn=become_nobody_in_namespace, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def end(child: subprocess.Popen[bytes], *signals: tuple[signal.Signals, float]) -> None:
    """Send the signals one after another, each with the seconds to wait for it, SIGKILL at last."""
    for number, seconds in signals:
        if child.poll() is not None:
            return
        child.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
            return
    child.kill()
    child.wait()


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children and theirs, as they are now."""
    parents = dict(_parents())
    found = [pid]
    for each in found:
        found.extend(child for child, parent in parents.items() if parent == each)
    return found[1:]


def command_line(pid: int) -> list[str]:
    """Return a process's arguments; an empty list when it is gone (or a kernel thread)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Tell whether a process exists that is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
