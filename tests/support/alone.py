"""The machine for one test: workers share it, but for tests that are marked `alone`.

A test that holds a promise with a time in it would be judged by what else runs. While such a test runs, with the
fixtures that it starts, the other workers wait; those of one worker that follow each other keep the machine.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUN = "PYTEST_XDIST_TESTRUNUID"
"""Names the run in the environment of its workers."""


class Machine:
    """What the workers of one run agree on, by locks on two files that end with whoever holds them."""

    def __init__(self, folder: Path, run: str) -> None:
        # Whoever waits for the machine stands in the door, or those who share it would never all be out.
        self._door = (folder / f"tideline-tests-{run}-door").open("w")
        self._room = (folder / f"tideline-tests-{run}-room").open("w")
        self._alone = False

    @contextmanager
    def held(self, *, alone: bool, stay: bool) -> Iterator[None]:
        """Hold the machine, shared or alone; `stay` keeps it for the next one when that is to be alone too."""
        if not (alone and self._alone):
            fcntl.flock(self._door, fcntl.LOCK_EX)
            fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(self._door, fcntl.LOCK_UN)
            self._alone = alone
        try:
            yield
        finally:
            if not (alone and stay):
                fcntl.flock(self._room, fcntl.LOCK_UN)
                self._alone = False


def machine() -> Machine | None:
    """Return the machine that this run's workers share; None where there is one process alone."""
    run = os.environ.get(RUN)
    return Machine(Path(tempfile.gettempdir()), run) if run else None
