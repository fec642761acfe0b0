"""`make urls` and `make psql`: the addresses of what runs, and a prompt on its database.

python -m core.demo.addresses urls|psql
"""

import os
import shutil
import sys

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.demo.embedded import EmbeddedError, RunState
from core.demo.embedded.binaries import postgres_folder
from core.demo.embedded.state import home


def running() -> RunState:
    """Return the state of the live run; raise EmbeddedError when there is none (or it was killed)."""
    state = RunState.read()
    if state is None:
        raise EmbeddedError(f"nothing runs in {home()}: start it with `make run`")
    return state


def show_urls() -> None:
    """Print the URLs as assignments that a shell can read."""
    state = running()
    print(f"DATABASE_URL={state.database_url}")
    print(f"REDIS_URL={state.redis_url}")


def open_psql() -> None:
    """Become `psql` on the database; the password is not shown among the arguments."""
    parameters = conninfo_to_dict(running().database_url)
    environ = {**os.environ, "PGPASSWORD": str(parameters.pop("password", ""))}
    place = make_conninfo(**parameters)  # type: ignore[arg-type]
    program = find_psql()
    os.execve(program, [program, place], environ)  # noqa: S606


def find_psql() -> str:
    """Return the path of psql: the machine's own, which can edit lines, else the one beside PostgreSQL."""
    if found := shutil.which("psql"):
        return found
    beside = postgres_folder() / "psql"
    if not os.access(beside, os.X_OK):
        raise EmbeddedError("no psql here: install the package postgresql-client")
    return str(beside)


def main(arguments: list[str]) -> int:
    """Do what the only argument says; return 1 after one clear line when it can't be done."""
    commands = {"urls": show_urls, "psql": open_psql}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m core.demo.addresses urls|psql", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except EmbeddedError as error:
        print(f"tideline: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
