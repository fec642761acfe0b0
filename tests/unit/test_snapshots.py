"""Readers of snapshots: every question is answered once, and what keeps others is read alone."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from realtime.drivers import snapshots as module
from realtime.drivers.ending import end
from realtime.drivers.snapshots import READERS, Snapshots
from realtime.errors import LogUnavailable, RealtimeError, SnapshotTooLarge, StatementFailed
from realtime.pure.changes import RowKey, Snapshot
from realtime.pure.effects import ReadSnapshot
from realtime.pure.gathering import TOGETHER
from realtime.pure.selection import Selection
from tests.support.feeds import EVERYTHING, head, of_group
from tests.support.waiting import soon
from tests.unit.test_gathering import asked

MAX_ROWS = 2_000


class FakeTables:
    """Tables whose views have so many rows (one, where nothing is said), and some of which fail."""

    def __init__(self) -> None:
        self.rows: dict[Selection, int] = {}
        self.fails: dict[Selection, Exception] = {}
        self.calls: list[list[Selection]] = []
        self.held: set[Selection] = set()
        self.go_on = asyncio.Event()

    async def snapshots(
        self, selections: Sequence[Selection], *, max_rows: int, statement_milliseconds: int | None = None
    ) -> list[Snapshot | Exception]:
        """Answer, where nothing is held until the test says so."""
        self.calls.append(list(selections))
        await asyncio.sleep(0)
        if self.held & set(selections):
            await self.go_on.wait()
        for selection in selections:
            if selection in self.fails:
                raise self.fails[selection]
        return [self._answer(self.rows.get(each, 1), max_rows) for each in selections]

    def _answer(self, rows: int, max_rows: int) -> Snapshot | Exception:
        if rows > max_rows:
            return SnapshotTooLarge(f"more than {max_rows}")
        return Snapshot(head(1), frozenset(), tuple((RowKey("item", str(number)), {}) for number in range(rows)))


class Desk:
    """Puts questions, and notes what was told."""

    def __init__(self) -> None:
        self.tables = FakeTables()
        self.told: list[tuple[Selection, int | str]] = []
        self.noted: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.snapshots = Snapshots(
            self.tables, max_rows=MAX_ROWS, start=self._start, asking=self._asking, told=self._tell
        )

    async def ask(self, *selections: Selection) -> dict[Selection, int | str]:
        """Return the answers to so many questions: the rows, or how it failed."""
        self.told.clear()
        for each in selections:
            self.snapshots.ask(asked(each))
        await soon(lambda: len(self.told) == len(selections))
        await soon(lambda: not self.tasks)
        assert len(self.told) == len(selections), "each is answered once"
        return dict(self.told)

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except RealtimeError as error:
            self.noted.append(type(error).__name__)
            raise
        except Exception as error:
            raise LogUnavailable("a bug") from error

    async def _tell(self, question: ReadSnapshot, found: Snapshot | Exception) -> None:
        answer = len(found.rows) if isinstance(found, Snapshot) else type(found).__name__
        self.told.append((question.view.selection, answer))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk that is cleared in the end."""
    made = Desk()
    yield made
    made.snapshots.close()
    await end(made.tasks)


GOOD = [of_group(number) for number in range(4)]
BAD = of_group(9)


async def test_what_comes_at_once_is_read_at_once(desk: Desk) -> None:
    """P8: hundreds of views, few transactions."""
    many = [of_group(number) for number in range(10 * TOGETHER)]
    assert await desk.ask(*many) == dict.fromkeys(many, 1)
    assert len(desk.tables.calls) == 10


@pytest.mark.parametrize("error", [StatementFailed("division by zero"), StatementFailed("canceled: timeout")])
async def test_one_that_fails_fails_alone(desk: Desk, error: Exception) -> None:
    """The good ones are served, and the next time they don't meet it again."""
    desk.tables.fails[BAD] = error
    expected: dict[Selection, int | str] = {**dict.fromkeys(GOOD, 1), BAD: "StatementFailed"}
    assert await desk.ask(*GOOD, BAD) == expected
    assert desk.noted == ["StatementFailed"], "that they were read together is not to be seen in health"
    desk.tables.calls.clear()
    assert await desk.ask(*GOOD, BAD) == expected
    assert sorted(map(len, desk.tables.calls)) == [1, len(GOOD)]


async def test_a_larger_one_is_read_alone(desk: Desk) -> None:
    """With all the rows that it may have, and from then on at once."""
    desk.tables.rows = {BAD: module.TOGETHER_ROWS + 1}
    expected = {**dict.fromkeys(GOOD, 1), BAD: module.TOGETHER_ROWS + 1}
    assert await desk.ask(*GOOD, BAD) == expected
    assert [len(each) for each in desk.tables.calls] == [len(GOOD) + 1, 1]
    desk.tables.calls.clear()
    assert await desk.ask(*GOOD, BAD) == expected
    assert sorted(map(len, desk.tables.calls)) == [1, len(GOOD)]


async def test_one_that_is_too_large_is_refused_alone(desk: Desk) -> None:
    """The bound of a snapshot is the setting's, not that of what is read together."""
    desk.tables.rows = {BAD: MAX_ROWS + 1}
    assert await desk.ask(*GOOD, BAD) == {**dict.fromkeys(GOOD, 1), BAD: "SnapshotTooLarge"}


@pytest.mark.parametrize("error", [LogUnavailable("gone"), RuntimeError("a bug")])
async def test_an_outage_is_told_to_all_at_once(desk: Desk, error: Exception) -> None:
    """Nobody tries again one by one what can't be had."""
    desk.tables.fails[GOOD[0]] = error
    assert await desk.ask(*GOOD) == dict.fromkeys(GOOD, "LogUnavailable")
    assert len(desk.tables.calls) == 1


async def test_large_ones_don_t_keep_the_small_ones(desk: Desk) -> None:
    """As many large views as there are readers are asked for first, and none of them answers."""
    desk.tables.held.add(EVERYTHING)
    for _ in range(READERS + 1):
        desk.snapshots.ask(asked(EVERYTHING))
    await soon(lambda: len(desk.tables.calls) == READERS - 1)
    for each in GOOD:
        desk.snapshots.ask(asked(each))
    await soon(lambda: len(desk.told) == len(GOOD))
    assert desk.tables.calls[READERS - 1 :] == [GOOD]
    desk.tables.go_on.set()
    await soon(lambda: len(desk.told) == len(GOOD) + READERS + 1)


async def test_a_reader_more_helps_where_something_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a batch that should have been small is not."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.001)
    desk.tables.held.add(GOOD[0])
    for each in GOOD[:2]:
        desk.snapshots.ask(asked(each))
    await soon(lambda: desk.tables.calls)

    def told() -> list[Selection]:
        return [selection for selection, _ in desk.told]

    for each in GOOD[2:]:
        desk.snapshots.ask(asked(each))
    await soon(lambda: told() == GOOD[2:])
    desk.tables.go_on.set()
    await soon(lambda: sorted(map(repr, told())) == sorted(map(repr, GOOD)))
