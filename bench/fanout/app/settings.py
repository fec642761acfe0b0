"""Tideline's own settings with the table of ticks."""

from core.settings import *  # noqa: F403
from core.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench.fanout.app"]
