"""Tideline's own settings with the naive application on top, and the core channel layer of the tutorials."""

from core.settings import *  # noqa: F403
from core.settings import CHANNEL_LAYERS, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench.naive"]
CHANNEL_LAYERS = {
    "default": {**CHANNEL_LAYERS["default"], "BACKEND": "channels_redis.core.RedisChannelLayer"},
}
