"""One consumer per socket, one mailbox per consumer."""

import json
import os
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

from bench.fanout.naive.apps import group_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.fanout.naive.settings")
pages = get_asgi_application()


class TickConsumer(AsyncWebsocketConsumer):
    """Joins the group of its path and forwards each message as JSON."""

    async def connect(self) -> None:
        """Join, then accept."""
        self.group = group_of(self.scope["url_route"]["kwargs"].get("key", -1))
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave."""
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def row_saved(self, event: dict[str, Any]) -> None:
        """Forward one saved row."""
        await self.send(text_data=json.dumps(event["row"]))


sockets = URLRouter([path("ws/", TickConsumer.as_asgi()), path("ws/<int:key>", TickConsumer.as_asgi())])
application = ProtocolTypeRouter({"http": pages, "websocket": sockets})
