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

    def environment(self) -> Mapping[str, str]:
        """The whole environment of a process of the product on `PROOF_SETTINGS`, without links between."""

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a new connection in autocommit mode, without a link between."""
