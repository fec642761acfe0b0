"""What writers, people and clients need of a stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psycopg

PROOF_SETTINGS = "tests.faults.app.settings"


class Place(Protocol):
    """Running servers, migrated on `PROOF_SETTINGS`."""

    @property
    def folder(self) -> Path:
        """Where journals and output go."""

    def writer_url(self) -> str:
        """The database, without a link between."""

    def server_environment(self) -> Mapping[str, str]:
        """What a process of the product is told."""

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a new connection in autocommit mode, without a link between."""


def direct_environment(place: Place) -> dict[str, str]:
    """Return the environment of a process that is not hurt by what is done to links."""
    settings = {"DATABASE_URL": place.writer_url(), "DJANGO_SETTINGS_MODULE": PROOF_SETTINGS}
    return {**place.server_environment(), **settings}
