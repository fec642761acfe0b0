"""The story that everything else is for: a row is committed, and every browser that may see it shows it."""

from decimal import Decimal
from statistics import median
from time import monotonic

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.shop import Shop, live, open_live, sign_in
from tests.support.waiting import soon

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 20_000
"""Milliseconds from the commit to the screen after which a single change counts as lost: the machine may be busy."""
USUAL_SECONDS = 1.0
"""The middle of several changes is on the screen by then."""


async def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe out."""
    await page.evaluate("window.neverReloaded = true")


async def unmarked(page: Page) -> bool:
    return not await page.evaluate("window.neverReloaded === true")


def order_of(shop: Shop, customer: int, status: str = "paid") -> tuple[int, str]:
    """Id and number of an order of the n-th customer, which is put into this status."""
    [(order, number)] = shop.sql(
        """UPDATE orders_order SET status = %s, archived = false WHERE id = (
               SELECT o.id FROM orders_order o JOIN accounts_user u ON u.customer_id = o.customer_id
               WHERE u.username = %s AND NOT o.archived AND o.status NOT IN ('cancelled', 'draft')
               ORDER BY o.id DESC LIMIT 1)
           RETURNING id, number""",
        status,
        f"customer{customer}",
    )
    return order, number


@pytest.mark.alone
async def test_an_update_typed_into_psql_shows_where_it_may(shop: Shop, context: OpenContext) -> None:
    """Staff's stock and a customer's order change on the screen within a second, without a reload."""
    order, number = order_of(shop, 1)
    [(level, before)] = shop.sql("SELECT id, on_hand FROM stock_stocklevel ORDER BY id LIMIT 1")
    staff, buyer = await context(), await context()
    await sign_in(staff, shop, "staff")
    await sign_in(buyer, shop, "customer1")
    stock, _ = await open_live(staff, shop, "/stock/")
    all_orders, _ = await open_live(staff, shop, "/orders/")
    mine, _ = await open_live(buyer, shop, "/orders/")
    timeline, _ = await open_live(buyer, shop, f"/orders/{number}/")
    pages = [stock, all_orders, mine, timeline]
    for page in pages:
        await mark(page)

    await stock.bring_to_front()
    cell = stock.locator(f'tr[data-key="{level}"] td:has([data-cell=on_hand])')
    took = []
    for grams in (125, 250, 375, 500, 625):
        shop.sql("UPDATE stock_stocklevel SET on_hand = %s WHERE id = %s", before + 1000 + Decimal(grams) / 1000, level)
        committed = monotonic()
        shown_as = f"{before + 1000 + Decimal(grams) / 1000:,.3f}".rstrip("0")
        await expect(cell.locator("[data-cell=on_hand]")).to_have_text(shown_as, timeout=AT_ONCE)
        took.append(monotonic() - committed)
    assert median(took) < USUAL_SECONDS
    await expect(cell).to_have_attribute("data-changed", "rise")

    shop.sql("UPDATE orders_order SET status = 'shipped' WHERE id = %s", order)
    for page in (all_orders, mine):
        row = page.locator(f'tr[data-key="{order}"]')
        await expect(row.locator("[data-cell=status]")).to_have_text("Shipped", timeout=AT_ONCE)
    await expect(timeline.locator("[data-order=status]")).to_have_text("Shipped", timeout=AT_ONCE)

    shop.sql(
        "INSERT INTO orders_orderevent (order_id, kind, message, actor, at) VALUES (%s, 'shipped', %s, 'psql', now())",
        order,
        "left on <b>truck</b> 12",
    )
    newest = timeline.locator("[data-events] li").first
    await expect(newest).to_contain_text("Left on <b>truck</b> 12", timeout=AT_ONCE)
    assert not any([await unmarked(page) for page in pages])


async def test_prices_move_for_everyone(shop: Shop, context: OpenContext) -> None:
    """Someone who is not signed in sees a price change, and how it moved."""
    page, _ = await open_live(await context(), shop, "/materials/")
    [(material, price)] = shop.sql("SELECT id, price_per_kg FROM catalogue_material WHERE NOT archived LIMIT 1")
    row = page.locator(f'tr[data-key="{material}"]')
    shop.sql("UPDATE catalogue_material SET price_per_kg = %s WHERE id = %s", price * 2, material)
    await expect(row.locator("[data-cell=trend]")).to_have_text("+100.0%", timeout=AT_ONCE)
    shop.sql("UPDATE catalogue_material SET archived = true WHERE id = %s", material)
    await expect(row).to_have_count(0, timeout=AT_ONCE)


async def test_what_data_says_is_text(shop: Shop, context: OpenContext) -> None:
    """Markup in a name is shown as it was written, and never run."""
    page, _ = await open_live(await context(), shop, "/materials/")
    name = "<img src=x onerror=\"document.title='owned'\">"
    [(material,)] = shop.sql("SELECT max(id) FROM catalogue_material WHERE NOT archived")
    shop.sql("UPDATE catalogue_material SET name = %s WHERE id = %s", name, material)
    await expect(page.locator(f'tr[data-key="{material}"] [data-cell=name]')).to_have_text(name, timeout=AT_ONCE)
    assert await page.title() == "Materials · Tideline"


REBAR_IN_HAM = """
    SELECT s.id FROM stock_stocklevel s JOIN catalogue_material m ON m.id = s.material_id
    JOIN stock_warehouse w ON w.id = s.warehouse_id
    WHERE w.code = 'HAM' AND concat_ws(' ', m.name, m.form, m.grade, m.category) ILIKE '%rebar%'
    ORDER BY s.on_hand DESC, s.id"""


async def test_filter_and_sort_survive_updates(shop: Shop, context: OpenContext) -> None:
    """Rows come and go as they begin and cease to match, stay in order, and a reload keeps the choice."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/stock/")
    await page.get_by_role("searchbox").fill("rebar")
    await page.get_by_role("radio", name="HAM").check(force=True)
    await page.get_by_role("button", name="On hand").click()
    keys = [str(key) for (key,) in shop.sql(REBAR_IN_HAM)]
    assert 1 < len(keys) < 40
    await shows(page, keys)
    everything = await page.locator("[data-count]").inner_text()
    assert await page.locator("th[data-sort=on_hand]").get_attribute("aria-sort") == "descending"

    shop.sql("UPDATE stock_stocklevel SET on_hand = 99999999 WHERE id = %s", int(keys[-1]))
    await shows(page, [keys[-1], *keys[:-1]])

    [(material, name)] = shop.sql(
        "SELECT m.id, m.name FROM catalogue_material m JOIN stock_stocklevel s ON s.material_id = m.id WHERE s.id = %s",
        int(keys[0]),
    )
    shop.sql("UPDATE catalogue_material SET name = 'Something else', category = 'X', form = '' WHERE id = %s", material)
    await expect(page.locator(f'tr[data-key="{keys[0]}"]')).to_have_count(0, timeout=AT_ONCE)
    shop.sql("UPDATE catalogue_material SET name = %s WHERE id = %s", name, material)
    await expect(page.locator(f'tr[data-key="{keys[0]}"]')).to_have_count(1, timeout=AT_ONCE)
    await shows(page, [keys[-1], *keys[:-1]])
    assert await page.locator("[data-count]").inner_text() == everything

    await page.reload()
    await live(page)
    await shows(page, [keys[-1], *keys[:-1]])
    await page.get_by_role("button", name="Reset").click()
    await expect(page.locator("[data-rows] tr")).to_have_count(
        shop.sql("SELECT count(*) FROM stock_stocklevel")[0][0], timeout=AT_ONCE
    )


