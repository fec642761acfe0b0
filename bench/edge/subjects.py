"""The servers that are measured: Tideline, on its own server and on uvicorn, and what it stands beside.

Each is started anew for each measurement, and serves some connections before anything is counted.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.fanout.load import Audience, Load
from bench.stage import Stage, listens
from core.demo.embedded.folders import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually

PINGS = ("--ping-interval", "15", "--ping-timeout", "30")
"""As often as Tideline's sessions ping; Daphne's own are 20 and 30."""

AT_ONCE = 40
"""So many handshakes are under way: Daphne's own queue of new connections takes 50."""

WARM_UP = 100
"""So many connections come and go first."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, and its processes (children are found by themselves)."""

    name: str
    port: int
    process: Process

    @property
    def pids(self) -> Sequence[int]:
        """Its processes."""
        return [self.process.pid]


@contextmanager
def tideline(stage: Stage, *options: str, port: int = 0) -> Iterator[Server]:
    """Yield Tideline as it is run: `manage.py serve`."""
    port = port or free_port()
    argv = (sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port), *options)
    with _ended(stage.start(*argv, ready="Tideline on http")) as process:
        yield Server("Tideline", port, process)


@contextmanager
def on_uvicorn(stage: Stage) -> Iterator[Server]:
    """Yield Tideline's application on a server without the extension, whose `send` waits."""
    port = free_port()
    argv = ("-m", "uvicorn", "asgi:application", "--port", str(port), "--log-level", "warning", "--lifespan", "off")
    with _ended(stage.start(sys.executable, *argv, "--ws-ping-interval", "20")) as process:
        eventually(lambda: listens(port), 30, what="uvicorn's port")
        yield Server("Tideline on uvicorn", port, process)


@contextmanager
def bare_echo(stage: Stage) -> Iterator[Server]:
    """Yield a bare ASGI echo on plain Daphne."""
    with _daphne(stage, "bare echo on plain Daphne", "bench.edge.echo:application") as server:
        yield server


@contextmanager
def naive(stage: Stage) -> Iterator[Server]:
    """Yield the way that everyone copies, on plain Daphne and the lighter of the two channel layers."""
    with _daphne(
        stage, "naive Channels on plain Daphne", "bench.fanout.naive.asgi:application",
        DJANGO_SETTINGS_MODULE="bench.fanout.naive.settings",
        BENCH_LAYER="channels_redis.pubsub.RedisPubSubChannelLayer",
    ) as server:  # fmt: skip
        yield server


@contextmanager
def _daphne(stage: Stage, name: str, application: str, **variables: str) -> Iterator[Server]:
    port = free_port()
    argv = (sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", *PINGS, application)
    with _ended(stage.start(*argv, **variables)) as process:
        eventually(lambda: listens(port), 30, what=f"the port of {name}")
        yield Server(name, port, process)


@contextmanager
def _ended(process: Process) -> Iterator[Process]:
    try:
        yield process
    finally:
        process.clean_up()


def echoing(port: int, connections: int, at_once: int) -> Audience:
    """Return clients that are there once their word has come back."""
    return Audience(port, connections, path="/", script=["text hello", "wait hello"], at_once=at_once)


def joined(port: int, connections: int, at_once: int) -> Audience:
    """Return clients of the naive way: all in one group, none told anything."""
    return Audience(port, connections, path="/ws/", at_once=at_once)


def connected(port: int, connections: int, at_once: int) -> Audience:
    """Return clients that have been welcomed, and ask for nothing."""
    return Audience(port, connections, script=['wait "welcome"'], subprotocol="realtime.v1", at_once=at_once)


def subscribed(
    port: int,
    connections: int,
    at_once: int,
    topic: str = "tick/0",
    session_keys: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Audience:
    """Return clients, signed in where they have a session, that are there once they have their snapshot."""
    return Audience(
        port, connections, subprotocol="realtime.v1", at_once=at_once, start="snapshot", lines=session_keys,
        headers=["Cookie: sessionid={line}"] if session_keys else [], options=options,
        script=[f'text {{"type":"subscribe","id":1,"topic":"{topic}"}}', 'wait "last":true'],
    )  # fmt: skip


def opened(load: Load, first: int | None = None, end: int | None = None, *, refused: float = 0.0) -> dict[str, float]:
    """Connect; end the bench when more than this share is refused, for then what follows means nothing."""
    answer = load.connect(first, end)
    if answer["failed"] > refused * answer["connections"]:
        raise SystemExit(f"bench: {answer['failed']} connections were refused: {answer['failure']}")
    return answer


def warm_up(audience: Audience) -> None:
    """Have connections like these come and go."""
    with Load(audience) as load:
        opened(load)
