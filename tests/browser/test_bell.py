"""The bell: who is told what, in how many tabs, how often, and what has been read."""

import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.ringing import badge, bell, hearing, quiet, toasts
from tests.browser.shop import Shop, live, sign_in, sign_out

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 20_000
"""Milliseconds from the commit to the screen after which a notification counts as lost: the machine may be busy."""
WITHIN = 2_000
"""Milliseconds within which signing out ends every other tab."""
LOST = ("ERR_CONNECTION_REFUSED", "WebSocket connection to", "ERR_CONNECTION_RESET")


def tell(shop: Shop, title: str, *, username: str = "", level: str = "info", link: str = "", times: int = 1) -> None:
    """Insert notifications as any program might: for a user, or (no username) for everyone who works here."""
    audience, user, role = ("user", username, "") if username else ("role", None, "staff")
    shop.sql(
        """INSERT INTO notifications_notification (audience, user_id, role, title, level, link)
           SELECT %s, (SELECT id FROM accounts_user WHERE username = %s), %s, %s, %s, %s FROM generate_series(1, %s)""",
        audience,
        user,
        role,
        title,
        level,
        link,
        times,
    )


async def open_page(context: BrowserContext, shop: Shop, path: str = "/materials/") -> Page:
    """Open a page, and wait until its bell is live."""
    page = await context.new_page()
    await page.goto(f"{shop.url}{path}")
    await hearing(page)
    return page


async def signed_in(
    context: OpenContext, shop: Shop, username: str, *, expecting: tuple[str, ...] = ()
) -> BrowserContext:
    browser = await context(expect=expecting)
    await sign_in(browser, shop, username)
    return browser


async def test_a_row_rings_in_every_tab_of_its_audience_and_nowhere_else(shop: Shop, context: OpenContext) -> None:
    """Two users of one role, one in two tabs, are told by one INSERT, by one toast each; a customer is not."""
    quiet(shop)
    staff, admin = await signed_in(context, shop, "staff"), await signed_in(context, shop, "admin")
    buyer = await signed_in(context, shop, "customer1")
    told = [await open_page(staff, shop), await open_page(staff, shop, "/stock/"), await open_page(admin, shop)]
    stranger = await open_page(buyer, shop)
    tell(shop, "The scales are out of order", level="warning")
    for page in told:
        await expect(toasts(page)).to_have_count(1, timeout=AT_ONCE)
        await expect(toasts(page)).to_contain_text("The scales are out of order")
        await expect(badge(page)).to_have_text("1")
        await expect(page).to_have_title(re.compile(r"^\(1\) "))
        await expect(page.locator("[data-toasts-polite] li")).to_have_count(1)
    tell(shop, "Your order is here", username="customer1", level="error")
    await expect(page_of_error := stranger.locator("[data-toasts-assertive] li")).to_have_count(1, timeout=AT_ONCE)
    await expect(page_of_error).to_contain_text("Your order is here")
    await expect(badge(stranger)).to_have_text("1")
    await expect(toasts(told[0])).not_to_contain_text(["Your order is here"])


async def test_read_in_one_tab_is_read_in_the_others(shop: Shop, context: OpenContext) -> None:
    """A click marks one as read and follows its link, for this user in every tab; another of the audience keeps it."""
    quiet(shop)
    staff, admin = await signed_in(context, shop, "staff"), await signed_in(context, shop, "admin")
    one, other, colleague = await open_page(staff, shop), await open_page(staff, shop), await open_page(admin, shop)
    tell(shop, "See the orders", link="/orders/")
    tell(shop, "See nothing")
    await expect(badge(one)).to_have_text("2", timeout=AT_ONCE)
    await bell(one).click()
    await expect(one.locator("[data-notices-list] li")).to_have_count(2)
    await expect(badge(one)).to_have_text("2")
    await one.locator("[data-notices-list]").get_by_role("link", name="See the orders").click()
    await expect(one).to_have_url(f"{shop.url}/orders/")
    await expect(badge(other)).to_have_text("1", timeout=AT_ONCE)
    await expect(toasts(other)).to_have_count(1)
    await expect(badge(one)).to_have_text("1", timeout=AT_ONCE)
    await bell(one).click()
    await one.get_by_role("button", name="Mark all as read").click()
    for page in (one, other):
        await expect(badge(page)).to_be_hidden(timeout=AT_ONCE)
        await expect(page).not_to_have_title(re.compile(r"^\("))
    await expect(badge(colleague)).to_have_text("2")


