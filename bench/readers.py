"""People with a page open, a process of its own: `python -m bench.readers KEYS`, a JSON list of session keys.

Each has one WebSocket and is subscribed to `notifications/mine`. Commands come as lines on stdin; each is
answered by one line of JSON, with monotonic seconds, which are the machine's:

    connect PORT    {"connected": [...], "shown": [...], "resumed": n, "refused": n}: everybody comes at once, and
                    with what they had from before; `shown` is when a snapshot or what was missed had come
    expect TITLE    a list: when the notification of that title had come to each
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.client import FrameClient

TOPIC = "notifications/mine"
AT_ONCE = 100
"""So many handshakes are under way at a time: a browser's connect is retried, a full accept queue only slows."""

PATIENCE_SECONDS = 120.0


class Reader:
    """One person: its socket, where it is in the stream, and which titles it has been shown."""

    def __init__(self, session_key: str) -> None:
        self._cookie = f"sessionid={session_key}"
        self._client: FrameClient | None = None
        self._cursor: dict[str, Any] | None = None
        self._waiting: asyncio.Future[float] | None = None
        self._title = ""
        self.resumed = False
        self.refused = 0

    async def connect(self, port: int) -> float:
        """Open the socket; return when it was open."""
        if self._client:
            self._client.close()
        self._client = await FrameClient.connect(port, "/ws/", "realtime.v1", self._cookie)
        self._client.on_frame = self._take
        return time.monotonic()

    async def subscribe(self) -> float:
        """Subscribe; return when the rows had come."""
        self._waiting, self._title, self.resumed = asyncio.get_running_loop().create_future(), "", False
        self._ask()
        return await asyncio.wait_for(self._waiting, PATIENCE_SECONDS)

    async def expect(self, title: str) -> float:
        """Return when the notification of that title had come."""
        self._waiting, self._title = asyncio.get_running_loop().create_future(), title
        return await asyncio.wait_for(self._waiting, PATIENCE_SECONDS)

    def _ask(self) -> None:
        assert self._client is not None
        cursor = {"cursor": self._cursor} if self._cursor else {}
        self._client.send(json.dumps({"type": "subscribe", "id": 1, "topic": TOPIC, **cursor}))

    def _take(self, payload: bytes) -> None:
        now, frame = time.monotonic(), json.loads(payload)
        assert self._client is not None
        self._client.frames.clear()
        match frame["type"]:
            case "error" | "unsubscribed":
                self.refused += 1
                assert frame["retry"], payload
                asyncio.get_running_loop().call_later(1.0, self._ask)
            case "snapshot":
                self._cursor = {"epoch": frame["epoch"], "position": frame["position"]}
                if frame["last"] and not self._title:
                    self._arrived(now)
            case "resumed":
                self.resumed = True
            case "changes":
                assert self._cursor is not None
                self._cursor["position"] = frame["position"]
                titles = [change["row"].get("title") for change in frame["changes"] if change["row"]]
                if not self._title or self._title in titles:
                    self._arrived(now)

    def _arrived(self, now: float) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(now)


async def connect(readers: list[Reader], port: int) -> dict[str, Any]:
    """Bring everybody to the server at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def come(reader: Reader) -> float:
        async with turns:
            return await reader.connect(port)

    connected = await asyncio.gather(*(come(reader) for reader in readers))
    shown = await asyncio.gather(*(reader.subscribe() for reader in readers))
    resumed, refused = sum(reader.resumed for reader in readers), sum(reader.refused for reader in readers)
    return {"connected": connected, "shown": shown, "resumed": resumed, "refused": refused}


async def main(path: str) -> None:
    """Obey until stdin ends."""
    readers = [Reader(key) for key in json.loads(Path(path).read_text())]  # noqa: ASYNC240 - nothing else runs yet
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, _, argument = line.strip().partition(" ")
        if command == "connect":
            answer: Any = await connect(readers, int(argument))
        else:
            expecting = [asyncio.ensure_future(reader.expect(argument)) for reader in readers]
            await asyncio.sleep(0)
            print("ready", flush=True)
            answer = await asyncio.gather(*expecting)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
