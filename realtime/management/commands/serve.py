"""`manage.py serve`: HTTP and WebSocket on one port, by one process or several."""

import argparse
import errno
import gc
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections
from django.utils.module_loading import import_string

from realtime.conf import realtime_settings
from realtime.server.forks import Child, Family, hindrances
from realtime.server.loads import Loads

BACKLOG = 4096
"""Connections that the kernel keeps while the processes are busy: a restart brings everyone at once.

As many as it allows by default (net.core.somaxconn). One too many is asked to come again after 1, 3, 7 seconds.
"""

PROCESSES_MAX = 256

COLLECT_EVERY = 50_000
"""So many more objects made than freed, and the young ones are looked through for cycles (Python's own: 700)."""


def processes(text: str) -> int:
    """Return a number of processes."""
    if not text.isdecimal() or not 1 <= int(text) <= PROCESSES_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {PROCESSES_MAX}")
    return int(text)


class Command(BaseCommand):
    """Serve `settings.ASGI_APPLICATION` until SIGTERM, which closes every WebSocket with 4000."""

    help = "Serve HTTP and WebSocket."
    requires_system_checks = ()  # run below, with those that ask the database

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where to listen, and how many do."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (0.0.0.0: all; default %(default)s)"
        )
        parser.add_argument("--port", type=int, default=8000, help="port, 0 for a free one (default %(default)s)")
        parser.add_argument(
            "--processes", type=processes, default=1, metavar="N",
            help="processes that share the port, each replaced when it ends. With 1, the default, this process serves "
            "itself, and is for others to restart",
        )  # fmt: skip
        parser.add_argument(
            "--own-ports", type=int, metavar="PORT",
            help="the first process also answers on this port, the second on the next, and so on: for probes and "
            "metrics, which on the shared port are those of any one process",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, listen, serve."""
        self._check()
        host, count = options["host"], options["processes"]
        listener = listen(host, options["port"])
        own = [] if options["own_ports"] is None else [listen(host, options["own_ports"] + n) for n in range(count)]
        serving = Serving(listener, own, count, shown=f"[{host}]" if ":" in host else host)
        if count == 1:
            serving.serve(1, ready=serving.ready, turning=lambda: None)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)  # Python would wait for threads that wait for PostgreSQL
        import_string(settings.ASGI_APPLICATION)  # once for all; what is wrong with it shows here
        connections.close_all()
        if found := hindrances():
            raise CommandError(f"--processes {count}: {settings.ASGI_APPLICATION} has begun {', '.join(found)} already")
        if failure := Family(count, serving).run():
            raise CommandError(failure)

    def _check(self) -> None:
        try:
            self.check(databases=[realtime_settings().database])
        except OperationalError as error:
            raise CommandError(f"PostgreSQL is out of reach: {str(error).strip().splitlines()[0]}") from error


class Serving:
    """What `count` processes do on one listening socket, and on one of their own each if there are any."""

    def __init__(self, listener: socket.socket, own: list[socket.socket], count: int, *, shown: str) -> None:
        self._listener = listener
        self._own = own
        self._loads = Loads(count)
        self._url = f"http://{shown}:{listener.getsockname()[1]}"

    def be(self, child: Child) -> None:
        """Serve as one of several."""
        for number, each in enumerate(self._own, 1):
            if number != child.number:
                each.close()
        self.serve(child.number, ready=child.serving, turning=child.turning)

    def serve(self, number: int, *, ready: Callable[[], None], turning: Callable[[], None]) -> None:
        """Serve until SIGTERM."""
        # Importing the server chooses Twisted's reactor: not before it is sure that this process serves.
        from realtime.server.several import OneOfSeveral  # noqa: PLC0415

        bounds = realtime_settings()
        application = import_string(settings.ASGI_APPLICATION)
        # What is loaded by now stays, and so do sessions and rows: with Python's own thresholds a busy hub looks
        # through all of them again and again, for a third of its processor time, and finds nothing.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY)
        OneOfSeveral(
            application,
            listener=self._listener,
            own=self._own[number - 1] if self._own else None,
            loads=self._loads,
            number=number,
            ready=ready,
            turning=turning,
            message_max_bytes=bounds.command_max_bytes,
            connection_queue_bytes=bounds.connection_queue_bytes,
            process_queue_bytes=bounds.process_queue_bytes,
        ).run()

    def ready(self) -> None:
        """Say so: a supervisor waits for it."""
        print(f"Tideline on {self._url}", flush=True)

    def gone(self, number: int) -> None:
        """Leave its share to the others."""
        self._loads.leave(number)

    def stopping(self) -> None:
        """Refuse connections that nobody would serve."""
        for each in (self._listener, *self._own):
            each.close()


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
