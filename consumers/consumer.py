"""The consumer of one WebSocket: it hands what comes in to the session, and the session its socket.

Channels would dispatch every message through a thread, to tidy up database connections that a session never
touches, and poll a mailbox on the channel layer. So `__call__` is overridden, and there is no mailbox: what a
session is told comes from the hub, straight to its socket.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import AsyncConsumer

from consumers.authentication import session_key
from consumers.handshake import shake_hands
from realtime import EXTENSION, LogUnavailable, SendTransport, Transport, Unavailable, process_budget, sessions

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

UNAVAILABLE = 4003


class SessionConsumer(AsyncConsumer):
    """One client."""

    channel_layer_alias = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve a connection until it ends."""
        await receive()  # websocket.connect
        handshake = shake_hands(scope)
        key = session_key(scope)
        # Routers hold the scope as long as the connection lives. Its headers are most of it, and read.
        if isinstance(scope["headers"], list):
            scope["headers"].clear()
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
        if handshake.code is not None:
            await send({"type": "websocket.close", "code": handshake.code, "reason": handshake.reason})
            await _disconnected(receive)
            return
        offered: Transport | None = (scope.get("extensions") or {}).get(EXTENSION)
        if offered is not None:
            await _serve(offered, key, receive)
            return
        fallback = SendTransport(send, process_budget())
        sending = asyncio.create_task(fallback.run(), name="frames of a session")
        try:
            await _serve(fallback, key, receive)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _serve(transport: Transport, key: str | None, receive: Receive) -> None:
    try:
        session = await sessions().open(transport, key)
    except (Unavailable, LogUnavailable):
        transport.close(UNAVAILABLE, "try again later")
        await _disconnected(receive)
        return
    try:
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            session.received(message["bytes"] if text is None else text)
    finally:
        sessions().end(session)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
