"""A small ASGI application that does with its `Transport` what the tests tell it, and the server under it.

    python -m tests.support.socket_application PORT [daphne]

Commands come as text over the WebSocket; `GET /` answers with the state of the last connection as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from daphne.server import Server as PlainServer

from realtime.management.commands.serve import listen
from realtime.server.daphne import Server
from realtime.server.extension import EXTENSION, Transport

MESSAGE_MAX_BYTES = 64 * 1024
CONNECTION_QUEUE_BYTES = 64 * 1024
PROCESS_QUEUE_BYTES = 64 * 1024 * 1024
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
state: dict[str, Any] = {"extension": None, "congestions": 0, "drains": 0, "disconnected": None}
current: list[Transport] = []
served: list[PlainServer] = []


class Listener:
    """Counts what the transport tells."""

    def congested(self) -> None:
        """Count a congestion."""
        state["congestions"] += 1

    def drained(self) -> None:
        """Count a drain."""
        state["drains"] += 1


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve one connection."""
    if scope["type"] == "http":
        await show_state(scope, send)
        return
    transport: Transport | None = scope.get("extensions", {}).get(EXTENSION)
    state.update(extension=transport is not None, congestions=0, drains=0, disconnected=None)
    await receive()
    await send({"type": "websocket.accept"})
    if transport:
        current[:] = [transport]
        transport.listener = Listener()
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            state["disconnected"] = message["code"]
            return
        await obey(transport, message.get("text") or "", send)


async def obey(transport: Transport | None, command: str, send: Send) -> None:
    """Do what the command says."""
    verb, _, argument = command.partition(" ")
    if verb == "echo":
        await send({"type": "websocket.send", "text": argument})
    elif verb == "fail":
        raise RuntimeError(argument)
    elif transport is None:
        raise RuntimeError("this server offers no transport")
    elif verb == "write":
        transport.write(argument.encode())
    elif verb == "fill":
        for _ in range(int(argument)):
            transport.write(b"x" * 65536)
    elif verb == "close":
        code, _, reason = argument.partition(" ")
        transport.close(int(code), reason)
    elif verb == "abort":
        transport.abort()
    elif verb == "ping":
        transport.ping()


async def show_state(scope: dict[str, Any], send: Send) -> None:
    """Answer with the state; a path of `/slow` never answers."""
    if scope["path"] == "/slow":
        await asyncio.Event().wait()
    shown = dict(state)
    for transport in current:
        shown |= {"congested": transport.congested, "drained": transport.drained_bytes(), "pongs": transport.pongs()}
    shown["connections"] = len(served[0].connections)
    body = json.dumps(shown).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


def main(port: int, kind: str = "ours") -> None:
    """Serve on the port, with our server or with plain Daphne."""
    if kind == "daphne":
        endpoint = f"tcp:port={port}:interface=127.0.0.1"
        served.append(PlainServer(application, endpoints=[endpoint], ready_callable=say_ready))
    else:
        listener = listen("127.0.0.1", port)
        server = Server(
            application,
            listener=listener,
            message_max_bytes=MESSAGE_MAX_BYTES,
            connection_queue_bytes=CONNECTION_QUEUE_BYTES,
            process_queue_bytes=PROCESS_QUEUE_BYTES,
            ready=say_ready,
        )
        served.append(server)
    served[0].run()


def say_ready() -> None:
    """Tell the test that connections are taken."""
    print("ready", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
