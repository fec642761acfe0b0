"""Pages that stay open while what they depend on goes away and comes back."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenContext
from tests.browser.shop import Shop, live, open_live, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOST = ("ERR_CONNECTION_REFUSED", "WebSocket connection to", "ERR_CONNECTION_RESET")
"""What Chromium itself writes to the console while a server is away."""


async def test_a_server_that_is_killed_and_started_again(shop: Shop, context: OpenContext) -> None:
    """The page says that its rows are old, keeps them, and has what it missed once a server is back."""
    staff = await context(expect=LOST)
    await sign_in(staff, shop, "staff")
    page, frames = await open_live(staff, shop, "/stock/")
    await page.get_by_role("searchbox").fill("rebar")
    await page.evaluate("window.neverReloaded = true")
    [(level,), (other,)] = shop.sql(
        """SELECT s.id FROM stock_stocklevel s JOIN catalogue_material m ON m.id = s.material_id
           WHERE m.name ILIKE '%rebar%' ORDER BY s.id LIMIT 2"""
    )
    cell = page.locator(f'tr[data-key="{level}"] [data-cell=on_hand]')
    before = await cell.inner_text()

    shop.processes[-1].kill()
    await expect(page.locator("[data-connection-word]")).to_have_text("Reconnecting")
    await expect(page.locator("[data-connection-ago]")).to_contain_text("as of")
    await expect(page.locator("[data-outage-title]")).to_have_text("Connection lost.")
    shop.sql("UPDATE stock_stocklevel SET on_hand = 31415 WHERE id = %s", level)
    assert await cell.inner_text() == before
    await expect(page.locator("[data-rows]")).to_have_css("filter", "grayscale(1)")
    frames.clear()

    shop.start_server()
    await live(page, 30)
    await expect(cell).to_have_text("31,415")
    assert any('"resumed"' in frame for frame in frames), "it came back by its cursor"
    assert not any('"snapshot"' in frame for frame in frames)
    await expect(page.locator("[data-outage]")).to_be_hidden()
    shop.sql("UPDATE stock_stocklevel SET on_hand = 27182 WHERE id = %s", other)
    await expect(page.locator(f'tr[data-key="{other}"] [data-cell=on_hand]')).to_have_text("27,182")
    assert await page.get_by_role("searchbox").input_value() == "rebar"
    assert await page.evaluate("window.neverReloaded")


async def test_a_server_that_ends_in_an_orderly_way(shop: Shop, context: OpenContext) -> None:
    """SIGTERM closes with a code that brings the page back to the next server."""
    page, _ = await open_live(await context(expect=LOST), shop, "/materials/")
    shop.processes[-1].stop()
    await expect(page.locator("[data-connection-word]")).to_have_text("Reconnecting")
    shop.start_server()
    await live(page, 30)


async def test_truncate_empties_the_page(shop: Shop, context: OpenContext) -> None:
    """TRUNCATE is a change like any other: the page shows that there is nothing, then what comes."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/orders/")
    with shop.database.connect() as connection:
        connection.execute("TRUNCATE orders_order CASCADE")
        await page.wait_for_selector("main[data-stage=empty]")
        await expect(page.get_by_role("heading", name="No orders yet")).to_be_visible()
        connection.execute(
            """INSERT INTO orders_order (number, status, customer_id, customer_name, total, placed_at, updated_at)
               SELECT 'SO-NEW', 'placed', id, name, 12.50, now(), now() FROM accounts_customer LIMIT 1"""
        )
    await live(page)
    await expect(page.get_by_role("link", name="SO-NEW")).to_be_visible()
