"""`manage.py relay`: run one relay until SIGTERM or SIGINT."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.utils import Error as DatabaseFailure

from realtime.adapters.bus import Bus
from realtime.adapters.database import conninfo_of
from realtime.conf import realtime_settings
from realtime.drivers.probes import Probes
from realtime.drivers.relay import Relay
from realtime.management.commands.serve import listen


class Command(BaseCommand):
    """Give positions to committed changes and publish them; any number of relays may run."""

    help = "Give positions to committed changes and publish them. Any number may run; each takes over from another."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where probes are answered."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="address of the port (0.0.0.0: all; default %(default)s)"
        )
        parser.add_argument("--port", type=int, help="answer /healthz, /readyz and /metrics here; nowhere without it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check that the watched tables are captured, then relay until told to stop."""
        settings = realtime_settings()
        listener = None if options["port"] is None else listen(options["host"], options["port"])
        try:
            self.check(databases=[settings.database])
            asyncio.run(self._run(settings, listener))
        except (psycopg.Error, DatabaseFailure) as error:
            raise CommandError(f"PostgreSQL can't be used: {' '.join(str(error).split())}") from error

    async def _run(self, settings: Any, listener: socket.socket | None) -> None:
        relay = Relay(conninfo_of(settings.database, "tideline-relay"), Bus.of(settings), settings)
        running = asyncio.create_task(relay.run(), name="relay")
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        announcing = asyncio.create_task(self._announce(relay), name="relay-announcement")
        try:
            async with answering(relay, listener):
                await running
        except asyncio.CancelledError:
            self.stdout.write("Relay stopped")
        finally:
            announcing.cancel()

    async def _announce(self, relay: Relay) -> None:
        await relay.started.wait()
        self.stdout.write("Relay ready")
        self.stdout.flush()


@asynccontextmanager
async def answering(relay: Relay, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer probes about the relay on the socket, if there is one."""
    if listener is None:
        yield
        return
    async with await Probes(relay).serve(listener):
        yield
