"""The bus: batches of a stream travel as messages of a group of the channel layer.

Made for `channels_redis.pubsub.RedisPubSubChannelLayer`: one PUBLISH for each batch, nothing stored. What Redis
loses leaves no trace here; the change log is what counts, and a hub checks its head.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from channels.layers import get_channel_layer

from realtime.conf import RealtimeSettings
from realtime.errors import BusUnavailable

ANSWER_SECONDS = 2.0
"""How long Redis may take to take a message. A vanished host gives no answer at all."""

MESSAGE_TYPE = "realtime.batch"

logger = structlog.get_logger("realtime.bus")


class Bus:
    """The groups of one deployment's streams on a channel layer. Belongs to one event loop."""

    def __init__(self, layer: Any, deployment: str) -> None:
        self._layer = layer
        self._deployment = deployment
        self._channel: str | None = None
        self._groups: set[str] = set()

    @classmethod
    def of(cls, settings: RealtimeSettings) -> "Bus":
        """Return the bus over the channel layer that the settings name."""
        return cls(get_channel_layer(settings.channel_layer), settings.deployment)

    def group(self, stream: str) -> str:
        """Return the name of a stream's group."""
        return f"{self._deployment}.{stream}"

    async def publish(self, batch_bytes: bytes, stream: str) -> None:
        """Send a batch to whoever listens now; raise BusUnavailable when Redis does not take it in time."""
        await self._send(self.group(stream), {"type": MESSAGE_TYPE, "batch": batch_bytes})

    async def subscribe(self, streams: Iterable[str]) -> None:
        """Join the groups of the streams, all on one channel; raise BusUnavailable. May be repeated."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._channel is None:
                    self._channel = await self._layer.new_channel("realtime")
                for stream in streams:
                    await self._layer.group_add(self.group(stream), self._channel)
                    self._groups.add(stream)
        except Exception as error:
            raise BusUnavailable(f"Redis took no subscription: {error!r}") from error

    async def receive(self) -> bytes:
        """Wait for the next batch of any subscribed stream.

        For one long-lived task: a channel layer takes its cancellation for the end of the channel.
        """
        assert self._channel is not None, "subscribe first"
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:
                raise BusUnavailable(f"Redis gave no message: {error!r}") from error
            if message.get("type") == MESSAGE_TYPE:
                return bytes(message["batch"])

    async def ping(self) -> None:
        """Raise BusUnavailable when Redis does not take a message now."""
        await self._send(f"{self._deployment}.ping", {"type": "realtime.ping"})

    async def close(self) -> None:
        """Leave all groups. The channel layer itself is the process's and stays open."""
        groups, self._groups, channel = self._groups, set(), self._channel
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for stream in groups:
                    await self._layer.group_discard(self.group(stream), channel)
        except Exception as error:  # noqa: BLE001 - Redis may be gone: then there is nothing to leave
            logger.info("bus_left_unanswered", error=repr(error))

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._layer.group_send(group, message)
        except Exception as error:
            raise BusUnavailable(f"Redis took no message: {error!r}") from error
