"""The messages of a connection wait for its application, in order."""

import asyncio

from realtime.server.inbox import Inbox


async def test_messages_come_in_order_whoever_is_first() -> None:
    """Those that wait are given at once; who comes before them waits."""
    inbox = Inbox()
    for n in range(3):
        inbox.put_nowait({"n": n})
    assert [(await inbox.get())["n"] for _ in range(3)] == [0, 1, 2]
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not reading.done()
    inbox.put_nowait({"n": 3})
    inbox.put_nowait({"n": 4})
    assert [(await reading)["n"], (await inbox.get())["n"]] == [3, 4]


async def test_a_reader_that_is_cancelled_takes_nothing_along() -> None:
    """Also not a message that came in the same turn."""
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait({"n": 0})
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await inbox.get() == {"n": 0}
