"""Where WebSockets are taken: at one path; anywhere else the handshake is refused."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from consumers.consumer import Receive, Send, SessionConsumer


async def nothing_here(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Refuse the handshake (HTTP 403)."""
    await receive()
    await send({"type": "websocket.close"})


websockets = URLRouter([path("ws/", SessionConsumer.as_asgi()), re_path("", nothing_here)])  # type: ignore[arg-type]  # an ASGI application, as Channels has them
