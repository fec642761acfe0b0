"""Tideline whole, the naive way on both channel layers, and the limit in C, each as a `Subject`."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import psycopg

from bench.fanout.build import compiled
from bench.fanout.load import Audience, stamp
from bench.fanout.subjects import MESSAGE_BYTES, Change, Roles, Subject, message
from bench.stage import Stage, listens
from core.demo.embedded.folders import free_port
from tests.support.processes import Process, environment
from tests.support.waiting import eventually

SETTINGS = "bench.fanout.app.settings"

ROWS = 512
"""Everybody's topic shows so many rows, and each change is of the next one: none is merged with another."""

ENVELOPE_BYTES = 146
"""What Tideline's frame of one change has around the text: type, topic, position, kind, key, number and time."""


class Tideline:
    """The whole way: UPDATE, commit, trigger, relay, Redis, hub, socket; stamped just before the UPDATE."""

    def __init__(self, stage: Stage, processes: int = 1) -> None:
        self.name = "Tideline" if processes == 1 else f"Tideline, {processes} processes"
        self._stage = stage
        self._count = processes
        self._running: list[Process] = []
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._port = 0
        self._keyed = 0

    def missing(self) -> str | None:
        """It is always there."""
        return None

    def start(self, *, keyed: int) -> None:
        """Fill the table anew, start relay and server, and wait until the log holds all of it."""
        stage = self._stage
        self._keyed = keyed
        self._connection = stage.connect()
        self._connection.execute("DELETE FROM fanout_tick")
        self._connection.execute(
            "INSERT INTO fanout_tick (id, key, n, t, text) "
            "SELECT i, CASE WHEN i < %(rows)s THEN -1 ELSE i - %(rows)s END, 0, 0, repeat('x', %(filler)s) "
            "FROM generate_series(0, %(last)s) i",
            {"rows": ROWS, "filler": MESSAGE_BYTES - ENVELOPE_BYTES, "last": ROWS + keyed - 1},
        )
        first = len(stage.processes)
        stage.relay()
        self._port = stage.server("--processes", str(self._count))
        self._running = stage.processes[first:]
        eventually(self._nothing_waits, 30, what="an empty inbox")

    def audience(self, connections: int) -> Audience:
        """Anonymous subscribers, counted once they have the snapshot."""
        topic = "tick/{i}" if self._keyed else "ticks"
        subscribe = f'text {{"type":"subscribe","id":1,"topic":"{topic}"}}'
        return Audience(self._port, connections, script=[subscribe, 'wait "last":true'], subprotocol="realtime.v1")

    def publish(self, changes: Sequence[Change]) -> None:
        """Commit each change by itself; those that are due at once go to PostgreSQL without a wait in between."""
        assert self._connection is not None
        with self._connection.pipeline() as pipeline, self._connection.cursor() as cursor:
            for change in changes:
                row = ROWS + change.key if change.key >= 0 else change.number % ROWS
                cursor.execute(
                    "UPDATE fanout_tick SET n = %s, t = %s WHERE id = %s", (change.number, stamp(), row), prepare=True
                )
                pipeline.sync()

    def roles(self) -> Roles:
        """Relay and PostgreSQL are columns of their own."""
        relay, server = self._running
        return Roles([server.pid], [_pid(self._stage.valkey)], [relay.pid], [_pid(self._stage.postgres)])

    def stop(self) -> None:
        """End relay and server."""
        for process in reversed(self._running):
            process.clean_up()
        self._running.clear()
        if self._connection:
            self._connection.close()

    def _nothing_waits(self) -> bool:
        assert self._connection is not None
        return self._connection.execute("SELECT 1 FROM realtime_inbox LIMIT 1").fetchone() is None


LAYERS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pub/sub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}


