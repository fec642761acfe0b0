"""One Chromium for all browser tests, and pages in it that must not complain."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from core.demo.embedded import PostgresServer, ValkeyServer
from tests.browser.shop import Shop, running_shop
from tests.support.chromium import ADVICE, chromium_path
from tests.support.databases import clone
from tests.support.waiting import eventually

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=20_000)  # a busy machine takes its time; what is promised for a moment names it

LASTING = timedelta(minutes=2)

OpenContext = Callable[..., Awaitable[BrowserContext]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    path = chromium_path()
    if path is None:
        pytest.fail(ADVICE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[OpenContext]:
    """Factory of browser contexts (a person each); a console error or an exception in a page fails the test.

    A test that provokes an error on purpose names a part of its text in `expected`, a set of the factory.
    """
    opened: list[BrowserContext] = []
    complaints: list[str] = []
    expected: set[str] = set()

    def note(complaint: str) -> None:
        if not any(part in complaint for part in expected):
            complaints.append(complaint)

    async def open_context(*, expect: tuple[str, ...] = (), **options: Any) -> BrowserContext:
        expected.update(expect)
        context = await browser.new_context(**{"timezone_id": "UTC", **options})
        context.on("console", lambda message: note(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: note(str(error.error)))
        opened.append(context)
        return context

    yield open_context
    for each in opened:
        await each.close()
    assert complaints == []


@pytest.fixture
def lasting_day() -> None:
    """Let no midnight come while a test runs that reads what is today, and what was yesterday."""
    eventually(lambda: datetime.now(UTC).date() == (datetime.now(UTC) + LASTING).date(), 2 * LASTING.total_seconds())


@pytest.fixture(scope="module")
def shop(
    template: PostgresServer, valkey: ValkeyServer, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """The product with its demo data, on a database of its own, for all tests of a module."""
    logs = tmp_path_factory.mktemp("shop")
    with (
        django_db_blocker.unblock(),
        clone(template) as database,
        running_shop(database, valkey.url(), logs) as shop,
    ):
        yield shop