async def test_a_server_started_again_rings_once(shop: Shop, context: OpenContext) -> None:
    """While it is not live the bell says so; what came meanwhile is summed up, and nothing is told twice."""
    quiet(shop)
    page = await open_page(await signed_in(context, shop, "staff", expecting=LOST), shop, "/stock/")
    tell(shop, "Before")
    await expect(toasts(page)).to_have_count(1, timeout=AT_ONCE)
    await toasts(page).get_by_role("button", name="Close").click()
    shop.processes[-1].kill()
    await expect(bell(page)).to_have_attribute("data-stale", "")
    await expect(bell(page)).to_have_attribute("aria-label", re.compile("as of"))
    await expect(toasts(page)).to_have_count(0)
    tell(shop, "Meanwhile", times=4)
    shop.start_server()
    await live(page, 30)
    await expect(toasts(page)).to_have_text(["4 new while you were away"], timeout=AT_ONCE)
    await expect(badge(page)).to_have_text("5")
    tell(shop, "After")
    await expect(toasts(page)).to_have_count(2, timeout=AT_ONCE)
    await expect(toasts(page).last).to_contain_text("After")


async def test_three_toasts_are_the_most(shop: Shop, context: OpenContext) -> None:
    """The newest three are shown and the rest counted; they go by themselves, but not while the pointer is on them."""
    quiet(shop)
    page = await open_page(await signed_in(context, shop, "staff"), shop)
    tell(shop, "Many", times=102)
    await expect(toasts(page)).to_have_count(3, timeout=AT_ONCE)
    await expect(page.locator("[data-toasts-more]")).to_have_text("and 99 more")
    await expect(badge(page)).to_have_text("99+")
    await toasts(page).first.hover()
    await expect(toasts(page)).to_have_count(1, timeout=30_000)
    await page.mouse.move(5, 5)
    await expect(toasts(page)).to_have_count(0, timeout=30_000)
    await expect(page.locator("[data-toasts-more]")).to_be_hidden()


async def test_the_keyboard_is_enough_for_the_bell(shop: Shop, context: OpenContext) -> None:
    """Enter opens, the arrows go through, Escape closes and gives the focus back."""
    quiet(shop)
    tell(shop, "First")
    tell(shop, "Second")
    page = await open_page(await signed_in(context, shop, "staff"), shop)
    await expect(badge(page)).to_have_text("2")
    await bell(page).focus()
    await page.keyboard.press("Enter")
    await expect(bell(page)).to_have_attribute("aria-expanded", "true")
    dialog = page.get_by_role("dialog", name="Notifications")
    await expect(dialog.get_by_role("button", name=re.compile("Second"))).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(dialog.get_by_role("button", name=re.compile("First"))).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(badge(page)).to_have_text("1", timeout=AT_ONCE)
    await expect(dialog.get_by_role("button", name=re.compile("First"))).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(bell(page)).to_be_focused()


