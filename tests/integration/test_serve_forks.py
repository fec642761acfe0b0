"""Processes made by fork, in the moments that are hard to meet: each is forced by a parent made for it."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.demo.embedded.children import alive
from tests.conftest import StartProcess
from tests.support.processes import Process
from tests.support.waiting import eventually

PARENT = """
import os, signal, sys, time
from realtime.server import forks, processes

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # at once: others write to the same file

class Work:
    def be(self, child):
        be(child)
    def ready(self):
        say("ready")
    def gone(self, number):
        say("gone", number)
    def stopping(self):
        say("stopping")

def serve(child):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    say("pid", os.getpid())
    child.serving()
    while True:
        child.turning()
        signal.pause()

{}
sys.exit(forks.Family(2, Work()).run())
"""

Parent = Callable[[str], Process]


@pytest.fixture
def parent(processes: StartProcess) -> Parent:
    """Start a parent of two whose children do what the code says: it defines `be(child)`."""
    return lambda code: processes("parent", [sys.executable, "-c", PARENT.format(code)])


def pids(process: Process) -> list[int]:
    """Return the ids that children have printed."""
    return [int(line.split()[1]) for line in process.output.splitlines() if line.startswith("pid ")]


def test_one_that_is_stuck_is_replaced(parent: Parent) -> None:
    """A loop that turns no more, for ever: the kernel ends the process, and another one takes its place."""
    process = parent(
        """
forks.STUCK_SECONDS = 0.5
turns = iter(range(100))
def be(child):
    say("pid", os.getpid())
    child.turning()
    child.serving()
    while True:
        pass
"""
    )
    process.wait_for("it was stuck for 0 seconds")
    eventually(lambda: len(pids(process)) > 2, 20)
    assert process.stop() == 0


def test_one_that_does_not_end_is_killed(parent: Parent) -> None:
    """The stop has a bound: who lets SIGTERM pass is killed, and the command still ends well."""
    process = parent(
        """
processes.STOP_SECONDS = 0.3
def be(child):
    if child.number == 1:
        serve(child)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("pid", os.getpid())
    child.serving()
    while True:
        signal.pause()
"""
    )
    process.wait_for("ready")
    assert process.stop() == 0
    assert "process_killed" in process.output
    assert process.output.count("gone") == 2
    assert not any(alive(pid) for pid in pids(process))


def test_one_whose_parent_dies_first_ends(parent: Parent) -> None:
    """The parent is killed after the fork and before the child has told the kernel whom it depends on."""
    process = parent(
        """
be = serve
prctl = forks.LIBC.prctl
class Late:
    def prctl(self, option, *rest):
        if option == forks.PR_SET_PDEATHSIG:
            dying = os.getppid()
            say("pid", os.getpid())
            os.kill(dying, signal.SIGKILL)
            while os.getppid() == dying:
                pass
        return prctl(option, *rest)
forks.LIBC = Late()
"""
    )
    assert process.wait() == -signal.SIGKILL
    eventually(lambda: pids(process) and not any(alive(pid) for pid in pids(process)), 20)
    assert "ready" not in process.output


def test_a_signal_for_a_newborn_is_not_its_parents(parent: Parent) -> None:
    """SIGTERM to a child that has no handlers of its own yet ends that child alone, and it is replaced."""
    process = parent(
        """
fork, births = os.fork, iter(range(100))
def fork_and_hit():
    birth = next(births)
    pid = fork()
    if pid == 0 and birth == 2:
        os.kill(os.getpid(), signal.SIGTERM)
    return pid
os.fork = fork_and_hit
be = serve
"""
    )
    process.wait_for("ready")
    os.kill(pids(process)[0], signal.SIGKILL)
    process.wait_for("killed by SIGKILL")
    process.wait_for("killed by SIGTERM")
    eventually(lambda: len(pids(process)) == 3, 20)
    assert "stopping" not in process.output
    assert process.stop() == 0


def test_a_stop_while_all_start_is_no_failure(parent: Parent) -> None:
    """SIGTERM before anyone takes connections: everything ends, and well."""
    process = parent(
        """
def be(child):
    say("pid", os.getpid())
    signal.pause()
"""
    )
    eventually(lambda: len(pids(process)) == 2, 20)
    assert process.stop() == 0
    assert "ready" not in process.output
    assert not any(alive(pid) for pid in pids(process))


def test_no_process_to_be_had_is_a_reason(parent: Parent) -> None:
    """At the first start the command fails with it, and ends the one that could be made."""
    process = parent(
        """
fork, births = os.fork, iter(range(100))
def fork_once():
    if next(births):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = fork_once
be = serve
"""
    )
    assert process.wait(20) == 1
    assert "process 2 of 2 can't start: no process could be made: Resource temporarily unavailable" in process.output
    assert not any(alive(pid) for pid in pids(process))


def test_nothing_of_the_parents_is_left_open(parent: Parent) -> None:
    """A child has its own pipe, and neither its parent's nor its siblings'."""
    process = parent("be = serve")
    process.wait_for("ready")
    for pid in pids(process):
        found = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
        assert len([each for each in found if each.startswith("pipe:")]) == 1
        assert not any(each.startswith(("socket:", "anon_inode:")) for each in found)
    assert process.stop() == 0
