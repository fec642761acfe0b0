"""A relay on the real bus that stops itself, once, right after a given step, when it has work.

python -m tests.faults.stepped <step>
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from realtime.drivers.relay import Relay, Step


def command(step: Step) -> list[str]:
    """Return the command line of one that stops after this step."""
    return [sys.executable, "-m", "tests.faults.stepped", step.value]


def frozen(pid: int) -> bool:
    """Tell whether a process is stopped by a signal."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "T"


async def main(step_name: str) -> None:
    """Relay until SIGTERM."""
    from realtime.adapters.bus import Bus  # noqa: PLC0415 - needs Django set up
    from realtime.adapters.database import conninfo_of  # noqa: PLC0415
    from realtime.conf import realtime_settings  # noqa: PLC0415

    stopped = False

    async def on_step(step: Step) -> None:
        nonlocal stopped
        if step.value == step_name and not stopped:
            stopped = True
            os.kill(os.getpid(), signal.SIGSTOP)

    settings = realtime_settings()
    conninfo = conninfo_of(settings.database, "tideline-relay")
    running = asyncio.create_task(Relay(conninfo, Bus.of(settings), settings, on_step=on_step).run(), name="relay")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()


if __name__ == "__main__":
    import django

    django.setup()
    asyncio.run(main(sys.argv[1]))
