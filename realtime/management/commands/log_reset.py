"""`manage.py log_reset`: begin a new epoch, after a restore that nobody can vouch for."""

import asyncio
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from psycopg import AsyncConnection

from realtime.adapters import epochs, segments
from realtime.adapters.assignment import relay_conninfo
from realtime.adapters.database import conninfo_of
from realtime.adapters.epochs import StreamState
from realtime.conf import RealtimeSettings, realtime_settings


class Command(BaseCommand):
    """Make a new epoch of streams: every client reads a fresh snapshot, no cursor is resumed."""

    help = "Begin a new epoch of the named streams (all by default). Every client then reads a fresh snapshot."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take names of streams."""
        parser.add_argument("streams", nargs="*", metavar="stream", help="a stream's name; all streams without one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset the streams, or say in one line why not."""
        settings = realtime_settings()
        try:
            made = asyncio.run(
                reset(conninfo_of(settings.database, "tideline-log-reset"), options["streams"], settings)
            )
        except psycopg.Error as error:
            raise CommandError(f"PostgreSQL can't be used: {' '.join(str(error).split())}") from error
        for state in made:
            self.stdout.write(f"{state.name}: epoch {state.epoch} begins at position 1")


async def reset(conninfo: str, names: list[str], settings: RealtimeSettings) -> list[StreamState]:
    """Make new epochs under the streams' lock; CommandError for a stream that does not exist."""
    async with await AsyncConnection.connect(relay_conninfo(conninfo)) as connection:
        streams = await epochs.lock_streams(connection)
        if unknown := sorted(set(names) - set(streams)):
            raise CommandError(f"no stream {', '.join(unknown)}; there are {', '.join(sorted(streams))}")
        made = [await epochs.make_epoch(connection, streams[name]) for name in names or streams]
        for state in made:
            await segments.extend(connection, state, settings.log_segment_positions)
        return made