class Naive:
    """post_save → group_send → one consumer per socket on plain Daphne; stamped just before group_send."""

    def __init__(self, stage: Stage, layer: Literal["core", "pub/sub"]) -> None:
        self.name = f"naive Channels, {layer} layer"
        self._stage = stage
        self._variables = {"DJANGO_SETTINGS_MODULE": "bench.fanout.naive.settings", "BENCH_LAYER": LAYERS[layer]}
        self._server: Process | None = None
        self._writer: subprocess.Popen[str] | None = None
        self._port = 0
        self._keyed = 0

    def missing(self) -> str | None:
        """It is always there."""
        return None

    def start(self, *, keyed: int) -> None:
        """Start Daphne and the process that saves."""
        self._keyed, self._port = keyed, free_port()
        daphne = (sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self._port), "-v", "0")
        self._server = self._stage.start(*daphne, "bench.fanout.naive.asgi:application", **self._variables)
        self._writer = subprocess.Popen(
            [sys.executable, "-m", "bench.fanout.naive.writer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment(**{**self._stage.variables, **self._variables}),
        )  # fmt: skip
        assert self._writer.stdout is not None
        self._writer.stdout.readline()
        eventually(lambda: listens(self._port), 30, what="the naive server's port")

    def audience(self, connections: int) -> Audience:
        """Subscribers that joined their group before the handshake's end."""
        return Audience(self._port, connections, path="/ws/{i}" if self._keyed else "/ws/")

    def publish(self, changes: Sequence[Change]) -> None:
        """Have the rows saved, one after another."""
        assert self._writer is not None and self._writer.stdin is not None
        text = "x" * (MESSAGE_BYTES - len('{"n": 1000, "t": 1000000000000000, "text": ""}'))
        self._writer.stdin.write(json.dumps([(each.number, each.key, text) for each in changes]) + "\n")
        self._writer.stdin.flush()

    def roles(self) -> Roles:
        """PostgreSQL holds the saved rows."""
        assert self._server is not None
        return Roles([self._server.pid], [_pid(self._stage.valkey)], database=[_pid(self._stage.postgres)])

    def stop(self) -> None:
        """End Daphne and the writer."""
        if self._writer:
            self._writer.kill()
            self._writer.communicate()
        if self._server:
            self._server.clean_up()


class Limit:
    """The broadcaster in C."""

    def __init__(self, stage: Stage, mode: Literal["each", "coalescing"]) -> None:
        self.name = "C limit, one write per frame" if mode == "each" else "C limit, coalescing"
        self._mode = mode
        self._stage = stage
        self._process: Process | None = None
        self._publisher: socket.socket | None = None
        self._port = 0

    def missing(self) -> str | None:
        """Tell that there is no compiler."""
        try:
            compiled("limit")
        except SystemExit as error:
            return str(error)
        return None

    def start(self, *, keyed: int) -> None:
        """Start it; it knows no topics."""
        assert not keyed, "the limit broadcasts"
        self._port = free_port()
        self._process = self._stage.start(str(compiled("limit")), str(self._port), self._mode, ready="limit on")
        self._publisher = socket.create_connection(("127.0.0.1", self._port))
        self._publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._publisher.sendall(b"PUBLISH\n")

    def audience(self, connections: int) -> Audience:
        """Whoever connects gets all."""
        return Audience(self._port, connections)

    def publish(self, changes: Sequence[Change]) -> None:
        """Write the messages at once."""
        assert self._publisher is not None
        self._publisher.sendall(b"".join(message(change) + b"\n" for change in changes))

    def roles(self) -> Roles:
        """One process is all there is."""
        assert self._process is not None
        return Roles([self._process.pid])

    def stop(self) -> None:
        """End it."""
        if self._publisher:
            self._publisher.close()
        if self._process:
            self._process.clean_up()


def broadcasters(stage: Stage) -> list[Callable[[], Subject]]:
    """Return what can send one change to all."""
    return [
        lambda: Tideline(stage),
        lambda: Naive(stage, "core"),
        lambda: Naive(stage, "pub/sub"),
        lambda: Limit(stage, "each"),
        lambda: Limit(stage, "coalescing"),
    ]


def _pid(server: Any) -> int:
    assert server.process is not None, "not started"
    return int(server.process.pid)
