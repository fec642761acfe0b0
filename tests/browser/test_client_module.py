"""`client.js` in a real browser, against a fake WebSocket and a fake clock (`client/cases.js`)."""

import mimetypes
import re
from pathlib import Path

import pytest
from playwright.async_api import Error, Page, Route

from tests.browser.conftest import OpenContext

pytestmark = pytest.mark.asyncio(loop_scope="session")

TESTS = Path(__file__).resolve().parents[1]
FOLDERS = {
    "/static/realtime/": TESTS.parent / "realtime/static/realtime",
    "/static/core/": TESTS.parent / "core/static/core",
    "/client/": TESTS / "browser/client",
    "/frames/": TESTS / "frames",
}
PROMISES = re.findall(r'^test\("(.+?)", ', (TESTS / "browser/client/cases.js").read_text(), re.MULTILINE)
RUN = 'async (promise) => { const { cases } = await import("/client/cases.js"); await cases.get(promise)(); }'

BUGS = [
    ("subscription.js", "if (!frame.last) return;", "", "a snapshot in several frames is applied only"),
    ("subscription.js", "if (frame.last === false) return;", "", "changes in several frames are applied together"),
    ("subscription.js", "if (frame.position < this.position) return;", "", "a position never goes back"),
    ("subscription.js", "command.cursor = ", "command.course = ", "a lost connection keeps the rows as stale"),
    ("subscription.js", "this.rows = new Map();", "", "an error to a subscribe drops the topic's rows"),
    (
        "subscription.js",
        "else if (frame.retry)",
        "else if (false)",
        "a topic that the server gives up for a while",
    ),
    ("client.js", "code >= 4500 && code <= 4999", "code === 4500", "close codes say whether to come back"),
    ("client.js", "2 * this.#heartbeat", "9 * this.#heartbeat", "nothing heard for twice the heartbeat"),
    ("client.js", "random() * Math.min", "Math.min", "backoff doubles from half a second"),
    ("client.js", "slept && this.#checking === null", "slept", "timers that are throttled for minutes"),
    ("client.js", "this.#failures = 0;", "", "backoff doubles from half a second"),
]
"""File, what stands in it, what a mistake would make of it, and the promise that must then be broken."""


async def open_page(context: OpenContext, bug: tuple[str, str, str] | None = None) -> Page:
    page = await (await context()).new_page()

    async def serve(route: Route) -> None:
        path = route.request.url.removeprefix("http://client.test")
        folder = next((prefix for prefix in FOLDERS if path.startswith(prefix)), None)
        if folder is None:
            await route.fulfill(body="<!doctype html><link rel=icon href='data:,'>", content_type="text/html")
            return
        text = (FOLDERS[folder] / path.removeprefix(folder)).read_text()
        if bug and path.endswith("/" + bug[0]):
            assert bug[1] in text, f"{bug[0]} no longer has {bug[1]!r}: choose another bug to seed"
            text = text.replace(bug[1], bug[2])
        await route.fulfill(body=text, content_type=mimetypes.guess_type(path)[0])

    await page.route("**/*", serve)
    await page.goto("http://client.test/")
    return page


async def test_the_client_keeps_its_promises(context: OpenContext, subtests: pytest.Subtests) -> None:
    """Each sentence in `client/cases.js` holds in a real browser."""
    page = await open_page(context)
    for promise in PROMISES:
        with subtests.test(promise):
            await page.evaluate(RUN, promise)


async def test_every_case_is_found() -> None:
    """The sentences are read from the file by a pattern: none of them escapes it."""
    text = (TESTS / "browser/client/cases.js").read_text()
    assert len(PROMISES) == len(set(PROMISES)) == len(re.findall(r"^test\(", text, re.MULTILINE)) > 0


@pytest.mark.parametrize(("file", "code", "mistake", "promise"), BUGS, ids=[bug[3] for bug in BUGS])
async def test_a_seeded_bug_breaks_its_promise(
    context: OpenContext, file: str, code: str, mistake: str, promise: str
) -> None:
    """The cases can fail: a mistake in the client turns the one that is about it red."""
    page = await open_page(context, (file, code, mistake))
    [sentence] = [each for each in PROMISES if each.startswith(promise)]
    with pytest.raises(Error):
        await page.evaluate(RUN, sentence)
