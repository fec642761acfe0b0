"""Django's own checks, on a fresh database with all migrations: part of `make check`.

python -m tests.support.checking
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from core.demo.embedded import EmbeddedError, PostgresServer
from tests.support.processes import CHECKOUT, PRODUCTION, environment, manage

COMMANDS = (
    ("migrate", "--no-input", "--verbosity", "0"),
    ("makemigrations", "--check", "--dry-run"),
    ("check", "--database", "default", "--fail-level", "WARNING"),
)


def main() -> int:
    """Run the commands; return 1 when one of them fails."""
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", settings={"fsync": "off"})
        try:
            server.start()
            env = environment(DATABASE_URL=server.url(), REDIS_URL="redis://127.0.0.1:1", **PRODUCTION)
            for command in COMMANDS:
                print("manage.py", *command, flush=True)
                if subprocess.run(manage(*command), cwd=CHECKOUT, env=env, check=False).returncode:
                    return 1
        except EmbeddedError as error:
            print(f"tideline: {error}", file=sys.stderr)
            return 1
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
