"""The product's settings that close a client soon when it takes nothing, though it may take long to answer a ping."""

from typing import Any

from tests.support.patient_settings import *  # noqa: F403
from tests.support.patient_settings import REALTIME as PATIENT

REALTIME: dict[str, Any] = {**PATIENT, "slow_close_seconds": 3.0}  # type: ignore[no-redef]
