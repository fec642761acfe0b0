"""The stream's row as the harness sees it, and a moment of rest."""

from typing import Any

from tests.faults.scene import Scene
from tests.support.waiting import eventually

STREAM = "SELECT epoch, head, floor FROM realtime_stream WHERE name = 'proof'"
INBOX = "SELECT count(*) FROM realtime_inbox"


def stream(scene: Scene) -> tuple[str, int, int]:
    """Return the epoch, the head and the floor of the stream."""
    epoch, head, floor = _row(scene, STREAM)
    return str(epoch), int(head), int(floor)


def quiet(scene: Scene) -> None:
    """Pause the writers, wait until everything has a position, and archive it."""
    scene.writers.pause()
    eventually(lambda: not _row(scene, INBOX)[0], 60.0, what="everything has a position")
    scene.archive.take()


def _row(scene: Scene, query: str) -> tuple[Any, ...]:
    with scene.stage.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row
