"""Topic resolution: what a topic's name selects for a user, found out off the loop and once for all who ask at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import structlog

from realtime import metrics
from realtime.drivers.access import Identity
from realtime.drivers.workers import Workers, with_connections
from realtime.errors import PeerError, Unavailable
from realtime.pure.selection import Selection

logger = structlog.get_logger("realtime.resolver")

THREADS = 4

PATIENCE_SECONDS = 0.01
"""What has waited for so long gets a thread more: the others wait for a database, most likely."""

Key = tuple[str, str, str]
"""A topic's name, for whom (a label), and with which rights (a fingerprint)."""

Resolution = Selection | PeerError
"""What was found: a selection, or why there is none for this user."""


class Resolver:
    """Resolves topics in a bounded pool of threads. Belongs to one event loop.

    A thread takes one question after another while there are any, and the loop is woken once for all answers that
    meet: when everyone comes back at once, a job and a wake-up for each would cost more than the answers. One thread
    is enough for answers that need no query, and more would only take the interpreter from each other.
    """

    def __init__(self, resolve: Callable[[str, Any], Selection]) -> None:
        self._resolve = resolve
        self._loop = asyncio.get_running_loop()
        self._workers = Workers("topics", THREADS)
        self._busy = 0
        self._asked: dict[Key, list[Callable[[Resolution], None]]] = {}
        self._questions: deque[tuple[Key, Any]] = deque()
        self._answers: deque[tuple[Key, Resolution]] = deque()
        self._woken = False
        """The loop has been woken, and has not looked at the answers since."""
        self._starting: asyncio.Handle | None = None
        self._known: WeakKeyDictionary[Selection, ReferenceType[Selection]] = WeakKeyDictionary()
        """Selections in use: equal ones become one, which is kept once and told apart from others once."""

    def ask(self, topic: str, identity: Identity, answer: Callable[[Resolution], None]) -> None:
        """Resolve a topic for an identity; `answer` is called on the loop, later, once, with what was found."""
        key = (topic, identity.label, identity.fingerprint)
        if (asking := self._asked.get(key)) is not None:
            metrics.resolutions.labels("shared").inc()
            asking.append(answer)
            return
        self._asked[key] = [answer]
        self._questions.append((key, identity.user))
        if self._starting is None:
            # Not at once: what others ask in the same turn of the loop is answered in the same go.
            wait = PATIENCE_SECONDS if self._busy else 0.0
            self._starting = self._loop.call_later(wait, self._start)

    def close(self) -> None:
        """Answer nothing more."""
        if self._starting is not None:
            self._starting.cancel()
        self._questions.clear()
        self._asked.clear()
        self._workers.close()

    def _start(self) -> None:
        """Begin a thread, and another one later if there are questions then."""
        self._starting = None
        if self._questions and self._busy < THREADS:
            self._busy += 1
            self._workers.start(self._work)
            self._starting = self._loop.call_later(PATIENCE_SECONDS, self._start)

    def _work(self) -> None:
        """Take questions until there are none (in a thread)."""
        try:
            while self._questions:
                key, user = self._questions.popleft()
                self._answers.append((key, self._find(key[0], user)))
                if not self._woken:
                    self._woken = True
                    self._loop.call_soon_threadsafe(self._answer)
        except IndexError:
            pass  # another thread took the last one
        finally:
            self._loop.call_soon_threadsafe(self._rest)

    def _rest(self) -> None:
        """Take that a thread has ended; perhaps a question came while it did."""
        self._busy -= 1
        if not self._busy:
            if self._starting is not None:
                self._starting.cancel()
            self._start()

    def _answer(self) -> None:
        self._woken = False
        while self._answers:
            key, found = self._answers.popleft()
            if isinstance(found, Selection):
                found = self._one(found)
            for answer in self._asked.pop(key, ()):
                answer(found)

    def _one(self, selection: Selection) -> Selection:
        """Return the one of all equal selections that is in use."""
        known = self._known.get(selection)
        found = known() if known is not None else None
        if found is None:
            found = selection
            self._known[selection] = ref(selection)
        return found

    def _find(self, topic: str, user: Any) -> Resolution:
        try:
            found = with_connections(lambda name: self._resolve(name, user), topic)
        except PeerError as error:
            metrics.resolutions.labels("refused").inc()
            return error
        except Exception:
            logger.exception("topic_resolution_failed", topic=topic[:80])
            metrics.resolutions.labels("failed").inc()
            return Unavailable(f"topic {topic[:80]!r} can't be looked up now")
        metrics.resolutions.labels("ok").inc()
        return found
