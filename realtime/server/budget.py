"""How much may wait in the process for clients that don't take it: per connection, and for all of them together.

Over it a transport is congested, and its session keeps only what is due, until the queue is empty. Nothing that
was queued is ever dropped.
"""

from realtime.server.extension import Listener


class Budget:
    """The bounds of a process, and what is queued in it; shared by all its transports."""

    __slots__ = ("connection_bytes", "process_bytes", "queued_bytes")

    def __init__(self, *, connection_bytes: int, process_bytes: int) -> None:
        self.connection_bytes = connection_bytes
        self.process_bytes = process_bytes
        self.queued_bytes = 0


class Budgeted:
    """What every transport has of its budget: it is congested from one write too many until its queue is empty."""

    __slots__ = ("_budget", "_noted", "congested", "listener")

    def __init__(self, budget: Budget) -> None:
        self.listener: Listener | None = None
        self.congested = False
        self._budget = budget
        self._noted = 0

    def note_queued(self, size: int) -> None:
        """Take that `size` bytes wait after a write; the listener is told when that is too many."""
        budget = self._budget
        budget.queued_bytes += size - self._noted
        self._noted = size
        spent = size > budget.connection_bytes or (size > 0 and budget.queued_bytes > budget.process_bytes)
        if spent and not self.congested:
            self.congested = True
            if self.listener is not None:
                self.listener.congested()

    def note_empty(self) -> None:
        """Take that nothing waits any more; the listener is told if it was too much. Not to be called by a write."""
        self._budget.queued_bytes -= self._noted
        self._noted = 0
        if self.congested:
            self.congested = False
            if self.listener is not None:
                self.listener.drained()

    def note_end(self) -> None:
        """Take that the socket is closing or gone; nobody is told anything more."""
        self.listener = None
        self.note_empty()
