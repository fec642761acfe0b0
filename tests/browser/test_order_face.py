"""What people see of orders: staff move them on, on the board; customers watch theirs go."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.ordering import some_order, take_steps
from tests.browser.shop import Shop, open_live, sign_in
from tests.support.waiting import soon

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 20_000
"""Milliseconds from the commit to the screen after which a single change counts as lost: the machine may be busy."""

OpenBoard = Callable[..., Awaitable[Page]]


def card(page: Page, order: int, column: str) -> Locator:
    return page.locator(f'[data-column="{column}"] [data-key="{order}"]')


@pytest.fixture
def staff(shop: Shop, context: OpenContext) -> OpenBoard:
    """Open the board in a browser of its own: `await staff()`."""

    async def open_board(**options: Any) -> Page:
        someone = await context(expect=("409",), **options)
        await sign_in(someone, shop, "staff")
        page, _ = await open_live(someone, shop, "/orders/board/")
        return page

    return open_board


async def test_staff_ship_and_everybody_sees_it(shop: Shop, context: OpenContext, staff: OpenBoard) -> None:
    """The customer's open timeline and list move, and so does the card in a second staff browser."""
    order, number, username = some_order(shop, "picking")
    here, there = await staff(), await staff()
    buyer = await context()
    await sign_in(buyer, shop, username)
    mine, _ = await open_live(buyer, shop, "/orders/")
    timeline, _ = await open_live(buyer, shop, f"/orders/{number}/")
    before = int(await here.locator('[data-column="shipped"] [data-column-count]').inner_text())
    await expect(timeline.locator("[data-order=expected]")).to_have_text("Next: being shipped")
    await expect(timeline.locator("[data-order=promise]")).to_contain_text("Promised for to")

    await card(here, order, "picking").get_by_role("button", name="Ship").click()
    for page in (here, there):
        await expect(card(page, order, "shipped")).to_be_visible(timeout=AT_ONCE)
        await expect(page.locator('[data-column="shipped"] [data-column-count]')).to_have_text(str(before + 1))
    await expect(timeline.locator("[data-order=status]")).to_have_text("Shipped", timeout=AT_ONCE)
    await expect(timeline.locator("[data-events] li").first).to_contain_text("left the warehouse")
    await expect(timeline.locator("[data-order=expected]")).to_have_text("Next: delivery")
    await expect(timeline.locator("[data-order=track] li[data-done]")).to_have_count(4)
    row = mine.locator(f'tr[data-key="{order}"]')
    await expect(row.locator("[data-cell=status]")).to_have_text("Shipped", timeout=AT_ONCE)
    await expect(row.locator("[data-was]")).to_have_text("Picking →")
    await expect(row.locator("[data-cell=next]")).to_have_text("Next: delivery")
    button = card(here, order, "shipped").get_by_role("button", name="Delivered")
    await expect(button).to_have_attribute("aria-disabled", "false")
    assert shop.sql(
        "SELECT kind, actor FROM orders_orderevent WHERE order_id = %s ORDER BY id DESC LIMIT 1", order
    ) == [("shipped", "staff")]
    assert shop.sql(
        "SELECT count(*) FROM notifications_notification WHERE about = %s AND title LIKE '%% was shipped'",
        f"order:{order}",
    ) == [(1,)]


@pytest.mark.usefixtures("lasting_day")
async def test_steps_that_come_at_once_are_all_shown(shop: Shop, context: OpenContext) -> None:
    """Three steps of one transaction are three entries, each with its time; they appear one after the other."""
    order, number, username = some_order(shop, "placed")
    buyer = await context()
    await sign_in(buyer, shop, username)
    page, _ = await open_live(buyer, shop, f"/orders/{number}/")
    entries = page.locator("[data-events] li")
    before = await entries.count()
    await page.evaluate(
        """() => {
            window.delays = [];
            const animate = Element.prototype.animate;
            Element.prototype.animate = function (frames, timing) {
                if (this.matches("[data-events] li")) window.delays.push(timing.delay);
                return animate.call(this, frames, timing);
            };
        }"""
    )
    take_steps(shop, order, "paid", "picking", "shipped")
    await expect(entries).to_have_count(before + 3, timeout=AT_ONCE)
    titles = await entries.locator("[data-cell=title]").all_inner_texts()
    assert titles[:3] == ["Shipped", "Being picked", "Paid"]
    times = await entries.locator("[data-cell=at]").all_inner_texts()
    assert all(time.startswith("Today, ") and time.count(":") == 2 for time in times[:3])
    first, second, third = await page.evaluate("window.delays")
    assert first < second < third


