"""The one place where the environment is read.

| variable | meaning, and what holds without it |
|---|---|
| `DATABASE_URL`, `REDIS_URL` | the servers; without them the embedded ones that `make run` keeps running |
| `TIDELINE_HOME` | folder of the embedded servers, which note their addresses in its `state.json`; `.tideline` |
| `DEMO` | 1 lets demo data, with its published passwords, into the database of `DATABASE_URL` |
| `SECRET_KEY` | signs what users are given to keep; a published one in development |
| `DEBUG` | 1 shows error pages with their sources; 0 |
| `ORIGINS` | what pages are served from, as `https://shop.example.com`, separated by commas |
| `ALLOWED_HOSTS` | more host names that are answered, beside those of `ORIGINS`; in development this machine's |
| `BEHIND_PROXY` | 1 believes the last hop's `X-Forwarded-For` and `X-Forwarded-Proto`; 0 |
| `ALLOW_HTTP` | 1 lets passwords and sessions travel unencrypted in production, on a network of your own; 0 |
| `STATIC_ROOT` | folder of `collectstatic`; without it static files are served from where they lie |
| `DEPLOYMENT` | name by which deployments that share a Redis are told apart; `tideline` |
| `LOG_LEVEL`, `LOG_FORMAT` | `INFO`; `json` or `text`, by itself `json` in production |

A given `DATABASE_URL` without `DEMO` is production; `core.production` says what it refuses.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ  # type: ignore[import-untyped]
from django.core.exceptions import ImproperlyConfigured

from core.demo.embedded.state import RunState

CHECKOUT = Path(__file__).resolve().parent.parent
DEVELOPMENT_KEY = "development-only: the demo's passwords are published, so is this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the process was told by its surroundings.

    `database_url` and `redis_url` are None when none was given and no embedded server is running; `embedded`
    tells that `DATABASE_URL` was not given.
    """

    database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    home: Path
    embedded: bool
    demo: bool
    debug: bool
    secret_key: str = field(repr=False)
    allowed_hosts: list[str]
    origins: list[str]
    behind_proxy: bool
    allow_http: bool
    static_root: str | None
    deployment: str
    log_level: str
    log_format: str

    @property
    def production(self) -> bool:
        """Tell whether real data may be in the database: one was named, and not for a demo."""
        return not (self.embedded or self.demo)

    @property
    def https(self) -> bool:
        """Tell whether pages are served over https alone."""
        return bool(self.origins) and all(origin.startswith("https://") for origin in self.origins)

    @property
    def database(self) -> dict[str, Any]:
        """Django's settings of the database; where no server is known, ones with which connecting fails at once."""
        if self.database_url is None:
            nowhere = str(self.home / "postgresql-is-not-running")
            return {"ENGINE": "django.db.backends.postgresql", "NAME": "none", "HOST": nowhere}
        return dict(environ.Env.db_url_config(self.database_url))


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Return the environment of these variables; raise ImproperlyConfigured for one that can't be."""
    env = environ.Env()
    env.ENVIRON = variables
    home = Path(env.str("TIDELINE_HOME", default="") or CHECKOUT / ".tideline").absolute()
    running = RunState.read(home)
    given = env.str("DATABASE_URL", default="")
    demo, debug = env.bool("DEMO", default=False), env.bool("DEBUG", default=False)
    development = demo or not given
    origins = [_origin(text) for text in env.list("ORIGINS", default=[])]
    return Environment(
        database_url=given or (running.database_url if running else None),
        redis_url=env.str("REDIS_URL", default="") or (running.redis_url if running else None),
        home=home,
        embedded=not given,
        demo=demo,
        debug=debug,
        # Not through `env`, which takes what begins with a dollar sign for another variable's name.
        secret_key=variables.get("SECRET_KEY", "") or (DEVELOPMENT_KEY if development else ""),
        allowed_hosts=_allowed_hosts(env.list("ALLOWED_HOSTS", default=[]), origins, development=development),
        origins=origins,
        behind_proxy=env.bool("BEHIND_PROXY", default=False),
        allow_http=env.bool("ALLOW_HTTP", default=False),
        static_root=env.str("STATIC_ROOT", default="") or None,
        deployment=env.str("DEPLOYMENT", default="tideline"),
        log_level=env.str("LOG_LEVEL", default="INFO").upper(),
        log_format=env.str("LOG_FORMAT", default="text" if development else "json"),
    )


def _allowed_hosts(given: list[str], origins: list[str], *, development: bool) -> list[str]:
    named = [str(urlsplit(origin).hostname) for origin in origins]
    here = ["localhost", "127.0.0.1", "[::1]", socket.gethostname()] if development else []
    return [*named, *([host.strip() for host in given] or here)]


def _origin(text: str) -> str:
    parts = urlsplit(text.strip().rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or "*" in parts.netloc or parts.path or parts.query:
        raise ImproperlyConfigured(f"ORIGINS holds {text!r}, which is not like https://shop.example.com")
    return f"{parts.scheme}://{parts.netloc}"
