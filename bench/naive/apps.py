"""Send a message for each saved material, as the tutorials do."""

import time
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.apps import AppConfig
from django.db.models.signals import post_save

GROUP = "materials"


def publish(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Send the saved row to every consumer of the group, with the time of its commit (autocommit: now)."""
    row = {"id": instance.pk, "slug": instance.slug, "name": instance.name, "price_per_kg": str(instance.price_per_kg)}
    committed = time.monotonic()
    async_to_sync(get_channel_layer().group_send)(GROUP, {"type": "row.saved", "row": row, "committed": committed})


class NaiveConfig(AppConfig):
    """Connects the signal."""

    name = "bench.naive"
    label = "naive"

    def ready(self) -> None:
        """Publish on every save of a material."""
        from core.catalogue.models import Material

        post_save.connect(publish, sender=Material)