async def test_the_page_of_notifications(shop: Shop, context: OpenContext) -> None:
    """Live ones on top, unread ones by a filter, marked one by one or all; the archive comes by pages."""
    quiet(shop)
    shop.sql(
        """INSERT INTO notifications_notification (audience, role, title, archived, created_at)
           SELECT 'role', 'staff', 'Archived ' || n, true, now() - interval '40 days' FROM generate_series(1, 60) n"""
    )
    tell(shop, "Still live", times=3)
    page = await open_page(await signed_in(context, shop, "staff"), shop, "/notifications/")
    items = page.locator("[data-live] li")
    await expect(items).to_have_count(3)
    await items.first.get_by_role("button", name="Mark as read").click()
    await expect(page.locator("[data-count=unread]")).to_have_text("2", timeout=AT_ONCE)
    await page.locator("label", has_text="Unread").click()
    await expect(items).to_have_count(2)
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.get_by_role("heading", name="Nothing unread")).to_be_visible(timeout=AT_ONCE)
    await page.get_by_role("button", name="Show all").click()
    await expect(items).to_have_count(3)
    tell(shop, "And one more")
    await expect(items).to_have_count(4, timeout=AT_ONCE)
    earlier = page.locator("[data-archive] li")
    await page.get_by_role("button", name="Show earlier ones").click()
    await expect(earlier).to_have_count(50, timeout=AT_ONCE)
    await expect(earlier.first).to_contain_text("Archived 60")
    more = page.locator("[data-more]")
    while await more.is_visible():
        await more.click()
        await expect(page.locator("[data-more].busy")).to_have_count(0, timeout=AT_ONCE)
    ids: list[int] = await earlier.evaluate_all("items => items.map((item) => Number(item.dataset.id))")
    assert len(ids) >= 60
    assert ids == sorted(set(ids), reverse=True)
    await expect(page.get_by_text("That is all there ever was.")).to_be_visible()


@pytest.mark.alone
async def test_signing_out_leaves_nothing_private_on_any_screen(shop: Shop, context: OpenContext) -> None:
    """Within two seconds an open bell, toasts, the name and the rows are gone in every other tab."""
    quiet(shop)
    staff = await signed_in(context, shop, "staff")
    stock, told, prices = [await open_page(staff, shop, path) for path in ("/stock/", "/notifications/", "/materials/")]
    tell(shop, "A private word")
    for page in (stock, told, prices):
        await expect(toasts(page)).to_have_count(1, timeout=AT_ONCE)
    await bell(stock).click()
    tab = await open_page(staff, shop)
    await sign_out(tab)
    for page in (stock, told):
        await expect(page.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=WITHIN)
        await expect(page).to_have_title("Signed out · Tideline")
    await expect(bell(prices)).to_have_count(0, timeout=WITHIN)
    for page in (stock, told, prices):
        assert "private" not in await page.locator("body").inner_text()
        assert "staff" not in await page.locator("body").inner_text()
        await expect(bell(page)).to_have_count(0)
    # One whose connection was coming back at that moment is a guest's already: prices are for anyone.
    if await prices.locator("[data-outage]").is_visible():
        await expect(prices.locator("[data-outage-title]")).to_have_text("You have been signed out.")
        await prices.get_by_role("button", name="Go on as a guest").click()
    await live(prices)
    await expect(prices.locator("[data-outage]")).to_be_hidden()


async def test_a_page_that_comes_back_as_somebody_else_ends(shop: Shop, context: OpenContext) -> None:
    """Who was offline while another signed in finds the page ended, not going on under the other's rights."""
    browser = await signed_in(context, shop, "staff", expecting=LOST)
    page = await open_page(browser, shop, "/stock/")
    shop.processes[-1].kill()
    await expect(page.locator("[data-connection-word]")).to_have_text("Reconnecting")
    await browser.clear_cookies()
    cookies = await (await signed_in(context, shop_on_a_new_server(shop), "customer1")).cookies()
    await browser.add_cookies([{"name": c["name"], "value": c["value"], "url": shop.url} for c in cookies])
    await expect(page.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=30_000)
    await expect(page.locator("[data-rows] tr")).to_have_count(0)


def shop_on_a_new_server(shop: Shop) -> Shop:
    shop.start_server()
    return shop
