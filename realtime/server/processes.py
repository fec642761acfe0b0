"""Several server processes on one port, what is decided about them: when each is started, ended and killed.

No process and no clock is touched here: `realtime.server.forks` does what is decided. Time is in seconds and comes
with each call.

    child      event                             becomes     and then
    down       its start is due                  starting    Start
    starting   it takes connections              serving     Announce, when it is the last of the first start
    starting   it ends during the first start    down        all others are stopped: `failure`
    starting,  it ends later                     down        Again: after 0.1 s, twice as long each time, 5 s at most;
     serving                                                  0.1 s again once it has served for STEADY_SECONDS
    any        stop                              ending      Stopping, Tell; after STOP_SECONDS Kill
    ending     it ends                           down        nothing: `over` once all have
"""

from dataclasses import dataclass
from enum import Enum, auto

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0

STEADY_SECONDS = 10.0
"""A process that served for so long starts soon again when it ends."""

STOP_SECONDS = 5.0
"""A server ends within 3 seconds by itself; what supervises this in its turn waits longer (6 seconds and more)."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process."""

    number: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Ask a process to end (SIGTERM)."""

    number: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process that does not."""

    number: int


@dataclass(frozen=True, slots=True)
class Again:
    """Say that a process has ended, how, and that it is started again in so many seconds."""

    number: int
    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Announce:
    """Say that all processes take connections."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Say that the end has begun."""


Action = Start | Tell | Kill | Again | Announce | Stopping


class State(Enum):
    """Where a process is."""

    DOWN = auto()
    STARTING = auto()
    SERVING = auto()
    ENDING = auto()


@dataclass(slots=True)
class Place:
    """One of the processes, by whichever process fills it now."""

    number: int
    state: State = State.DOWN
    due: float | None = None
    """When it is to be started (down) or killed (ending)."""
    served_since: float | None = None
    ends: int = 0
    """How often in a row it ended before it was steady."""


class Supervision:
    """Decides about processes 1 to `count`."""

    def __init__(self, count: int) -> None:
        self._places = {number: Place(number) for number in range(1, count + 1)}
        self._announced = False
        self._stopping = False
        self.failure: str | None = None
        """Why the first start failed."""

    @property
    def over(self) -> bool:
        """Tell whether nothing runs and nothing will."""
        return self._stopping and all(place.state is State.DOWN for place in self._places.values())

    @property
    def next_due(self) -> float | None:
        """When `due` has something to say, unless something happens before."""
        return min((place.due for place in self._places.values() if place.due is not None), default=None)

    def begin(self, now: float) -> list[Action]:
        """Start all."""
        return [self._start(place) for place in self._places.values()]

    def serving(self, number: int, now: float) -> list[Action]:
        """Take that a process takes connections."""
        place = self._places[number]
        if place.state is not State.STARTING:
            return []
        place.state, place.served_since = State.SERVING, now
        if self._announced or any(each.state is not State.SERVING for each in self._places.values()):
            return []
        self._announced = True
        return [Announce()]

    def ended(self, number: int, how: str, now: float) -> list[Action]:
        """Take that a process has ended, or could not be started at all."""
        place = self._places[number]
        served_since, place.served_since = place.served_since, None
        place.state, place.due = State.DOWN, None
        if self._stopping:
            return []
        if not self._announced:
            self.failure = f"process {number} of {len(self._places)} can't start: {how}"
            return self.stop(now)
        steady = served_since is not None and now - served_since >= STEADY_SECONDS
        place.ends = 1 if steady else place.ends + 1
        wait = min(FIRST_WAIT_SECONDS * 2.0 ** (place.ends - 1), LONGEST_WAIT_SECONDS)
        place.due = now + wait
        return [Again(number, how, wait)]

    def stop(self, now: float) -> list[Action]:
        """End all; asking again changes nothing."""
        if self._stopping:
            return []
        self._stopping = True
        told: list[Action] = [Stopping()]
        for place in self._places.values():
            place.due = None
            if place.state is not State.DOWN:
                place.state, place.due = State.ENDING, now + STOP_SECONDS
                told.append(Tell(place.number))
        return told

    def due(self, now: float) -> list[Action]:
        """Start and kill what is due."""
        due = [place for place in self._places.values() if place.due is not None and place.due <= now]
        return [self._kill(place) if place.state is State.ENDING else self._start(place) for place in due]

    def _start(self, place: Place) -> Action:
        place.state, place.due = State.STARTING, None
        return Start(place.number)

    def _kill(self, place: Place) -> Action:
        place.due = None
        return Kill(place.number)
