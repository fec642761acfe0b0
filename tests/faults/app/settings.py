"""Tideline's own settings with the harness's tables; PROOF_REALTIME, a JSON object, changes those of the engine."""

import json
import os

from core.settings import *  # noqa: F403
from core.settings import INSTALLED_APPS, REALTIME

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.app"]
REALTIME = {**REALTIME, **json.loads(os.environ.get("PROOF_REALTIME", "{}"))}
