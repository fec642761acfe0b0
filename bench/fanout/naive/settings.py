"""Tideline's own settings with the naive application on top, and the channel layer that BENCH_LAYER names."""

import os

from bench.fanout.app.settings import *  # noqa: F403
from bench.fanout.app.settings import CHANNEL_LAYERS, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench.fanout.naive"]
CHANNEL_LAYERS = {"default": {**CHANNEL_LAYERS["default"], "BACKEND": os.environ["BENCH_LAYER"]}}
