"""The links between the processes: TCP proxies of the harness, whose manner can be changed while they carry.

    python -m tests.faults.links '[["server-redis", 12001, 12002], …]'      name, port here, port behind it

They are a process of their own, so that nothing else which the harness does can hold them up. It is told what to do
by lines of JSON on its standard input and answers each; `tests.faults.switchboard` is the other end.

A link forwards bytes in both directions, in order, and bounds what waits in it. In a black hole nothing passes and
nothing is lost, as on a network that comes back before TCP gives up: neither side learns that the other has gone.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass

WAITING_BYTES = 256 * 1024
"""A link that holds more than this of one direction reads no more of it."""

RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a link carries, in both directions; as it stands: at once."""

    black_hole: bool = False
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    slice_bytes: int = 0
    """Pieces of 1 to so many bytes, each a millisecond after the one before; 0: as they come."""
    bytes_per_second: int = 0
    """0: without a bound."""
    cut: bool = False
    """Connections are reset, and new ones refused."""


AT_ONCE = Manner()
SLICE_SECONDS = 0.001


class End(asyncio.Protocol):
    """One end of one connection: what it receives leaves by the other end, when the link's manner lets it."""

    def __init__(self, link: "Link", other: "End | None" = None) -> None:
        self._link = link
        self.other = other
        self.transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._waiting_bytes = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part in the link; the end that a client opened also opens the other."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._link.ends.add(self)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listen()
        if self.other is None:
            transport.pause_reading()
            self._link.open(self)

    def data_received(self, data: bytes) -> None:
        """Hand on at once, or keep it until it is due."""
        manner = self._link.manner
        if manner == AT_ONCE and not self._waiting:
            self._write(data)
            return
        self._keep(data, manner)
        self._pump()
        self.listen()

    def _keep(self, data: bytes, manner: Manner) -> None:
        loop, chance = asyncio.get_running_loop(), self._link.chance
        due = max(self._due, loop.time() + manner.delay_seconds + chance.uniform(0, manner.jitter_seconds))
        at = 0
        while at < len(data):
            size = chance.randint(1, manner.slice_bytes) if manner.slice_bytes else len(data)
            if manner.bytes_per_second:
                size = min(size, max(1, manner.bytes_per_second // 50))
            piece = data[at : at + size]
            at += len(piece)
            if manner.slice_bytes:
                due += SLICE_SECONDS
            if manner.bytes_per_second:
                due += len(piece) / manner.bytes_per_second
            self._waiting.append((due, piece))
        self._due = due
        self._waiting_bytes += len(data)

    def hasten(self) -> None:
        """Let what waits leave in the link's new manner: a delay that is over holds nothing up."""
        if not self._link.manner.black_hole and self._link.manner == AT_ONCE:
            self._waiting = deque((0.0, piece) for _, piece in self._waiting)
            self._due = 0.0
        self._pump()
        self.listen()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting and not self._link.manner.black_hole:
            due, piece = self._waiting[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self._continue)
                return
            self._waiting.popleft()
            self._waiting_bytes -= len(piece)
            self._write(piece)
        if self._lost and not self._waiting:
            self._close_other()

    def _continue(self) -> None:
        self._timer = None
        self._pump()
        self.listen()

    def _write(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def listen(self) -> None:
        """Read, or read no more, as the link's manner and what waits ask for."""
        if self.transport is None or self.transport.is_closing():
            return
        blocked = self.other is None or self._link.manner.black_hole or self._waiting_bytes > WAITING_BYTES
        congested = self.other is not None and self.other.full
        if blocked or congested:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    full = False

    def pause_writing(self) -> None:
        """Stop reading from the other side: this one takes no more."""
        self.full = True
        if self.other is not None:
            self.other.listen()

    def resume_writing(self) -> None:
        """Read from the other side again."""
        self.full = False
        if self.other is not None:
            self.other.listen()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the other side learn of it, after what was sent before."""
        self._link.ends.discard(self)
        self._lost = True
        if exc is not None and self.other is not None:
            self.other.reset()
        elif not self._waiting:
            self._close_other()

    def _close_other(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def reset(self) -> None:
        """End the connection on this side with a TCP reset."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            self.transport.abort()


class Link:
    """A port here and the port behind it; all connections have the link's manner."""

    def __init__(self, name: str, port: int, behind: int) -> None:
        self.name = name
        self.chance = random.Random(f"{name}:{port}")
        self.manner = AT_ONCE
        self.ends: set[End] = set()
        self._port, self._behind = port, behind
        self._clear = asyncio.Event()
        self._clear.set()
        self._opening: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take connections from now on."""
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: End(self), "127.0.0.1", self._port, backlog=1024)

    def open(self, near: End) -> None:
        """Open the other side of a connection, as soon as something passes."""
        task = asyncio.create_task(self._open(near))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, near: End) -> None:
        await self._clear.wait()
        if self.manner.cut:
            near.reset()
            return
        far = End(self, near)
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, "127.0.0.1", self._behind)
        except OSError:
            near.reset()
            return
        near.other = far
        if near not in self.ends:
            far.reset()
        near.listen()

    def behave(self, manner: Manner) -> None:
        """Carry in another manner from now on."""
        self.manner = manner
        if manner.black_hole:
            self._clear.clear()
        else:
            self._clear.set()
        if manner.cut:
            self.reset()
        for end in list(self.ends):
            end.hasten()

    def reset(self) -> None:
        """End all connections with a TCP reset on both sides."""
        for end in list(self.ends):
            end.reset()


def obey(links: list[Link], command: dict[str, object]) -> dict[str, int]:
    """Do what a line says to all links of a name; return how many connections they carry."""
    chosen = [link for link in links if link.name == command["link"]]
    assert chosen, f"no link {command['link']}"
    for link in chosen:
        if command["do"] == "reset":
            link.reset()
        elif command["do"] == "behave":
            link.behave(Manner(**command["manner"]))  # type: ignore[arg-type]
    return {"connections": sum(len(link.ends) for link in chosen) // 2}


async def main(wanted: list[tuple[str, int, int]]) -> None:
    """Carry until standard input ends."""
    links = [Link(*each) for each in wanted]
    for link in links:
        await link.listen()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    while line := await reader.readline():
        print(json.dumps(obey(links, json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
