"""`manage.py relay`: run one relay until SIGTERM or SIGINT."""

import asyncio
import signal
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import Error as DatabaseFailure

from realtime.adapters.bus import Bus
from realtime.adapters.database import conninfo_of
from realtime.conf import realtime_settings
from realtime.drivers.relay import Relay


class Command(BaseCommand):
    """Give positions to committed changes and publish them; any number of relays may run."""

    help = "Give positions to committed changes and publish them. Any number may run; each takes over from another."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check that the watched tables are captured, then relay until told to stop."""
        settings = realtime_settings()
        try:
            self.check(databases=[settings.database])
            asyncio.run(self._run(settings))
        except (psycopg.Error, DatabaseFailure) as error:
            raise CommandError(f"PostgreSQL can't be used: {' '.join(str(error).split())}") from error

    async def _run(self, settings: Any) -> None:
        relay = Relay(conninfo_of(settings.database, "tideline-relay"), Bus.of(settings), settings)
        running = asyncio.create_task(relay.run(), name="relay")
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        announcing = asyncio.create_task(self._announce(relay), name="relay-announcement")
        try:
            await running
        except asyncio.CancelledError:
            self.stdout.write("Relay stopped")
        finally:
            announcing.cancel()

    async def _announce(self, relay: Relay) -> None:
        await relay.started.wait()
        self.stdout.write("Relay ready")
        self.stdout.flush()
