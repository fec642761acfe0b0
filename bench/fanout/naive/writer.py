"""Saves ticks, a process of its own: `python -m bench.fanout.naive.writer`, with `[[number, key], …]` a line.

It saves as a view under Daphne does: in a thread of a running loop, so that sending to the group needs no loop
and no connection of its own each time.
"""

import asyncio
import json
import sys

import django
from asgiref.sync import sync_to_async


async def main() -> None:
    """Save until the input ends."""
    from bench.fanout.app.models import NaiveTick

    def save(number: int, key: int, text: str) -> None:
        NaiveTick(pk=key + 2, key=key, n=number, t=0, text=text).save()

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await asyncio.to_thread(sys.stdin.readline):
        for number, key, text in json.loads(line):
            await sync_to_async(save)(number, key, text)


if __name__ == "__main__":
    django.setup()
    asyncio.run(main())
