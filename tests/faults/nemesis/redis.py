"""What can happen to Redis. It is a wire: the log carries the stream while it is away."""

import asyncio
from contextlib import suppress
from typing import Any

import redis

from tests.faults.nemesis.fault import LATENCY_SECONDS, PAUSES, REDIS_SECONDS, Fault
from tests.faults.scene import Scene

USUAL_LIMIT = "normal 0 0 0 pubsub 33554432 8388608 60"
TINY_LIMIT = "normal 0 0 0 pubsub 1 1 1"


def tell(scene: Scene, *command: str) -> Any:
    """Send one command to Redis."""
    with redis.Redis.from_url(scene.stage.valkey.url(), socket_timeout=5) as client:
        return client.execute_command(*command)


class RedisFault(Fault):
    """One that is over once Redis answers."""

    parts = frozenset({"redis"})
    promised_seconds = REDIS_SECONDS
    latency_seconds = LATENCY_SECONDS


class RedisKilled(RedisFault):
    """Away for a while."""

    name = "redis_killed"
    what = "kill -9 of Redis, started again after the pause"
    holds = PAUSES

    async def begin(self, scene: Scene) -> None:
        """Kill it."""
        await scene.aside(scene.stage.valkey.kill)

    async def end(self, scene: Scene) -> None:
        """Start it again."""
        await scene.aside(scene.stage.data, scene.stage.valkey.start)


class RedisRestarted(RedisFault):
    """In order, with what it held or without."""

    def __init__(self, *, with_data: bool) -> None:
        self.with_data = with_data
        self.name = f"redis_restarted_{'with' if with_data else 'without'}_data"
        self.what = f"Redis restarted in order, {'with what it held' if with_data else 'empty'}"

    async def begin(self, scene: Scene) -> None:
        """Shut down and start."""
        await scene.aside(self._restart, scene)

    def _restart(self, scene: Scene) -> None:
        valkey = scene.stage.valkey
        with suppress(redis.ConnectionError):  # that is its answer
            tell(scene, "SHUTDOWN", "SAVE" if self.with_data else "NOSAVE")
        valkey.stop()
        kept = valkey.folder / "dump.rdb"
        assert kept.exists() or not self.with_data
        scene.stage.data(valkey.start)
        kept.unlink(missing_ok=True)


class RedisFlushed(RedisFault):
    """Everything that it holds is deleted."""

    name = "redis_flushed"
    what = "FLUSHALL, twice a second"
    holds = (1.0, 7.0)

    async def hold(self, scene: Scene) -> None:
        """Again and again."""
        await scene.until_over(lambda: tell(scene, "FLUSHALL"), 0.5)


class RedisClientsKilled(RedisFault):
    """Every connection to it is ended."""

    name = "redis_clients_killed"
    what = "CLIENT KILL of all its connections, twice a second"
    holds = (1.0, 7.0)

    async def hold(self, scene: Scene) -> None:
        """Again and again."""
        await scene.until_over(lambda: self._kill(scene), 0.5)

    @staticmethod
    def _kill(scene: Scene) -> None:
        for kind in ("normal", "pubsub"):
            tell(scene, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


class RedisBufferTiny(RedisFault):
    """A subscriber that has anything waiting for it is cut off."""

    name = "redis_buffer_tiny"
    what = "client-output-buffer-limit of one byte: every subscriber is cut off by every message"
    holds = (1.0, 7.0)

    async def begin(self, scene: Scene) -> None:
        """Limit."""
        await scene.aside(tell, scene, "CONFIG", "SET", "client-output-buffer-limit", TINY_LIMIT)

    async def end(self, scene: Scene) -> None:
        """Limit no more."""
        await scene.aside(tell, scene, "CONFIG", "SET", "client-output-buffer-limit", USUAL_LIMIT)
        await asyncio.sleep(0)
