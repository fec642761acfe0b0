"""Cursors on real PostgreSQL and Redis: exact changes, or a snapshot; and what a crowd costs at the server."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.support import shelf
from tests.support.databases import Database, administrate
from tests.support.hubs import ITEMS as EVERYTHING
from tests.support.hubs import Listener, Stage, hub_on, items_of
from tests.support.waiting import soon

ITEMS = 5
CROWD = 200


@pytest.fixture
def shelved(database: Database, redis_url: str) -> Database:
    """The shelf's tables with two categories, and some items of the first."""
    with database.connect() as connection:
        shelf.stock_up(connection, ITEMS)
    return database


@pytest.fixture
async def still(shelved: Database) -> AsyncIterator[Stage]:
    """A hub without a relay: the test says when positions are given."""
    async with hub_on(shelved) as made:
        await made.assign()
        await made.arrived()
        yield made


async def change(made: Stage, item: int, name: str) -> None:
    """Update one item, and wait until the hub has it."""
    made.database.execute("UPDATE shelf_item SET name = %s WHERE id = %s", name, item)
    await made.assign()
    await made.arrived()


def had(listener: Listener) -> dict[str, Any]:
    """Return what a client keeps when its connection is lost."""
    return {"rows": dict(listener.rows), "epoch": listener.epoch, "position": listener.position}


async def left(made: Stage) -> dict[str, Any]:
    """Return what a client has that came and left."""
    listener = await made.opened()
    made.hub.unsubscribe(listener)
    return had(listener)


async def test_from_the_view_s_own_trail(still: Stage) -> None:
    """P4: while others hold the view, a client comes back and gets exactly the rows touched since."""
    other, kept = await still.opened(), await left(still)
    await change(still, 1, "missed")
    back = await still.opened(cursor=(kept["epoch"], kept["position"]), **kept)
    assert (back.calls, back.names()) == (["resumed"], still.table())
    assert other.calls == ["snapshot", "changed"]
    assert still.log.reads == []


async def test_from_the_ring(still: Stage) -> None:
    """P4: the last one to leave comes back: the view is read again, what was missed comes from the ring."""
    kept = await left(still)
    await change(still, 1, "missed")
    still.database.execute("DELETE FROM shelf_item WHERE id = 2")
    await still.assign()
    await still.arrived()
    back = await still.opened(cursor=(kept["epoch"], kept["position"]), **kept)
    assert (back.calls, back.names()) == (["resumed"], still.table())
    assert still.log.reads == []


async def test_from_the_log_after_a_restart(still: Stage) -> None:
    """P4: another process that knows nothing of before reads what was missed from the log."""
    kept = await left(still)
    await change(still, 1, "missed")
    await change(still, 2, "missed too")
    async with hub_on(still.database) as other:
        back = await other.opened(cursor=(kept["epoch"], kept["position"]), **kept)
        assert (back.calls, back.names()) == (["resumed"], still.table())
        assert other.log.reads == [(kept["position"], kept["position"] + 2)]


async def test_nothing_missed_is_resumed_with_nothing(still: Stage) -> None:
    """P4: a client that missed nothing is resumed where it was."""
    kept = await left(still)
    back = await still.opened(cursor=(kept["epoch"], kept["position"]), **kept)
    assert (back.calls, back.position) == (["resumed"], kept["position"])


async def test_past_the_floor(still: Stage) -> None:
    """P4: what retention has dropped can't be resumed: a snapshot, and nothing half."""
    kept = await left(still)
    await change(still, 1, "missed")
    still.database.execute("UPDATE realtime_stream SET floor = head WHERE name = %s", shelf.STREAM)
    async with hub_on(still.database) as other:
        back = await other.opened(cursor=(kept["epoch"], kept["position"]), **kept)
        assert (back.calls, back.names()) == (["snapshot"], still.table())


async def test_too_far_back(shelved: Database) -> None:
    """P4: further back than the bound: a snapshot."""
    async with hub_on(shelved, resume_max_changes=2, ring_changes=2) as made:
        await made.assign()
        kept = await left(made)
        for number in range(3):
            await change(made, 1, f"name {number}")
        back = await made.opened(cursor=(kept["epoch"], kept["position"]), **kept)
        assert (back.calls, back.names()) == (["snapshot"], made.table())


async def test_a_dead_epoch_or_another_user_s(still: Stage) -> None:
    """P4: the epoch is not the one that this client would be given: a snapshot."""
    kept = await left(still)
    back = await still.opened(cursor=("another", kept["position"]), **kept)
    assert (back.calls, back.names()) == (["snapshot"], still.table())


async def test_across_a_truncate(still: Stage) -> None:
    """P4: a reset lies between the cursor and now: a snapshot."""
    kept = await left(still)
    still.database.execute("TRUNCATE shelf_item CASCADE")
    await still.assign()
    async with hub_on(still.database) as other:
        back = await other.opened(cursor=(kept["epoch"], kept["position"]), **kept)
        assert (back.calls, back.names()) == (["snapshot"], {})