@pytest.mark.usefixtures("lasting_day")
async def test_steps_during_an_absence_are_all_shown(shop: Shop, context: OpenContext) -> None:
    """Who comes back sees every step that was taken meanwhile come, too."""
    order, number, username = some_order(shop, "placed")
    buyer = await context(expect=("ERR_", "WebSocket"))
    await sign_in(buyer, shop, username)
    page, _ = await open_live(buyer, shop, f"/orders/{number}/")
    before = await page.locator("[data-events] li").count()
    await page.evaluate("import('/static/core/js/site.js').then(({ client }) => client.close())")
    await expect(page.locator("body")).to_have_attribute("data-connection", "closed")
    take_steps(shop, order, "paid", "picking")
    take_steps(shop, order, "shipped", "delivered")
    await page.evaluate("import('/static/core/js/site.js').then(({ client }) => client.reconnect())")
    await expect(page.locator("[data-events] li")).to_have_count(before + 4, timeout=AT_ONCE)
    await expect(page.locator("[data-order=expected]")).to_have_text("Nothing more is expected")
    await expect(page.locator("[data-order=promise]")).to_have_text("Delivered today")


async def test_a_status_without_an_event_is_shown_too(shop: Shop, context: OpenContext) -> None:
    """Plain SQL sets the status alone: line, words and timeline say so, once; an event that follows takes its place."""
    order, number, username = some_order(shop, "paid")
    buyer = await context()
    await sign_in(buyer, shop, username)
    page, _ = await open_live(buyer, shop, f"/orders/{number}/")
    entries = page.locator("[data-events] li")
    before = await entries.count()
    shop.sql("UPDATE orders_order SET status = 'shipped' WHERE id = %s", order)
    await expect(page.locator("[data-order=track] li[data-done]")).to_have_count(4, timeout=AT_ONCE)
    await expect(page.locator("[data-order=track] li").nth(3).locator("time")).not_to_be_empty()
    await expect(entries).to_have_count(before + 1)
    await expect(entries.first).to_contain_text("Shipped")
    shop.sql(
        "INSERT INTO orders_orderevent (order_id, kind, message, actor) VALUES (%s, 'shipped', 'by rail', 'psql')",
        order,
    )
    await expect(entries.first).to_contain_text("By rail", timeout=AT_ONCE)
    await expect(entries).to_have_count(before + 1)


async def test_of_two_who_press_at_once_one_is_told(shop: Shop, staff: OpenBoard) -> None:
    """Nobody moves the card before it is true; the one who was second reads what the order has become, at its card."""
    order, number, _ = some_order(shop, "paid")
    pages = [await staff(), await staff()]
    with shop.database.connect(autocommit=False) as holder:
        holder.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [order])
        for page in pages:
            button = card(page, order, "paid").get_by_role("button", name="Start picking")
            await button.click()
            await expect(button).to_have_class("button small busy")
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        await soon(lambda: shop.sql(waiting) == [(2,)], 10, what="both waiting for the order")
        for page in pages:
            await expect(card(page, order, "paid")).to_be_visible()
        holder.rollback()
    for page in pages:
        await expect(card(page, order, "picking")).to_be_visible(timeout=AT_ONCE)

    async def told() -> list[str]:
        return [await card(page, order, "picking").locator("[data-cell=problem]").inner_text() for page in pages]

    await soon(lambda: _any(told()), AT_ONCE / 1000, what="one of the two told")
    assert sorted(await told()) == ["", f"Order {number} is picking already"]
    assert shop.sql("SELECT count(*) FROM orders_orderevent WHERE order_id = %s AND kind = 'picking'", order) == [(1,)]


async def _any(coming: Awaitable[list[str]]) -> bool:
    return any(await coming)


async def test_cancelling_asks_why_and_customers_read_it(shop: Shop, context: OpenContext, staff: OpenBoard) -> None:
    """By keyboard: the dialog wants a reason, can be left, and the reason stands in the order."""
    order, number, username = some_order(shop, "placed")
    page = await staff()
    buyer = await context()
    await sign_in(buyer, shop, username)
    timeline, _ = await open_live(buyer, shop, f"/orders/{number}/")
    button = card(page, order, "placed").get_by_role("button", name=f"Cancel order {number}")
    dialog = page.get_by_role("dialog", name=f"Cancel order {number}?")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_label("Reason")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await dialog.get_by_role("button", name="Cancel the order").click()
    await expect(dialog.get_by_role("alert")).to_have_text("Say why: the customer reads it.")
    await dialog.get_by_label("Reason").fill("project postponed")
    await dialog.get_by_role("button", name="Cancel the order").click()
    await expect(card(page, order, "cancelled")).to_be_visible(timeout=AT_ONCE)
    await expect(timeline.locator("[data-order=note]")).to_have_text("Reason: project postponed", timeout=AT_ONCE)
    await expect(timeline.locator("[data-order=expected]")).to_have_text("Nothing more is expected")


async def test_a_step_by_keyboard_keeps_the_focus_on_its_card(shop: Shop, staff: OpenBoard) -> None:
    """Whoever pressed the key finds the next step under it, and the same press does not take that as well."""
    order, _, _ = some_order(shop, "placed")
    page = await staff()
    await card(page, order, "placed").get_by_role("button", name="Mark as paid").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(card(page, order, "paid")).to_be_visible(timeout=AT_ONCE)
    await expect(card(page, order, "paid").get_by_role("button", name="Start picking")).to_be_focused()
    assert shop.sql("SELECT status FROM orders_order WHERE id = %s", order) == [("paid",)]


