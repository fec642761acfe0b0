"""Reading the snapshots of views: by a few readers, each several views at a time where they are small.

`realtime.pure.gathering` says what is read together. One reader takes what has come while it read; another one
helps where something waits for longer than a batch of small views takes.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from realtime import metrics
from realtime.errors import RealtimeError, SnapshotTooLarge, StatementFailed
from realtime.pure.changes import Snapshot
from realtime.pure.effects import ReadSnapshot
from realtime.pure.gathering import Gathered, Gathering
from realtime.pure.selection import Selection

READERS = 4

TOGETHER_ROWS = 500
"""A view with more rows is read alone."""

TOGETHER_MILLISECONDS = 500
"""A view whose statement takes longer is read alone, with the time that any statement has."""

PATIENCE_SECONDS = 0.02
"""What has waited for so long gets a reader more."""


class Tables(Protocol):
    """The watched tables, as snapshots are read from them (see `realtime.adapters.log.LogReader`)."""

    async def snapshots(
        self, selections: Sequence[Selection], *, max_rows: int, statement_milliseconds: int | None = None
    ) -> list[Snapshot | Exception]:
        """Return the rows of each selection, or why there are none."""


class Snapshots:
    """Answers questions for snapshots, each once, through `told`; its readers are tasks that `start` keeps."""

    def __init__(
        self,
        tables: Tables,
        *,
        max_rows: int,
        start: Callable[[str, Coroutine[Any, Any, None]], object],
        asking: Callable[[str], AbstractContextManager[None]],
        told: Callable[[ReadSnapshot, Snapshot | Exception], Coroutine[Any, Any, None]],
    ) -> None:
        self._tables = tables
        self._max_rows = max_rows
        self._start = start
        self._asking = asking
        self._told = told
        self._gathering = Gathering(READERS)
        self._readers = 0
        self._helping: asyncio.TimerHandle | None = None

    def ask(self, asked: ReadSnapshot) -> None:
        """Have a view's rows read."""
        self._gathering.add(asked)
        self._wake()

    def close(self) -> None:
        """Begin nothing more."""
        if self._helping is not None:
            self._helping.cancel()

    def _wake(self) -> None:
        if not self._readers:
            self._begin()
        elif self._readers < READERS and self._helping is None:
            self._helping = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._help)

    def _help(self) -> None:
        self._helping = None
        if self._gathering.waiting:
            self._begin()
            self._wake()

    def _begin(self) -> None:
        self._readers += 1
        self._start("snapshots", self._read_on())

    async def _read_on(self) -> None:
        try:
            while (gathered := self._gathering.take()) is not None:
                try:
                    await self._read(gathered)
                finally:
                    self._gathering.done(gathered)
        finally:
            self._readers -= 1

    async def _read(self, gathered: Gathered) -> None:
        try:
            found = await (self._together(gathered.asked) if gathered.small else self._alone(gathered.asked[0]))
        except RealtimeError as error:
            found = [error] * len(gathered.asked)
        for asked, answer in zip(gathered.asked, found, strict=True):
            if answer is None:
                metrics.log_snapshots_alone.labels(asked.stream).inc()
                self._gathering.add_alone(asked)
                self._wake()
            else:
                self._start(f"rows of {asked.stream}", self._told(asked, answer))

    async def _alone(self, asked: ReadSnapshot) -> list[Snapshot | Exception | None]:
        selection = asked.view.selection
        try:
            with self._asking(f"reading rows of {asked.stream!r}"):
                (found,) = await self._tables.snapshots([selection], max_rows=self._max_rows)
                if isinstance(found, Exception):
                    raise found
        except StatementFailed:
            self._gathering.keep_apart(selection)
            raise
        return [found]

    async def _together(self, asked: Sequence[ReadSnapshot]) -> list[Snapshot | Exception | None]:
        """Return the answers; None for a view that is to be read alone."""
        selections, rows = [each.view.selection for each in asked], min(TOGETHER_ROWS, self._max_rows)
        with self._asking(f"reading rows of {asked[0].stream!r}"):
            try:
                found = await self._tables.snapshots(
                    selections, max_rows=rows, statement_milliseconds=TOGETHER_MILLISECONDS
                )
            except StatementFailed:  # One of them is to blame, and will show itself.
                return [None] * len(asked)
        return [self._answer(selection, each, rows) for selection, each in zip(selections, found, strict=True)]

    def _answer(self, selection: Selection, found: Snapshot | Exception, rows: int) -> Snapshot | Exception | None:
        if isinstance(found, Snapshot):
            return found
        if isinstance(found, SnapshotTooLarge):
            if rows == self._max_rows:
                return found
            self._gathering.keep_apart(selection)
        return None