async def test_a_cursor_from_the_future(still: Stage) -> None:
    """P4: a cursor ahead of the log gets a snapshot, and changes nothing for anyone else."""
    other, kept = await still.opened(), await left(still)
    back = await still.opened(cursor=(kept["epoch"], kept["position"] + 1000), **kept)
    assert back.calls == ["snapshot"]
    await change(still, 1, "later")
    assert (other.calls, other.names()) == (["snapshot", "changed"], still.table())
    assert (back.calls, back.names()) == (["snapshot", "changed"], still.table())


async def test_a_process_that_lags_does_not_set_a_client_back(still: Stage) -> None:
    """P2: a client that has seen more than this process waits until the process has it too."""
    async with hub_on(still.database, head_check_seconds=30.0) as lagging:
        other = await lagging.opened()
        lagging.bus.tamper = lambda payload: []
        listener = await still.opened()
        await change(still, 1, "seen")
        assert listener.names() == still.table()
        back = await lagging.opened(cursor=listener.cursor, **had(listener))
        assert (back.calls, back.went_back, back.names()) == (["resumed"], [], still.table())
        assert other.names() == still.table()


# What a crowd costs.


@pytest.fixture
def logged(shelved: Database) -> Iterator["StatementLog"]:
    """The statements that the server runs on the test's database."""
    administrate(shelved.server, "ALTER DATABASE {name} SET log_statement = 'all'", name=shelved.name)
    yield StatementLog(shelved)
    administrate(shelved.server, "ALTER DATABASE {name} RESET log_statement", name=shelved.name)


class StatementLog:
    """Reads the server's own log."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.mark()

    def mark(self) -> None:
        """Count from here."""
        self._since = self.database.server.log.stat().st_size

    def statements(self, pattern: str) -> list[str]:
        """Return the statements since the mark that match."""
        with self.database.server.log.open("rb") as log:
            log.seek(self._since)
            entries = re.split(r"^\d{4}-\d\d-\d\d .*? LOG:  ", log.read().decode(), flags=re.MULTILINE)
        return [entry for entry in entries if re.match(r"statement|execute", entry) and re.search(pattern, entry)]


SNAPSHOT = r"SELECT id FROM realtime_inbox WHERE stream"
READ = r"FROM realtime_log\s+WHERE stream"


async def test_a_crowd_that_subscribes_costs_one_snapshot_query(shelved: Database, logged: StatementLog) -> None:
    """P8: 200 subscribers of one selection at once cost one snapshot query."""
    async with hub_on(shelved) as made:
        await made.assign()
        crowd = [made.listen(items_of(1)) for _ in range(CROWD)]
        await soon(lambda: all(listener.calls for listener in crowd))
        assert all(listener.names() == made.table() for listener in crowd)
        assert len(logged.statements(SNAPSHOT)) == 1
        assert len({id(body) for listener in crowd if listener.view for body in listener.view.snapshot_bodies()}) == 1


async def test_a_crowd_that_comes_back_costs_one_read_of_the_log(shelved: Database, logged: StatementLog) -> None:
    """P8: after a restart 200 cursors at different positions cost one snapshot query and one read of the log."""
    async with hub_on(shelved) as made:
        await made.assign()
        kept = []
        for number in range(20):
            await change(made, 1 + number % ITEMS, f"name {number}")
            kept.append(await left(made))
    async with hub_on(shelved) as made:
        logged.mark()
        crowd = [
            made.listen(cursor=(mine["epoch"], mine["position"]), **mine)
            for mine in kept for _ in range(CROWD // len(kept))
        ]  # fmt: skip
        await soon(lambda: all(listener.calls for listener in crowd))
        late = await made.opened(cursor=(kept[3]["epoch"], kept[3]["position"]), **kept[3])
        assert {call for listener in [*crowd, late] for call in listener.calls} == {"resumed"}
        assert all(listener.names() == made.table() for listener in [*crowd, late])
        assert (len(logged.statements(SNAPSHOT)), len(logged.statements(READ))) == (1, 1)


async def test_a_change_costs_no_query(shelved: Database, logged: StatementLog) -> None:
    """P8: while 1,000 changes reach 50 subscribers the hub asks for the head now and then, and for nothing else."""
    async with hub_on(shelved) as made:
        await made.assign()
        crowd = [made.listen(EVERYTHING if number % 2 else items_of(1)) for number in range(50)]
        await soon(lambda: all(listener.calls for listener in crowd))
        logged.mark()
        read_before = list(made.log.reads)
        with shelved.connect() as connection:
            for number in range(1_000):
                connection.execute("UPDATE shelf_item SET name = %s WHERE id = %s", [str(number), 1 + number % ITEMS])
        await made.assign()
        await soon(lambda: all(listener.names() == made.table() for listener in crowd))
        assert all(len(listener.updates) >= 1 for listener in crowd)
        assert logged.statements(SNAPSHOT) == []
        assert made.log.reads == read_before
