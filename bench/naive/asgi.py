"""One consumer per socket, one mailbox per consumer."""

import json
import os
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

from bench.naive.apps import GROUP

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.naive.settings")
pages = get_asgi_application()


class RowConsumer(AsyncWebsocketConsumer):
    """Joins the group and forwards each message as JSON."""

    async def connect(self) -> None:
        """Join, then accept."""
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave."""
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def row_saved(self, event: dict[str, Any]) -> None:
        """Forward one saved row."""
        await self.send(text_data=json.dumps({"row": event["row"], "committed": event["committed"]}))


application = ProtocolTypeRouter({"http": pages, "websocket": URLRouter([path("ws/", RowConsumer.as_asgi())])})
