"""Wall clocks that jump, in servers and relays or in PostgreSQL. The product goes by monotonic time and by order."""

import asyncio

from tests.faults.nemesis.fault import Fault
from tests.faults.scene import Scene

HOUR = 3600.0
JUMPS = {"ahead_1h": HOUR, "back_1h": -HOUR, "ahead_10d": 240 * HOUR, "back_10d": -240 * HOUR}


class ClockJumps(Fault):
    """The wall clock of some processes jumps, there and back; each of several jumps in its turn."""

    needs_shim = True
    holds = (4.0,)

    def __init__(self, who: str, name: str, what: str, jumps: tuple[float, ...]) -> None:
        self.who, self.name, self.what, self.jumps = who, name, what, jumps
        self.parts = frozenset({f"clock {who}"})

    async def hold(self, scene: Scene) -> None:
        """Jump."""
        for seconds in self.jumps:
            scene.stage.deceptions[self.who].tell(clock_seconds=seconds)
            await asyncio.sleep(scene.seconds / len(self.jumps))

    async def end(self, scene: Scene) -> None:
        """Be right again."""
        scene.stage.deceptions[self.who].tell()


def clock_faults(*, together: bool) -> list[Fault]:
    """Return the jumps of each kind of process: one fault for all of them, or one for each."""
    found: list[Fault] = []
    for who, shown in (("product", "servers and relays"), ("postgres", "PostgreSQL")):
        if together:
            what = f"wall clock of {shown} ±1 h and ±10 d, one after another"
            found.append(ClockJumps(who, f"clock_{who}", what, tuple(JUMPS.values())))
            continue
        for name, seconds in JUMPS.items():
            direction, amount = name.split("_")
            what = f"wall clock of {shown} {amount[:-1]} {amount[-1]} {direction}, and right again"
            found.append(ClockJumps(who, f"clock_{who}_{name}", what, (seconds,)))
    return found
