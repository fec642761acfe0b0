"""What can happen on each link."""

import asyncio
from collections.abc import Sequence

from tests.faults.links import Manner
from tests.faults.nemesis.fault import LATENCY_SECONDS, REDIS_SECONDS, SERVER_SECONDS, Fault
from tests.faults.scene import Scene

LINKS = ("client-server", "server-postgres", "server-redis", "relay-postgres", "relay-redis")

RESET_EVERY_SECONDS = 0.5

BLACK_HOLE = Manner(black_hole=True)
LATENCY = Manner(delay_seconds=0.1, jitter_seconds=0.1)
SLICING = Manner(slice_bytes=64)
BANDWIDTH = Manner(bytes_per_second=64 * 1024)


class LinkFault(Fault):
    """A link in another manner; several links one after another."""

    def __init__(self, kind: str, links: Sequence[str], manner: Manner, what: str, holds: tuple[float, ...]) -> None:
        one = links[0] if len(links) == 1 else ""
        self.links = links
        self.manner = manner
        self.name = f"link_{kind}_{one.replace('-', '_')}" if one else f"link_{kind}"
        self.what = f"{what} {one}" if one else f"{what} each link, one after another"
        self.holds = holds
        self.parts = frozenset({f"link {link}" for link in links})
        self.promised_seconds = REDIS_SECONDS if one.endswith("redis") else SERVER_SECONDS
        self.latency_seconds = LATENCY_SECONDS if one.endswith("redis") else None

    async def hold(self, scene: Scene) -> None:
        """Let each link have its share of the time."""
        share = scene.seconds / len(self.links)
        for link in self.links:
            await self._hurt(scene, link, share)

    async def _hurt(self, scene: Scene, link: str, seconds: float) -> None:
        await scene.aside(scene.stage.links.behave, link, self.manner)
        await asyncio.sleep(seconds)
        await scene.aside(scene.stage.links.behave, link)

    async def end(self, scene: Scene) -> None:
        """Let all carry as ever."""
        for link in self.links:
            await scene.aside(scene.stage.links.behave, link)


class LinkReset(LinkFault):
    """All connections of a link end with a TCP reset, again and again."""

    def __init__(self, links: Sequence[str], holds: tuple[float, ...]) -> None:
        super().__init__("reset", links, Manner(), "TCP reset of all connections, twice a second:", holds)

    async def _hurt(self, scene: Scene, link: str, seconds: float) -> None:
        for _ in range(max(1, round(seconds / RESET_EVERY_SECONDS))):
            await scene.aside(scene.stage.links.reset, link)
            await asyncio.sleep(RESET_EVERY_SECONDS)


def link_faults(links: Sequence[str], holds: tuple[float, ...], long_holds: tuple[float, ...]) -> list[Fault]:
    """Return every fault of these links."""
    return [
        LinkReset(links, holds),
        LinkFault("black_hole", links, BLACK_HOLE, "nothing passes:", long_holds),
        LinkFault("latency", links, LATENCY, "100 to 200 ms more in each direction:", holds),
        LinkFault("slicing", links, SLICING, "pieces of 1 to 64 bytes, a millisecond apart:", holds),
        LinkFault("bandwidth", links, BANDWIDTH, "64 KB/s in each direction:", holds),
    ]
