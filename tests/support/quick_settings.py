"""The product's settings with a faster clock, for tests that wait for time-outs: DJANGO_SETTINGS_MODULE names it."""

from typing import Any

from core.settings import *  # noqa: F403
from core.settings import REALTIME as PATIENT

REALTIME: dict[str, Any] = {**PATIENT, "pong_wait_seconds": 1.5, "heartbeat_seconds": 1.0, "slow_close_seconds": 3.0}  # type: ignore[no-redef]
