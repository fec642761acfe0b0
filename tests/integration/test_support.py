"""The tests' own ground: databases that share nothing, and a wait that fails."""

import asyncio

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests.support.databases import Database, clone
from tests.support.waiting import eventually, soon


def test_a_database_is_a_migrated_clone_that_django_uses(database: Database) -> None:
    """Django and plain connections see the same database, with all migrations applied."""
    assert ContentType.objects.count() > 0
    ContentType.objects.create(app_label="tests", model="seen")
    assert database.execute("SELECT count(*) FROM django_content_type WHERE model = %s", "seen") == [(1,)]


async def test_other_threads_use_it_too(database: Database) -> None:
    """Code that Django runs in its threads works on the test's database."""
    name = await sync_to_async(lambda: connection.cursor().execute("SELECT current_database()").fetchone())()
    assert name == (database.name,)


def test_what_a_test_leaves_is_gone(database: Database) -> None:
    """A clone shows nothing of the other, and nothing of it is left when it is dropped."""
    database.execute("CREATE TABLE left_behind ()")
    with clone(database.server) as other:
        assert other.execute("SELECT to_regclass('left_behind')") == [(None,)]
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        other.connect()


def test_waiting_fails_at_its_deadline() -> None:
    """What never comes true fails, and the message shows the last value."""
    with pytest.raises(AssertionError, match="at last 0"):
        eventually(lambda: 0, 0.05)


async def test_waiting_on_the_loop_fails_at_its_deadline() -> None:
    """The same for coroutines, without blocking the loop."""
    ticks = 0

    async def never() -> None:
        nonlocal ticks
        ticks += 1
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="did not come true"):
        await soon(never, 0.05)
    assert ticks > 1
