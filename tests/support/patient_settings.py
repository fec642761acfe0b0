"""The product's settings for a client that reads nothing for long, and so answers no ping."""

from typing import Any

from core.settings import *  # noqa: F403
from core.settings import REALTIME as USUAL

REALTIME: dict[str, Any] = {**USUAL, "pong_wait_seconds": 300.0}  # type: ignore[no-redef]
