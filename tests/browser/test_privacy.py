"""Who sees what, judged by what is on the screen and by the frames that reached the browser."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.shop import Shop, open_live, sign_in, sign_out

pytestmark = pytest.mark.asyncio(loop_scope="session")

WITHIN = 2_000
"""Milliseconds within which a lost right ends what rested on it."""


def customer_of(shop: Shop, username: str) -> tuple[int, str]:
    [(customer, name)] = shop.sql(
        "SELECT c.id, c.name FROM accounts_customer c JOIN accounts_user u ON c.id = u.customer_id WHERE username = %s",
        username,
    )
    return customer, name


def orders_of(shop: Shop, username: str) -> list[tuple[int, str]]:
    rows = shop.sql(
        """SELECT o.id, o.number FROM orders_order o JOIN accounts_user u ON u.customer_id = o.customer_id
           WHERE u.username = %s AND NOT o.archived ORDER BY o.id DESC""",
        username,
    )
    return [(order, number) for order, number in rows]


async def open_anyway(page: Page, shop: Shop, path: str) -> list[str]:
    """Open a page that may not show rows; return the list into which its frames go."""
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda payload: frames.append(str(payload))))
    await page.goto(f"{shop.url}{path}")
    return frames


async def test_a_customer_never_sees_the_order_of_another(shop: Shop, context: OpenContext) -> None:
    """Not on the list, not by its address, and not in any frame; an order that is not there looks the same."""
    (theirs, number), *_ = orders_of(shop, "customer1")
    buyer = await context()
    await sign_in(buyer, shop, "customer2")
    mine, frames = await open_live(buyer, shop, "/orders/")
    by_address, nowhere = await buyer.new_page(), await buyer.new_page()
    more = await open_anyway(by_address, shop, f"/orders/{number}/")
    most = await open_anyway(nowhere, shop, "/orders/SO-404/")
    for page in (by_address, nowhere):
        await expect(page.get_by_role("heading", name="No such order")).to_be_visible()
    (own, _), *_ = orders_of(shop, "customer2")
    shop.sql("UPDATE orders_order SET total = 4711.11 WHERE id = %s", theirs)
    shop.sql("UPDATE orders_order SET total = 1234.56 WHERE id = %s", own)
    await expect(mine.locator(f'tr[data-key="{own}"] [data-cell=total]')).to_have_text("€1,234.56")
    _, name = customer_of(shop, "customer1")
    seen = [frame for frame in [*frames, *more, *most] if number in frame and "unknown_topic" not in frame]
    assert seen == []
    assert not any(name in frame or "4711.11" in frame for frame in [*frames, *more, *most])
    answers = {frame.replace(number, "…").replace("SO-404", "…") for frame in [*more, *most] if '"error"' in frame}
    assert len(answers) == 1
    await expect(mine.locator(f'tr[data-key="{theirs}"]')).to_have_count(0)


@pytest.mark.alone
async def test_an_order_that_is_given_to_another_customer(shop: Shop, context: OpenContext) -> None:
    """It leaves the one's list by its key alone, ends the one's page of it, and appears in the other's list."""
    _, (order, number), *_ = orders_of(shop, "customer1")
    (heir, name) = customer_of(shop, "customer2")
    one, other = await context(), await context()
    await sign_in(one, shop, "customer1")
    await sign_in(other, shop, "customer2")
    list_of_one, frames = await open_live(one, shop, "/orders/")
    page_of_one, page_frames = await open_live(one, shop, f"/orders/{number}/")
    list_of_other, _ = await open_live(other, shop, "/orders/")
    frames.clear()
    page_frames.clear()
    shop.sql("UPDATE orders_order SET customer_id = %s, customer_name = %s WHERE id = %s", heir, name, order)
    await expect(list_of_other.get_by_role("link", name=number)).to_be_visible(timeout=WITHIN)
    await expect(list_of_one.locator(f'tr[data-key="{order}"]')).to_have_count(0, timeout=WITHIN)
    gone = page_of_one.get_by_role("heading", name="This order is no longer shared with you")
    await expect(gone).to_be_visible(timeout=WITHIN)
    await expect(page_of_one.locator("[data-events] li, [data-lines] tr")).to_have_count(0)
    await expect(page_of_one.locator("[data-order=customer]")).to_be_empty()
    assert not any(name in frame for frame in [*frames, *page_frames])
    assert any(f'"key":"{order}","row":null' in frame for frame in frames)


@pytest.mark.alone
async def test_signing_out_ends_the_other_tab(shop: Shop, context: OpenContext) -> None:
    """The other tab's socket closes within two seconds, its rows leave the screen, and it offers to sign in."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    stock, frames = await open_live(staff, shop, "/stock/")
    tab = await staff.new_page()
    await tab.goto(f"{shop.url}/materials/")
    await sign_out(tab)
    await expect(stock.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=WITHIN)
    await expect(stock.locator("[data-connection-word]")).to_have_text("Signed out")
    await expect(stock.locator("[data-rows] tr")).to_have_count(0)
    frames.clear()
    shop.sql("UPDATE stock_stocklevel SET on_hand = on_hand + 1 WHERE id = (SELECT min(id) FROM stock_stocklevel)")
    await stock.evaluate("new Promise((done) => setTimeout(done, 500))")
    assert frames == []
    await stock.get_by_role("link", name="Sign in").click()
    await expect(stock).to_have_url(f"{shop.url}/sign-in/?next=/stock/")


async def test_pages_lead_people_to_where_they_may_be(shop: Shop, context: OpenContext) -> None:
    """Strangers are asked to sign in and led on; customers are kept from the stock, by page and by topic."""
    stranger = await (await context()).new_page()
    await stranger.goto(f"{shop.url}/")
    await expect(stranger).to_have_url(f"{shop.url}/materials/")
    await stranger.goto(f"{shop.url}/orders/")
    await expect(stranger).to_have_url(f"{shop.url}/sign-in/?next=/orders/")
    await stranger.get_by_label("User name").fill("customer3")
    await stranger.get_by_label("Password").fill("wrong")
    await stranger.keyboard.press("Enter")
    await expect(stranger.get_by_role("alert")).to_be_visible()
    await stranger.get_by_label("Password").fill("demo-only")
    await stranger.keyboard.press("Enter")
    await expect(stranger).to_have_url(f"{shop.url}/orders/")

    buyer = await context(expect=("403",))
    await sign_in(buyer, shop, "customer3")
    page = await buyer.new_page()
    answer = await page.goto(f"{shop.url}/stock/")
    assert answer is not None and answer.status == 403
    await page.goto(f"{shop.url}/materials/")
    refusal = await page.evaluate(
        """() => new Promise((done) => import("/static/realtime/client.js").then(({ connect }) => {
            connect("/ws/").subscribe("stock", { onState: ({ state, error }) => done([state, error.code]) });
        }))"""
    )
    assert refusal == ["refused", "forbidden"]
