"""Several people's pages through what parts them from the shop: no network, no server, no sign-in any more."""

import asyncio
import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.line import line_to
from tests.browser.ordering import some_order
from tests.browser.ringing import badge, bell, hearing, notices, quiet, toasts
from tests.browser.shop import Shop, live, open_live, sign_in, sign_out

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 20_000
"""Milliseconds from the commit to the screen after which a change counts as lost: the machine may be busy."""
BACK = 40_000
"""Milliseconds within which a page is live again by itself once it can be."""
WITHIN = 2_000
"""Milliseconds within which the end of a sign-in ends what rested on it."""
LOST = ("ERR_CONNECTION_REFUSED", "WebSocket connection to", "ERR_CONNECTION_RESET", "ERR_INTERNET_DISCONNECTED")
NEW_PASSWORD = "Kupfer-und-Zinn-47"


async def someone(context: OpenContext, shop: Shop, username: str) -> BrowserContext:
    """Sign somebody in on a device of their own, which may lose its connection."""
    device = await context(expect=LOST)
    await sign_in(device, shop, username)
    return device


async def looking(device: BrowserContext, shop: Shop, path: str) -> Page:
    """Open a page with its bell, and mark it: a page that is loaded anew has lost the mark."""
    page, _ = await open_live(device, shop, path)
    await hearing(page)
    await page.evaluate("window.neverReloaded = true")
    return page


def tell(shop: Shop, role: str, *titles: str) -> None:
    """Insert notifications as any program might, for a role ("": for everyone)."""
    for title in titles:
        shop.sql(
            "INSERT INTO notifications_notification (audience, role, title) VALUES (%s, %s, %s)",
            "role" if role else "everyone",
            role,
            title,
        )


def two_levels(shop: Shop) -> list[int]:
    """Ids of two levels that stand on top of the stock page."""
    rows = shop.sql(
        """SELECT s.id FROM stock_stocklevel s JOIN catalogue_material m ON m.id = s.material_id
           JOIN stock_warehouse w ON w.id = s.warehouse_id WHERE s.on_hand > 1000 ORDER BY m.name, w.code LIMIT 2"""
    )
    return [level for (level,) in rows]


