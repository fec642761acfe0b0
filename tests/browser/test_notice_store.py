"""`notice-store.js` in a real browser, against a fake WebSocket and a fake clock (`client/notice-cases.js`)."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Error

from tests.browser.conftest import OpenContext
from tests.browser.test_client_module import open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")

CASES = Path(__file__).parent / "client/notice-cases.js"
PROMISES = re.findall(r'^test\("(.+?)", ', CASES.read_text(), re.MULTILINE)
RUN = 'async (promise) => { const { cases } = await import("/client/notice-cases.js"); await cases.get(promise)(); }'
FILE = "notice-store.js"

BUGS = [
    ("!this.#seen.has(row.id) && ", "", "a notification that comes while the page is open"),
    ("(!snapshot || row.id > before)", "true", "a snapshot instead of a resume"),
    ("const news = this.#opened && ", "const news = ", "what the first snapshot holds"),
    ("const notices = this.unread.filter", "const notices = this.list.filter", "what has been read elsewhere"),
    ("if (hidden || ", "if (", "behind other windows"),
    ("this.#away = false;", "", "an absence in which nothing came"),
    ('if (state === "live") this.#tellSoon();\n        else ', "", "an absence in which nothing came"),
    ("this.#pending.delete(row.notification_id);", "", "marking leaves a notification pending"),
    ("all_up_to: this.list[0]?.id", "all_up_to: this.unread[0]?.id", "all are marked up to the newest"),
]
"""What stands in the file, what a mistake would make of it, and the promise that must then be broken."""


async def test_the_store_keeps_its_promises(context: OpenContext, subtests: pytest.Subtests) -> None:
    """Each sentence in `client/notice-cases.js` holds in a real browser."""
    page = await open_page(context)
    for promise in PROMISES:
        with subtests.test(promise):
            await page.evaluate(RUN, promise)


async def test_every_case_is_found() -> None:
    """The sentences are read from the file by a pattern: none of them escapes it."""
    assert len(PROMISES) == len(set(PROMISES)) == len(re.findall(r"^test\(", CASES.read_text(), re.MULTILINE)) > 0


@pytest.mark.parametrize(("code", "mistake", "promise"), BUGS, ids=[f"{bug[0][:30]}: {bug[2]}" for bug in BUGS])
async def test_a_seeded_bug_breaks_its_promise(context: OpenContext, code: str, mistake: str, promise: str) -> None:
    """The cases can fail: a mistake in the store turns the one that is about it red."""
    page = await open_page(context, (FILE, code, mistake))
    [sentence] = [each for each in PROMISES if each.startswith(promise)]
    with pytest.raises(Error):
        await page.evaluate(RUN, sentence)
