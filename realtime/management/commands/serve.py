"""`manage.py serve`: HTTP and WebSocket on one port."""

import errno
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils.module_loading import import_string

from realtime.conf import realtime_settings

BACKLOG = 1024
"""Connections that the kernel keeps while the process is busy: a restart brings everyone at once."""


class Command(BaseCommand):
    """Serve `settings.ASGI_APPLICATION` until SIGTERM, which closes every WebSocket with 4000."""

    help = "Serve HTTP and WebSocket."
    requires_system_checks = ()  # run below, with those that ask the database

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where to listen."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (0.0.0.0: all; default %(default)s)"
        )
        parser.add_argument("--port", type=int, default=8000, help="port, 0 for a free one (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, listen, serve."""
        self._check()
        host = options["host"]
        listener = listen(host, options["port"])
        # Importing the server chooses Twisted's reactor: not before it is sure that this process serves.
        from realtime.server.daphne import Server  # noqa: PLC0415

        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        Server(
            import_string(settings.ASGI_APPLICATION),
            listener=listener,
            message_max_bytes=realtime_settings().command_max_bytes,
            ready=lambda: print(f"Tideline on {url}", flush=True),  # a supervisor waits for it
        ).run()

    def _check(self) -> None:
        try:
            self.check(databases=[realtime_settings().database])
        except OperationalError as error:
            raise CommandError(f"PostgreSQL is out of reach: {str(error).strip().splitlines()[0]}") from error


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 is a free one. CommandError when the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(f"port {port} of {host} is taken: stop what listens there, or choose another") from error
        raise CommandError(f"can't listen on {host} port {port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