async def test_who_was_offline_finds_what_was_missed_once(shop: Shop, context: OpenContext) -> None:
    """The page says that it is old, and since when; then it has all that others saw meanwhile, summed up, once."""
    quiet(shop)
    one, other = two_levels(shop)
    async with line_to(shop) as line:
        train = await someone(context, line.far_end, "staff")
        away = await looking(train, line.far_end, "/stock/")
        desk = await looking(await someone(context, shop, "staff"), shop, "/stock/")
        seen = await away.locator(f'tr[data-key="{one}"] [data-cell=on_hand]').inner_text()

        await line.cut(train)
        await expect(away.locator("[data-connection-word]")).to_have_text("Offline", timeout=BACK)
        await expect(away.locator("[data-outage-title]")).to_have_text("This device is offline.")
        await expect(away.locator("[data-outage-text]")).to_have_text(re.compile(r"You see \d\d:\d\d:\d\d"))
        await expect(away.locator("[data-connection-ago]")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d"))
        await expect(bell(away)).to_have_attribute("aria-label", re.compile("as of"))
        shop.sql("UPDATE stock_stocklevel SET on_hand = on_hand + 1 WHERE id IN (%s, %s)", one, other)
        shop.sql("UPDATE stock_stocklevel SET on_hand = 27182 WHERE id = %s", one)
        tell(shop, "staff", "First of all", "Secondly", "Thirdly", "Lastly")
        await expect(desk.locator(f'tr[data-key="{one}"] [data-cell=on_hand]')).to_have_text("27,182", timeout=AT_ONCE)
        await expect(badge(desk)).to_have_text("4", timeout=AT_ONCE)
        await bell(desk).click()
        await notices(desk).get_by_role("button", name="Secondly").click()
        await expect(badge(desk)).to_have_text("3", timeout=AT_ONCE)
        await expect(away.locator(f'tr[data-key="{one}"] [data-cell=on_hand]')).to_have_text(seen)
        await expect(badge(away)).to_be_hidden()

        await line.mend(train)
        await live(away, BACK / 1000)
        await expect(away.locator(f'tr[data-key="{one}"] [data-cell=on_hand]')).to_have_text("27,182", timeout=AT_ONCE)
        await expect(toasts(away)).to_have_text(["3 new while you were away"], timeout=AT_ONCE)
        await expect(badge(away)).to_have_text("3")
        await expect(away.locator("[data-outage]")).to_be_hidden()
        await bell(away).click()
        titles = notices(away).locator("[data-notice-title]")
        await expect(titles).to_have_text(["Lastly", "Thirdly", "Secondly", "First of all"])
        await same_rows(away, desk)
        assert await away.evaluate("window.neverReloaded")


async def same_rows(one: Page, other: Page) -> None:
    """Both stock pages show the same figures, each row once."""
    figures = """() => [...document.querySelectorAll("[data-rows] tr")].map((row) =>
        [row.dataset.key, ...["on_hand", "reserved", "available"].map((name) =>
            row.querySelector(`[data-cell="${name}"]`).textContent)].join(" ")).sort()"""
    here, there = await asyncio.gather(one.evaluate(figures), other.evaluate(figures))
    assert here == there
    assert len(set(here)) == len(here) > 0


async def test_a_server_restarted_under_everyones_pages(shop: Shop, context: OpenContext) -> None:
    """Staff, a customer and a guest go on by themselves, with all that was written meanwhile, and nothing twice."""
    order, number, username = some_order(shop, "paid")
    quiet(shop)
    level, _ = two_levels(shop)
    [(material,)] = shop.sql("SELECT id FROM catalogue_material ORDER BY name LIMIT 1")
    staff = await someone(context, shop, "staff")
    stock, board = await looking(staff, shop, "/stock/"), await looking(staff, shop, "/orders/board/")
    timeline = await looking(await someone(context, shop, username), shop, f"/orders/{number}/")
    prices, _ = await open_live(await context(expect=LOST), shop, "/materials/")
    await prices.evaluate("window.neverReloaded = true")
    everyone = (stock, board, timeline, prices)
    entries = await timeline.locator("[data-events] li").count()

    shop.server.kill()
    for page in everyone:
        await expect(page.locator("[data-connection-word]")).to_have_text("Reconnecting", timeout=AT_ONCE)
        await expect(page.locator("[data-connection-ago]")).to_contain_text("as of")
    shop.sql("UPDATE stock_stocklevel SET on_hand = 31415 WHERE id = %s", level)
    shop.sql("UPDATE catalogue_material SET price_per_kg = 16.18 WHERE id = %s", material)
    shop.sql("UPDATE orders_order SET status = 'picking' WHERE id = %s", order)
    shop.sql("INSERT INTO orders_orderevent (order_id, kind, actor) VALUES (%s, 'picking', 'ERP')", order)
    tell(shop, "staff", "The server is being looked after")

    shop.start_server()
    for page in everyone:
        await live(page, BACK / 1000)
        await expect(page.locator("[data-outage]")).to_be_hidden()
        assert await page.evaluate("window.neverReloaded")
    await expect(stock.locator(f'tr[data-key="{level}"] [data-cell=on_hand]')).to_have_text("31,415", timeout=AT_ONCE)
    await expect(prices.locator(f'tr[data-key="{material}"] [data-cell=price]')).to_have_text(
        "16.1800", timeout=AT_ONCE
    )
    await expect(board.locator(f'[data-column="picking"] [data-key="{order}"]')).to_be_visible(timeout=AT_ONCE)
    await expect(board.locator(f'[data-key="{order}"]')).to_have_count(1)
    await expect(timeline.locator("[data-events] li")).to_have_count(entries + 1, timeout=AT_ONCE)
    for page, words in ((stock, "looked after"), (board, "looked after"), (timeline, "is being picked")):
        await expect(toasts(page)).to_have_text([re.compile(words)], timeout=AT_ONCE)
        await expect(badge(page)).to_have_text("1")
    tell(shop, "", "All is well again")
    for page in (stock, board, timeline):
        await expect(badge(page)).to_have_text("2", timeout=AT_ONCE)
        await expect(toasts(page).filter(has_text="All is well again")).to_have_count(1, timeout=AT_ONCE)


@pytest.mark.alone
async def test_signing_out_ends_this_browser_and_no_other(shop: Shop, context: OpenContext) -> None:
    """The other tab, its open bell too, has nothing private within 2 s; the same user elsewhere and others go on."""
    quiet(shop)
    tell(shop, "staff", "A private word")
    desk, laptop = await someone(context, shop, "staff"), await someone(context, shop, "staff")
    stock = await looking(desk, shop, "/stock/")
    elsewhere = await looking(laptop, shop, "/stock/")
    colleague = await looking(await someone(context, shop, "admin"), shop, "/stock/")
    tab = await looking(desk, shop, "/materials/")
    await bell(stock).click()
    await expect(notices(stock)).to_contain_text(["A private word"])
    await sign_out(tab)
    await ended(stock)
    for page in (elsewhere, colleague):
        await expect(page.locator("[data-connection-word]")).to_have_text("Live")
    tell(shop, "staff", "Who is still here?")
    for page in (elsewhere, colleague):
        await expect(toasts(page)).to_contain_text(["Who is still here?"], timeout=AT_ONCE)
    await ended(stock)


async def ended(page: Page) -> None:
    """Within two seconds the page has nothing left of what it showed, and says why."""
    await expect(page.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=WITHIN)
    await expect(page).to_have_title("Signed out · Tideline")
    await expect(page.locator("[data-rows] tr, [data-notices-list] li, [data-toasts] li")).to_have_count(0)
    words = await page.locator("body").inner_text()
    assert "private" not in words and "still here" not in words and "staff" not in words


@pytest.mark.alone
async def test_a_password_changed_on_another_device_ends_this_ones_pages(shop: Shop, context: OpenContext) -> None:
    """Whoever changes it goes on; every page that rested on the old one ends within 2 s, and others' don't."""
    quiet(shop)
    shop.join("mover", like="staff", roles=["warehouse", "sales"])
    tell(shop, "staff", "A private word")
    lost, kept = await someone(context, shop, "mover"), await someone(context, shop, "mover")
    stock, board = await looking(lost, shop, "/stock/"), await looking(lost, shop, "/orders/board/")
    colleague = await looking(await someone(context, shop, "staff"), shop, "/stock/")
    await bell(stock).click()
    await expect(notices(stock)).to_contain_text(["A private word"])
    form = await kept.new_page()
    await form.goto(f"{shop.url}/password/")
    await form.get_by_label("Current password").fill("demo-only")
    await form.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    await form.get_by_label("New password, once more").fill(NEW_PASSWORD)
    await form.get_by_role("button", name="Change the password").click()
    await expect(form).to_have_url(f"{shop.url}/password/changed/", timeout=AT_ONCE)
    await ended(stock)
    await expect(board.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=WITHIN)
    await expect(board.locator("[data-cards] li")).to_have_count(0)
    await expect(colleague.locator("[data-connection-word]")).to_have_text("Live")
    await looking(kept, shop, "/stock/")
    await board.reload()
    await expect(board).to_have_url(f"{shop.url}/sign-in/?next=/orders/board/")
