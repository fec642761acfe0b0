#!/usr/bin/env python
"""Run one of the project's commands; `manage.py help` lists them."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

NO_SERVER = "no PostgreSQL is running: start the embedded one with `make run`, or set DATABASE_URL"


def main(arguments: list[str]) -> int:
    """Run the command; return 1 after a clear line or two when its surroundings are not fit for it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:
        for line in str(error).splitlines():
            print(f"tideline: {line}", file=sys.stderr)
        return 1
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) is not None:
            raise  # the server answered: this is not about reaching it
        unreachable = f"PostgreSQL is out of reach: {str(error).splitlines()[0]}"
        print(f"tideline: {unreachable if settings.ENVIRONMENT.database_url else NO_SERVER}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
