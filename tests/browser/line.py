"""The line between one device and the shop, which can be cut: silently, as when a lift's door closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from playwright.async_api import BrowserContext

from tests.browser.shop import Shop

CHUNK_BYTES = 65_536


@dataclass
class Line:
    """Carries what goes between a port of its own and the shop's, until it is cut; nobody is told of that."""

    shop: Shop
    port: int = 0
    carries: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def far_end(self) -> Shop:
        """The shop as it is reached over this line."""
        return replace(self.shop, port=self.port)

    async def cut(self, device: BrowserContext) -> None:
        """Let nothing through any more; the device sees that it has no network."""
        self.carries.clear()
        await device.set_offline(offline=True)

    async def mend(self, device: BrowserContext) -> None:
        """Carry again."""
        self.carries.set()
        await device.set_offline(offline=False)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)
        with suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection("127.0.0.1", self.shop.port)
            ways = [asyncio.create_task(self._carry(*way)) for way in ((reader, back), (there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                back.close()
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self.carries.wait()
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def line_to(shop: Shop) -> AsyncIterator[Line]:
    """Yield a line to the shop; at its end all that it carries is cut off."""
    line = Line(shop)
    line.carries.set()
    server = await asyncio.start_server(line.answer, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        for task in set(line.connections):
            task.cancel()
        await asyncio.gather(*line.connections, return_exceptions=True)
