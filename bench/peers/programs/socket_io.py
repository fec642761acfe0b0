"""python-socketio with its Redis manager: a room per topic. Run by uvicorn, in an environment of its own.

A client emits "subscribe" with a topic and gets an acknowledgement once it is in the room. WebSocket alone, no
compression, no log; orjson encodes. Messages come from Redis, from another process, as a write-only manager
sends them; python-socketio encodes a message once per room. REDIS_URL comes from the environment.

It makes a task for each recipient of a message, so the garbage collector as Python sets it (a run for every 700 new
objects) took half of the time with 1,000 clients when this was profiled. It runs rarely here.
"""

import gc
import os
from typing import Any

import orjson  # type: ignore[import-not-found]
import socketio  # type: ignore[import-not-found]


class Json:
    """The two functions that python-socketio asks of a JSON module, by orjson."""

    loads = staticmethod(orjson.loads)

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        """Return the value as text."""
        return str(orjson.dumps(value), "utf-8")


server = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncRedisManager(os.environ["REDIS_URL"]),
    transports=["websocket"],
    http_compression=False,
    json=Json,
    logger=False,
    engineio_logger=False,
)
application = socketio.ASGIApp(server)


@server.on("subscribe")  # type: ignore[untyped-decorator]
async def subscribe(sid: str, topic: str) -> None:
    """Let a client into a topic's room; the return is its acknowledgement."""
    await server.enter_room(sid, topic)


gc.freeze()
gc.set_threshold(100_000, 50, 100)
