"""Send a message for each saved tick, as the tutorials do."""

import time
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.apps import AppConfig
from django.db.models.signals import post_save


def group_of(key: int) -> str:
    """Return the group of a topic; -1 is the one of everybody."""
    return f"tick.{key}"


def publish(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Send the saved row to every consumer of its group, stamped now: committing it does not count."""
    row = {"n": instance.n, "t": time.monotonic_ns(), "text": instance.text}
    async_to_sync(get_channel_layer().group_send)(group_of(instance.key), {"type": "row.saved", "row": row})


class NaiveConfig(AppConfig):
    """Connects the signal."""

    name = "bench.fanout.naive"
    label = "fanout_naive"

    def ready(self) -> None:
        """Publish on every save."""
        from bench.fanout.app.models import NaiveTick

        post_save.connect(publish, sender=NaiveTick)
