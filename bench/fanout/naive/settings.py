"""Tideline's own settings with the naive application on top, and the channel layer that BENCH_LAYER names."""

import os
from typing import Any

from bench.fanout.app.settings import *  # noqa: F403
from bench.fanout.app.settings import CHANNEL_LAYERS, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench.fanout.naive"]

CONFIG: dict[str, Any] = {**CHANNEL_LAYERS["default"]["CONFIG"]}  # type: ignore[dict-item]  # mypy sees a collection
# redis-py allows 100 connections, and the core layer asks for one more with each handshake under way.
HOSTS = [{"address": address, "max_connections": 20_000} for address in CONFIG["hosts"]]
CHANNEL_LAYERS = {"default": {"BACKEND": os.environ["BENCH_LAYER"], "CONFIG": {**CONFIG, "hosts": HOSTS}}}
