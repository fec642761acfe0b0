"""A relay in a process of its own that kills or freezes itself after a given step.

python -m tests.support.stepped_relay <conninfo> <step> <SIGKILL|SIGSTOP>
"""

import asyncio
import os
import signal
import sys

from realtime.conf import RealtimeSettings
from realtime.drivers.relay import Relay, Step


class Silent:
    """A bus that nobody listens to."""

    async def publish(self, batch_bytes: bytes, stream: str) -> None:
        """Take the batch and forget it."""


async def main(conninfo: str, step_name: str, signal_name: str) -> None:
    """Relay until the step is reached."""
    done = False

    async def on_step(step: Step) -> None:
        nonlocal done
        if step.value == step_name and not done:
            done = True
            print(f"at {step.value}", flush=True)
            os.kill(os.getpid(), signal.Signals[signal_name])

    await Relay(conninfo, Silent(), RealtimeSettings(), on_step=on_step).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
