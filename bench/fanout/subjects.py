"""What is measured: every subject takes the same changes, and gives them to the same load client."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bench.fanout.load import Audience

MESSAGE_BYTES = 200

ALL, OWN = "ticks", "tick/{i}"
"""Topics: the one of everybody, and that of connection number i; the subject spells them as it must."""


@dataclass(frozen=True, slots=True)
class Change:
    """Number `number` of topic `key`; key -1 is the topic of everybody, else that of connection `key`.

    Numbers of one topic begin at 1 and are contiguous.
    """

    number: int
    key: int = -1


def message(change: Change, size: int = MESSAGE_BYTES) -> bytes:
    """Return the message of a change, of exactly so many bytes: stamped now, so call it just before it leaves."""
    head = f'{{"n":{change.number},"t":{time.monotonic_ns()},"text":"'
    return f'{head}{"x" * (size - len(head) - 2)}"}}'.encode()


@dataclass(frozen=True)
class Roles:
    """Process ids by what they are, each with its children: CPU is that of `servers` and `broker`.

    `relay` and `database` are columns of their own. The publisher counts nowhere.
    """

    servers: Sequence[int]
    broker: Sequence[int] = field(default_factory=list)
    relay: Sequence[int] = field(default_factory=list)
    database: Sequence[int] = field(default_factory=list)


class Subject(Protocol):
    """Something that fans out. It is entered once for each scenario, and begins anew each time."""

    name: str

    def missing(self) -> str | None:
        """Return why it can't run here in one line (not installed, no such program), or None."""

    def start(self, *, keyed: int) -> None:
        """Start its processes. `keyed`: so many topics with one subscriber each; 0: one topic for all."""

    def audience(self, connections: int) -> Audience:
        """Return how so many subscribers come (of all changes, or each of its own key)."""

    def publish(self, changes: Sequence[Change]) -> None:
        """Publish in this order, each stamped (`message`) just before it leaves; may return before they arrive."""

    def roles(self) -> Roles:
        """Return the processes under measurement."""

    def stop(self) -> None:
        """End all that was started, also after a failed start."""


@contextmanager
def running(subject: Subject, *, keyed: int = 0) -> Iterator[Subject]:
    """Start a subject and stop it again."""
    try:
        subject.start(keyed=keyed)
        yield subject
    finally:
        subject.stop()
