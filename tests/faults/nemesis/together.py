"""Several faults at the same time, begun one after another and ended in the order of chance."""

import asyncio
import random
from collections.abc import Sequence

from tests.faults.nemesis.fault import Fault
from tests.faults.scene import Scene


class Together(Fault):
    """Each fault begins at a time of its own within the first half, and they are over when the last one is."""

    def __init__(self, faults: Sequence[Fault], chance: float) -> None:
        self.faults = faults
        self.name = "random"
        self.what = "several faults at once, at random"
        self.promised_seconds = max(fault.promised_seconds for fault in faults)
        self.server_bytes = max(fault.server_bytes for fault in faults)
        self.parts = frozenset().union(*(fault.parts for fault in faults))
        self._chance = chance

    @property
    def shown(self) -> str:
        """All of them."""
        return f"{self.name}: {' + '.join(fault.name for fault in self.faults)}"

    async def hold(self, scene: Scene) -> None:
        """Play all of them."""
        chance = random.Random(self._chance)
        begins = [0.0, *(chance.uniform(0, scene.seconds / 2) for _ in self.faults[1:])]
        async with asyncio.TaskGroup() as group:
            for fault, after in zip(self.faults, begins, strict=True):
                group.create_task(self._play(scene, fault, after), name=fault.name)

    async def clean_up(self, scene: Scene) -> None:
        """Put things back."""
        for fault in self.faults:
            await fault.clean_up(scene)

    @staticmethod
    async def _play(scene: Scene, fault: Fault, after: float) -> None:
        await asyncio.sleep(after)
        await fault.begin(scene)
        try:
            await fault.hold(scene)
        finally:
            await fault.end(scene)
