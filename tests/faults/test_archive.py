"""The archive reads a log that grows, is pruned, goes back to an older copy and begins anew in other epochs."""

import json
from typing import Any

import psycopg
import pytest

from tests.faults.archive import Archive
from tests.support.databases import Database

STREAM = """
INSERT INTO realtime_stream (name, epoch, epoch_number, head, system_identifier, timeline)
VALUES ('proof', %s, %s, 0, 1, '1')
ON CONFLICT (name) DO UPDATE SET epoch = EXCLUDED.epoch, epoch_number = EXCLUDED.epoch_number, head = 0, floor = 0
"""

ADD = """
INSERT INTO realtime_log (stream, epoch_number, position, inbox_id, reset, ends, kind, key, version, new, mark)
SELECT 'proof', %s, %s, 1, false, true, 'bulk', %s, '', %s, %s
"""


class FakeLog:
    """What a relay would write, by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.number = 0
        database.execute("CREATE TABLE realtime_log_all PARTITION OF realtime_log DEFAULT")
        self.begin("first", 1)

    def begin(self, epoch: str, number: int) -> None:
        """Begin an epoch."""
        self.number = number
        self.database.execute(STREAM, epoch, number)

    def add(self, first: int, last: int, token: str) -> None:
        """Write positions."""
        for position in range(first, last + 1):
            image = json.dumps([position, 1, token])
            self.database.execute(ADD, self.number, position, str(position), image, f"{token} {position}")
        self.database.execute("UPDATE realtime_stream SET head = %s", last)

    def go_back(self, head: int, epoch: str, number: int) -> None:
        """Be as an older copy was."""
        self.begin(epoch, number)
        self.database.execute("DELETE FROM realtime_log WHERE epoch_number > %s", number)
        self.database.execute("DELETE FROM realtime_log WHERE epoch_number = %s AND position > %s", number, head)
        self.database.execute("UPDATE realtime_stream SET head = %s", head)


@pytest.fixture
def log(database: Database) -> FakeLog:
    """A log with six positions."""
    log = FakeLog(database)
    log.add(1, 6, "a")
    return log


def tokens(archive: Archive) -> list[str]:
    """Return the present as the archive has it: epoch, positions and who wrote them, chapter by chapter."""
    return [
        f"{chapter.epoch} " + " ".join(f"{each.position}{each.new.token}" for each in chapter.upto(upto) if each.new)
        for chapter, upto in archive.lineage()
    ]


def lost(archive: Archive) -> list[str]:
    """Return what is in no part of the present."""
    return [f"{each.position}{each.new.token}" for _, changes in archive.lost() for each in changes if each.new]


def test_it_grows_and_is_pruned(log: FakeLog) -> None:
    """What has been read stays, whatever becomes of the log; the floor is noted."""
    archive = Archive(log.database.connect)
    assert archive.take()
    log.database.execute("DELETE FROM realtime_log WHERE position <= 6")
    log.database.execute("UPDATE realtime_stream SET floor = 6")
    log.add(7, 8, "b")
    assert archive.take()
    assert tokens(archive) == ["first 1a 2a 3a 4a 5a 6a 7b 8b"]
    assert archive.floor("first", float("inf")) == 6


def test_it_begins_anew_in_another_epoch(log: FakeLog) -> None:
    """Nothing is lost with an epoch that ended, also what had not been read of it."""
    archive = Archive(log.database.connect)
    archive.take()
    log.add(7, 7, "b")
    log.begin("second", 2)
    log.add(1, 2, "c")
    archive.take()
    assert tokens(archive) == ["first 1a 2a 3a 4a 5a 6a 7b", "second 1c 2c"]
    assert lost(archive) == []


@pytest.mark.parametrize("seen", [True, False], ids=["seen between", "not seen between"])
def test_it_goes_back_and_a_new_epoch_begins(log: FakeLog, *, seen: bool) -> None:
    """After a restore the present rests on the copy's head, whether or not the archive saw it before the relay did."""
    archive = Archive(log.database.connect)
    archive.take()
    log.go_back(4, "first", 1)
    if seen:
        archive.take()
    log.begin("second", 2)
    log.add(1, 2, "c")
    archive.take()
    kept = [each for each in tokens(archive) if each != "first "]
    assert kept == ["first 1a 2a 3a 4a", "second 1c 2c"]
    assert lost(archive) == ["5a", "6a"]


def test_it_goes_back_and_overtakes(log: FakeLog) -> None:
    """Positions that are given out again in the same epoch are another chapter of it."""
    archive = Archive(log.database.connect)
    archive.take()
    log.go_back(4, "first", 1)
    log.add(5, 8, "b")
    archive.take()
    assert tokens(archive) == ["first 1a 2a 3a 4a", "first 5b 6b 7b 8b"]
    assert lost(archive) == ["5a", "6a"]
    log.begin("second", 2)
    log.add(1, 1, "c")
    archive.take()
    assert tokens(archive) == ["first 1a 2a 3a 4a", "first 5b 6b 7b 8b", "second 1c"]


def test_it_goes_back_by_an_epoch(log: FakeLog) -> None:
    """A copy of before the last epoch, in which another epoch of the same number begins."""
    archive = Archive(log.database.connect)
    archive.take()
    log.begin("second", 2)
    log.add(1, 2, "b")
    archive.take()
    log.go_back(5, "first", 1)
    log.begin("third", 2)
    log.add(1, 1, "c")
    archive.take()
    assert tokens(archive) == ["first 1a 2a 3a 4a 5a", "first ", "third 1c"]
    assert lost(archive) == ["6a", "1b", "2b"]


def test_settled_it_goes_on(log: FakeLog) -> None:
    """What has been checked is folded into the rows that the rest begins with."""
    archive = Archive(log.database.connect)
    archive.settle()
    log.add(7, 7, "b")
    archive.take()
    assert tokens(archive) == ["first 7b"]
    assert len(archive.chapters[-1].start_rows) == 6


def test_an_outage_is_no_change(log: FakeLog) -> None:
    """While PostgreSQL is away nothing is read, and nothing is taken for lost."""
    away = False

    def connect() -> "psycopg.Connection[tuple[Any, ...]]":
        return log.database.connect(dbname="not_there") if away else log.database.connect()

    archive = Archive(connect)
    archive.take()
    away = True
    assert not archive.take()
    assert tokens(archive) == ["first 1a 2a 3a 4a 5a 6a"]
