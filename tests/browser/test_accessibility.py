"""Every page, light and dark, at a desk and on a phone, through axe: nothing of serious or critical impact."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, StorageState, expect

from tests.browser.conftest import OpenContext
from tests.browser.shop import Shop, live, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
GRAVE = {"serious", "critical"}

FAULTS = """async () => {
    const ending = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity);
    await Promise.all(ending.map(({ finished }) => finished.catch(() => null)));
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    const where = (nodes) => nodes.map(({ target }) => String(target));
    return violations.map(({ id, impact, help, nodes }) => [id, impact, help, where(nodes)]);
}"""
"""Run inside the page by the browser itself, which its policy against inline scripts does not concern."""

State = Callable[[Page], Awaitable[None]]


async def settled(page: Page) -> None:
    """Be there at once, as a page that isn't live is."""
    await expect(page.locator("h1")).to_be_visible()


async def with_dialog(page: Page) -> None:
    """Open the dialog of the first level, and be told off for an empty field."""
    await live(page)
    await page.get_by_role("button", name="Change stock of").first.click()
    dialog = page.locator("[data-stock-dialog]")
    await dialog.locator("[data-part=submit]").click()
    await expect(dialog.locator("[data-error]:not(:empty)").first).to_be_visible()


async def with_changes(page: Page) -> None:
    """Open the panel of what changed."""
    await live(page)
    await page.locator("[data-activity-toggle]").click()
    await expect(page.locator("[data-activity-list] li").first).to_be_visible()
    await expect(page.locator("[data-activity-list] .is-new")).to_have_count(0)


async def with_bell(page: Page) -> None:
    """Open the bell."""
    await live(page)
    await page.locator("[data-bell]").click()
    await expect(page.locator("[data-notices-list] li").first).to_be_visible()


async def with_account(page: Page) -> None:
    """Open the menu of who is signed in."""
    await live(page)
    await page.locator("[data-who]").click()
    await expect(page.get_by_role("dialog", name="Account")).to_be_visible()


async def ended(page: Page) -> None:
    """Show rows of an earlier moment."""
    await live(page)
    await page.evaluate("import('/static/core/js/site.js').then(({ client }) => client.close())")
    await page.wait_for_selector("body[data-connection=closed]")


async def refused(page: Page) -> None:
    """Be told that there is no such order."""
    await page.wait_for_selector("main[data-stage=unknown]")


async def with_cancellation(page: Page) -> None:
    """Ask for the reason of a cancellation."""
    await live(page)
    await page.locator("[data-cards] [data-cancel]").first.click()
    await expect(page.locator("[data-cancel-dialog]")).to_be_visible()