async def shows(page: Page, keys: list[str]) -> None:
    """Wait until these rows are on the screen, in this order; drawing follows a click or a change by some frames."""
    rows = page.locator("[data-rows] tr")

    async def drawn() -> bool:
        shown = await rows.evaluate_all("rows => rows.map((row) => row.dataset.key)")
        return bool(shown == keys)

    await soon(drawn, AT_ONCE / 1000, what=f"the rows {keys}, in this order")


async def test_low_stock_stands_out(shop: Shop, context: OpenContext) -> None:
    """A row that falls below its reorder level is marked at once, and counted."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/stock/")
    [(level, keep)] = shop.sql(
        """SELECT id, reorder_below FROM stock_stocklevel
           WHERE on_hand - reserved > reorder_below AND reorder_below > 1 ORDER BY id DESC LIMIT 1"""
    )
    row = page.locator(f'tr[data-key="{level}"]')
    await expect(row).to_have_attribute("data-level", "fine")
    low = int((await page.locator("[data-figure=low]").inner_text()).replace(",", ""))
    shop.sql("UPDATE stock_stocklevel SET on_hand = reserved + %s WHERE id = %s", keep / 2, level)
    await expect(row).to_have_attribute("data-level", "low", timeout=AT_ONCE)
    await expect(row.locator("[data-cell=badge]")).to_have_text("Low")
    await expect(page.locator("[data-figure=low]")).to_have_text(f"{low + 1:,}", timeout=AT_ONCE)
    shop.sql("UPDATE stock_stocklevel SET on_hand = reserved WHERE id = %s", level)
    await expect(row.locator("[data-cell=badge]")).to_have_text("Out", timeout=AT_ONCE)
    await page.locator("[data-figure-low]").click()
    await expect(page.locator('[data-rows] tr[data-level="fine"]')).to_have_count(0)
    await expect(row).to_be_visible()
