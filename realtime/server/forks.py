"""Several processes from one by fork, as `realtime.server.processes` decides: the Unix part.

What was imported before is shared and need not be loaded again, so that a process that ended is replaced within
a moment. Nobody outlives the parent: the kernel ends its children (PR_SET_PDEATHSIG) as SIGTERM does; one that is
stuck then, or ever, is ended by an alarm that it no longer puts off.
"""

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

import structlog

from realtime.server.processes import Action, Again, Announce, Kill, Start, Stopping, Supervision, Tell

logger = structlog.get_logger("realtime.processes")

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

STUCK_SECONDS = 60.0
"""A process whose loop has not turned for so long is ended: its clients have left it long before."""

SERVING = b"+"
"""What a process writes into its pipe once it takes connections; after it, or instead of it, why it ended."""

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Child:
    """A process, as it sees itself."""

    def __init__(self, number: int, pipe: int) -> None:
        self.number = number
        self._pipe = pipe

    def serving(self) -> None:
        """Say that it takes connections."""
        os.write(self._pipe, SERVING)

    def turning(self) -> None:
        """Put the alarm off; to be called every few seconds."""
        signal.setitimer(signal.ITIMER_REAL, STUCK_SECONDS)

    def failed(self, why: str) -> None:
        """Say why it ends."""
        with contextlib.suppress(OSError):
            os.write(self._pipe, why.encode(errors="replace")[:1000])


class Work(Protocol):
    """What the processes do, and what the parent does about it."""

    def be(self, child: Child) -> None:
        """Work, in a process of one's own, until SIGTERM."""

    def ready(self) -> None:
        """Take, in the parent, that all processes take connections."""

    def gone(self, number: int) -> None:
        """Take, in the parent, that a process has ended."""

    def stopping(self) -> None:
        """Take, in the parent, that all are being ended."""


@dataclass(slots=True)
class Running:
    """A process, as its parent sees it."""

    pid: int
    pipe: int
    said: bytes = b""


class Family:
    """The parent of `count` processes that do `work`."""

    def __init__(self, count: int, work: Work) -> None:
        self._work = work
        self._supervision = Supervision(count)
        self._running: dict[int, Running] = {}
        self._unborn: dict[int, str] = {}
        self._told_to_stop = False
        self._selector = selectors.DefaultSelector()
        self._woken, self._wakes = socket.socketpair()

    def run(self) -> str | None:
        """Keep the processes running until SIGTERM or SIGINT; return why the first start failed, if it did."""
        gc.collect()
        gc.freeze()  # the children's collections leave shared pages alone
        with self._signals():
            self._do(self._supervision.begin(time.monotonic()))
            while not self._supervision.over:
                self._wait()
                self._look()
        return self._supervision.failure

    def _look(self) -> None:
        """Take what has happened, and do what follows from it."""
        if self._told_to_stop:
            self._do(self._supervision.stop(time.monotonic()))
        while self._unborn:
            number, why = self._unborn.popitem()
            self._do(self._supervision.ended(number, why, time.monotonic()))
        for number in list(self._running):
            self._listen(number)
            self._reap(number)
        self._do(self._supervision.due(time.monotonic()))

    def _wait(self) -> None:
        due = time.monotonic() if self._unborn else self._supervision.next_due
        for key, _ in self._selector.select(None if due is None else max(0.0, due - time.monotonic())):
            if key.fileobj is self._woken:
                self._woken.recv(4096)

    def _listen(self, number: int) -> None:
        """Take what a process has said."""
        running = self._running[number]
        with contextlib.suppress(BlockingIOError):
            while said := os.read(running.pipe, 4096):
                running.said += said
            self._forget(running.pipe)  # it has closed its end, or ended
        if running.said.startswith(SERVING):
            running.said = running.said.removeprefix(SERVING)
            self._do(self._supervision.serving(number, time.monotonic()))

    def _reap(self, number: int) -> None:
        running = self._running[number]
        pid, status = os.waitpid(running.pid, os.WNOHANG)
        if pid:
            self._listen(number)
            del self._running[number]
            self._forget(running.pipe)
            os.close(running.pipe)
            self._work.gone(number)
            how = how_it_ended(os.waitstatus_to_exitcode(status), running.said.decode(errors="replace"))
            self._do(self._supervision.ended(number, how, time.monotonic()))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Start(number):
                    self._start(number)
                case Stopping():
                    self._work.stopping()
                case Tell(number):
                    os.kill(self._running[number].pid, signal.SIGTERM)
                case Kill(number):
                    logger.warning("process_killed", process=number, pid=self._running[number].pid)
                    os.kill(self._running[number].pid, signal.SIGKILL)
                case Again(number, how, seconds):
                    logger.error("process_ended", process=number, how=how, again_in_seconds=seconds)
                case Announce():
                    self._work.ready()

    def _start(self, number: int) -> None:
        hears, says = os.pipe()
        os.set_blocking(hears, False)
        try:
            pid = self._fork(number, hears, says)
        except OSError as error:
            os.close(hears)
            self._unborn[number] = f"no process could be made: {error.strerror}"
            return
        finally:
            os.close(says)
        self._running[number] = Running(pid, hears)
        self._selector.register(hears, selectors.EVENT_READ)
        logger.info("process_started", process=number, pid=pid)

    def _fork(self, number: int, hears: int, says: int) -> int:
        """Return the process id of a new child. It does not return."""
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        # Until the child has handlers of its own, a signal meant for it would be noted as the parent's.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(number, parent, hears, says, mask)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid

    def _become(self, number: int, parent: int, hears: int, says: int, mask: set[int | signal.Signals]) -> None:
        """Be a child, to the end of the process: nothing that the parent began is finished here."""
        status = 1
        child = Child(number, says)
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent hands it on
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            child.turning()
            die_with(parent)
            LIBC.prctl(PR_SET_NAME, f"tideline-{number}".encode(), 0, 0, 0)
            os.close(hears)
            self._let_go()
            structlog.contextvars.bind_contextvars(process=number)
            self._work.be(child)
            status = 0
        except BaseException as error:  # noqa: BLE001 (it is told to the parent, and this process ends)
            traceback.print_exc()
            child.failed(traceback.format_exception_only(error)[-1].strip())
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _let_go(self) -> None:
        """Close what is the parent's alone."""
        self._selector.close()
        self._woken.close()
        self._wakes.close()
        for running in self._running.values():
            os.close(running.pipe)

    def _forget(self, pipe: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(pipe)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Be woken by the signals, and note that the end is wanted."""
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        before = {number: signal.signal(number, self._note) for number in HANDLED}
        woken_before = signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(woken_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            self._woken.close()
            self._wakes.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._told_to_stop = True


def how_it_ended(code: int, said: str) -> str:
    """Return in words how a process ended, by its exit code as `subprocess` has it and what it said."""
    if said:
        return said
    if code == -signal.SIGALRM:
        return f"it was stuck for {STUCK_SECONDS:.0f} seconds"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent does, also if that has happened already."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def hindrances() -> list[str]:
    """Return what forbids a fork: threads, whose locks would stay locked, and Twisted's reactor."""
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
    reactor = ["Twisted's reactor"] if "twisted.internet.reactor" in sys.modules else []
    return [*(f"the thread {name!r}" for name in threads), *reactor]