async def throttled(page: Page) -> None:
    """Guess at a password until it is enough."""
    while not await page.locator("[data-wait]").is_visible():
        await page.get_by_label("User name").fill("nobody-in-particular")
        await page.get_by_label("Password").fill("a guess")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Sign in").click()


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as somebody (nobody: "") sees it in a state; for what its path has in braces, see `stand_ins`.

    Long lists are filtered: axe looks at every row, and hundreds of the same kind tell no more than a few.
    """

    user: str
    path: str
    state: State = live


SEEN = {
    "sign-in": Seen("", "/sign-in/", settled),
    "sign-in, throttled": Seen("", "/sign-in/", throttled),
    "materials": Seen("", "/materials/?text=steel"),
    "material": Seen("staff", "/materials/{slug}/"),
    "stock": Seen("staff", "/stock/?text={name}"),
    "stock, not live": Seen("staff", "/stock/?text={name}", ended),
    "stock, dialog": Seen("staff", "/stock/?text={name}", with_dialog),
    "stock, what changed": Seen("staff", "/stock/?text={name}", with_changes),
    "orders of everyone": Seen("staff", "/orders/?text={buyer}"),
    "orders of a customer": Seen("customer1", "/orders/"),
    "order": Seen("customer1", "/orders/{number}/"),
    "order, not live": Seen("customer1", "/orders/{number}/", ended),
    "order, of staff": Seen("staff", "/orders/{number}/"),
    "order, unknown": Seen("customer1", "/orders/SO-404/", refused),
    "board": Seen("staff", "/orders/board/"),
    "board, cancellation": Seen("staff", "/orders/board/", with_cancellation),
    "notifications": Seen("customer1", "/notifications/"),
    "bell": Seen("customer1", "/orders/{number}/", with_bell),
    "account": Seen("staff", "/orders/{number}/", with_account),
    "password": Seen("staff", "/password/", settled),
    "403": Seen("customer1", "/stock/", settled),
    "404": Seen("customer1", "/nowhere/", settled),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed_in(shop: Shop, browser: Browser) -> dict[str, StorageState]:
    """What the browsers of those who are needed keep once they are signed in, to a shop with something to see."""
    shop.sql(
        """UPDATE stock_stocklevel SET reorder_below = on_hand + 1
           WHERE material_id = (SELECT min(material_id) FROM stock_stocklevel)"""
    )
    kept: dict[str, StorageState] = {}
    for user in {each.user for each in SEEN.values()}:
        context = await browser.new_context()
        if user:
            await sign_in(context, shop, user)
        kept[user] = await context.storage_state()
        await context.close()
    return kept


async def faults(page: Page) -> list[str]:
    """Return what axe finds on the page that is serious or worse, a line each."""
    await page.evaluate(AXE_SCRIPT)
    found: list[list[Any]] = await page.evaluate(FAULTS)
    return [f"{rule}: {what}: {' '.join(where)}" for rule, impact, what, where in found if impact in GRAVE]


def stand_ins(shop: Shop) -> dict[str, str]:
    """Return what the names in paths stand for: an order of customer1's and its buyer, a material that runs low."""
    [(number, buyer)] = shop.sql(
        """SELECT max(number), customer_name FROM orders_order WHERE NOT archived AND customer_id = (
               SELECT customer_id FROM accounts_user WHERE username = 'customer1') GROUP BY customer_name"""
    )
    [(slug, name)] = shop.sql(
        "SELECT slug, name FROM catalogue_material WHERE id = (SELECT min(material_id) FROM stock_stocklevel)"
    )
    return {"number": number, "buyer": buyer, "slug": slug, "name": name}


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_serious_on_any_page(
    shop: Shop, context: OpenContext, signed_in: dict[str, StorageState], scheme: str, viewport: dict[str, int]
) -> None:
    """Names, roles, contrast, focus and structure of every page in its states hold for those who don't see or point."""
    given = stand_ins(shop)
    pages: dict[str, Page] = {}
    for user, kept in signed_in.items():
        browser = await context(
            expect=("403", "404", "429"),
            color_scheme=scheme,
            viewport=viewport,
            reduced_motion="reduce",
            storage_state=kept,
        )
        pages[user] = await browser.new_page()
    found: list[str] = []
    for name, seen in SEEN.items():
        page = pages[seen.user]
        await page.goto(f"{shop.url}{seen.path.format(**given)}")
        await seen.state(page)
        found += [f"{name}: {fault}" for fault in await faults(page)]
    assert found == []


async def test_the_checker_finds_what_is_wrong(shop: Shop, context: OpenContext) -> None:
    """A button without a name, grey on grey and a picture without words, put into a good page, are told of."""
    page = await (await context()).new_page()
    await page.goto(f"{shop.url}/sign-in/")
    assert await faults(page) == []
    await page.evaluate(
        """() => {
            const paragraph = Object.assign(document.createElement("p"), { textContent: "Hardly to be read" });
            Object.assign(paragraph.style, { color: "#999", backgroundColor: "#aaa" });
            const nameless = ["button", "img"].map((name) => document.createElement(name));
            document.querySelector("main").append(...nameless, paragraph);
        }"""
    )
    rules = {fault.split(":")[0] for fault in await faults(page)}
    assert rules == {"button-name", "image-alt", "color-contrast"}
