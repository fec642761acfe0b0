"""Everything that a schedule happens to, and who looks at every byte that a server writes."""

from typing import Any

from realtime.pure.outflow import Tally
from realtime.pure.selection import Selection
from realtime.pure.subscription import client_epoch
from tests.simulation.database import Store, Truth
from tests.simulation.loop import Time
from tests.simulation.people import People
from tests.simulation.relays import Relay
from tests.simulation.sockets import Socket
from tests.simulation.topics import CANARIES, CUSTOMERS, NOBODY, Rights, selection_of
from tests.simulation.violations import Violation

DATA = (b'{"type":"changes"', b'{"type":"snapshot"', b'{"type":"resumed"')
ALL_RIGHTS = [NOBODY, *(Rights(True, staff, customer) for staff in (False, True) for customer in CUSTOMERS)]


class World:
    """The database, its relays, the people, the time, and what went wrong first."""

    def __init__(self) -> None:
        self.time = Time()
        self.store = Store()
        self.people = People()
        self.relays = [Relay("relay 1", self.store), Relay("relay 2", self.store)]
        self.resolver_is_down = False
        self.tally: Tally = Tally()
        """How often what happened: the metrics of hubs and sessions."""
        self.found: BaseException | None = None
        self.heard: list[str] | None = None
        """What clients read, when somebody wants to know."""
        self._meanings: dict[tuple[str, str, str], tuple[str, Selection]] = {}

    def written(self, socket: Socket, frame: bytes) -> None:
        """Look at a frame that a server writes now (I8, I9)."""
        if not frame.startswith(DATA):
            return
        recent = self.people.recent(socket.key, self.time.now)
        if not recent:
            self.broke(Violation("I9", f"written more than 2 s after the sign-out: {frame!r}"))
            return
        begin = frame.index(b'"topic":"') + 9
        topic = frame[begin : frame.index(b'"', begin)].decode()
        if not any(selection_of(topic, rights) for rights in recent):
            self.broke(Violation("I9", f"written more than 2 s after the right to {topic} ended: {frame!r}"))
        for owner, mark in CANARIES.items():
            if mark in frame and not any(rights.may_see(owner) for rights in recent):
                self.broke(Violation("I8", f"a row of {owner} for someone with {recent[0]}: {frame!r}"))

    def broke(self, error: BaseException | None) -> None:
        """Note what went wrong within the product, which contains exceptions."""
        if self.found is None:
            self.found = error if error is not None else Violation("crash", "a session was ended for a fault of ours")

    def raise_found(self) -> None:
        """Raise what went wrong first."""
        if self.found is not None:
            raise self.found

    def truth(self, log_epoch: str, position: int) -> Truth:
        """Return the truth at a position at which a transaction ends."""
        found = self.store.truth.get((log_epoch, position))
        if found is None:
            raise Violation("I4", f"no transaction ends at {position} of {log_epoch}")
        return found

    def meaning(self, topic: str, label: str, opaque: str) -> tuple[str, Selection]:
        """Return the log's epoch and the selection for which a client's opaque epoch stands."""
        known = self._meanings.get((topic, label, opaque))
        if known is not None:
            return known
        for log_epoch in reversed(self.store.epochs):
            for rights in ALL_RIGHTS:
                selection = selection_of(topic, rights)
                if selection is not None and client_epoch(log_epoch, selection, label) == opaque:
                    self._meanings[topic, label, opaque] = log_epoch, selection
                    return log_epoch, selection
        raise Violation("I8", f"the epoch {opaque} of {topic} is not one of user {label or 'nobody'}")

    def hear(self, who: str, told: Any) -> None:
        """Note what a client read."""
        if self.heard is not None:
            self.heard.append(f"{'':17}{who} reads {told}")