@pytest.mark.usefixtures("lasting_day")
async def test_what_is_late_is_marked(shop: Shop, context: OpenContext, staff: OpenBoard) -> None:
    """On the board, in the list and on the order's page, as soon as its time is over; "late only" shows it."""
    order, number, username = some_order(shop, "paid")
    page = await staff()
    buyer = await context()
    await sign_in(buyer, shop, username)
    timeline, _ = await open_live(buyer, shop, f"/orders/{number}/")
    mine, _ = await open_live(buyer, shop, "/orders/")
    await expect(card(page, order, "paid")).not_to_have_attribute("data-late", "")
    shop.sql("UPDATE orders_order SET promised_at = now() - interval '24 hours' WHERE id = %s", order)
    await expect(card(page, order, "paid")).to_have_attribute("data-late", "", timeout=AT_ONCE)
    await expect(card(page, order, "paid")).to_contain_text("Late: promised yesterday")
    await expect(timeline.locator("[data-order=promise]")).to_have_text("Late: promised for yesterday", timeout=AT_ONCE)
    late = mine.locator(f'tr[data-key="{order}"] .late')
    await expect(late).to_have_text("Late: promised for yesterday", timeout=AT_ONCE)
    await page.get_by_text("Late only").click()
    await expect(page.locator("[data-board] .order-card:not([data-late])")).to_have_count(0)
    await expect(card(page, order, "paid")).to_be_visible()


async def test_long_columns_show_the_first_and_say_how_many_more(shop: Shop, staff: OpenBoard) -> None:
    """A thousand orders don't make a thousand cards; counts, values and filters know all of them."""
    [(customer,)] = shop.sql("SELECT max(id) FROM accounts_customer")
    shop.sql(
        """INSERT INTO orders_order (number, status, customer_id, customer_name, total, placed_at, promised_at)
           SELECT 'LONG-' || n, 'shipped', %s, 'Long & Co.', 10, now(), now() + n * interval '1 hour'
           FROM generate_series(1, 600) n""",
        customer,
    )
    page = await staff()
    await page.get_by_role("searchbox").fill("long-")
    column = page.locator('[data-column="shipped"]')
    await expect(column.locator("[data-column-count]")).to_have_text("600", timeout=AT_ONCE)
    await expect(column.locator("[data-column-value]")).to_have_text("€6,000")
    await expect(column.locator("[data-key]")).to_have_count(12)
    await column.get_by_role("button", name="and 588 more").click()
    await expect(column.locator("[data-key]")).to_have_count(36)
    shop.sql("UPDATE orders_order SET status = 'delivered' WHERE number LIKE 'LONG-%%'")
    await expect(column.locator("[data-column-count]")).to_have_text("0", timeout=AT_ONCE)
    await expect(page.locator('[data-column="delivered"] [data-column-count]')).to_have_text("600")
    await page.locator("[data-filters] select").select_option("Long & Co.")
    await expect(page.locator("[data-count]")).to_contain_text("600 of")
    shop.sql("DELETE FROM orders_order WHERE number LIKE 'LONG-%%'")
    await expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible(timeout=AT_ONCE)


async def test_the_board_is_not_for_customers(shop: Shop, context: OpenContext) -> None:
    """Neither its page nor a step of their own order; staff without the right see it without buttons."""
    order, number, username = some_order(shop, "placed")
    buyer = await context(expect=("403",))
    await sign_in(buyer, shop, username)
    page, _ = await open_live(buyer, shop, f"/orders/{number}/")
    await expect(page.locator("[data-step]")).to_have_count(0)
    status = await page.evaluate(
        """async (number) => {
            const { post } = await import("/static/core/js/post.js");
            return post(`/api/v1/orders/${number}/steps`, { step: "pay" }).catch((problem) => problem.status);
        }""",
        number,
    )
    assert status == 403
    answer = await page.goto(f"{shop.url}/orders/board/")
    assert answer is not None and answer.status == 403
    assert shop.sql("SELECT status FROM orders_order WHERE id = %s", order) == [("placed",)]


@pytest.mark.parametrize("width", [360, 390, 1024])
async def test_no_page_of_orders_is_wider_than_its_window(shop: Shop, staff: OpenBoard, width: int) -> None:
    """On a phone the board's columns stand beside each other in their own strip, and a switch leads to each."""
    page = await staff(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    _, number, _ = some_order(shop, "paid")
    assert await overflow(page) == 0
    if width < 760:
        await page.get_by_role("button", name="Shipped").first.click()
        await expect(page.get_by_role("button", name="Shipped").first).to_have_attribute("aria-pressed", "true")
        await expect(page.locator('[data-column="shipped"] h2')).to_be_in_viewport()
    for path in (f"/orders/{number}/", "/orders/"):
        await page.goto(f"{shop.url}{path}")
        await page.wait_for_selector("main[data-stage=ready]")
        assert await overflow(page) == 0


async def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert isinstance(wider, int)
    return wider
