"""The three faces, with several people at once: tools ring the bell, staff ship and watch stock, customers watch.

What one face does by itself stands in test_bell, test_order_face and test_stock_face; how people's pages live through
outages and the end of a sign-in in test_faces_apart.
"""

import re
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.ordering import some_order, take_steps
from tests.browser.ringing import badge, bell, hearing, notices, push, quiet, toasts
from tests.browser.shop import Shop, open_live, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 20_000
"""Milliseconds from the commit to the screen after which a change counts as lost: the machine may be busy."""


async def someone(context: OpenContext, shop: Shop, username: str) -> BrowserContext:
    """Sign somebody in on a device of their own."""
    device = await context()
    await sign_in(device, shop, username)
    return device


async def looking(device: BrowserContext, shop: Shop, path: str) -> tuple[Page, list[str]]:
    """Open a page with its bell; return it with the list into which the frames go."""
    page, frames = await open_live(device, shop, path)
    await hearing(page)
    return page, frames


async def test_curl_rings_the_bell_of_those_it_is_for(shop: Shop, context: OpenContext) -> None:
    """Once on each page of the role's people, and on nobody else's; what one reads here is read on their devices."""
    quiet(shop)
    shop.join("stocker", like="staff", roles=["warehouse"])
    token = shop.make_key("scales")
    desk, phone = await someone(context, shop, "staff"), await someone(context, shop, "staff")
    tab, _ = await looking(desk, shop, "/stock/")
    other_tab, _ = await looking(desk, shop, "/orders/")
    mobile, _ = await looking(phone, shop, "/materials/")
    colleague, _ = await looking(await someone(context, shop, "stocker"), shop, "/stock/")
    buyer, heard = await looking(await someone(context, shop, "customer1"), shop, "/orders/")
    outsider, overheard = await looking(await someone(context, shop, "admin"), shop, "/stock/")

    key, title = str(uuid4()), "Scale 3 is out of order"
    asked = {"to": {"role": "warehouse"}, "title": title, "body": "Use scale 4.", "level": "warning", "link": "/stock/"}
    made = push(shop, token, idempotency_key=key, **asked)
    assert (made.status, made.replayed) == (201, False)
    for page in (tab, other_tab, mobile, colleague):
        await expect(toasts(page)).to_have_count(1, timeout=AT_ONCE)
        await expect(toasts(page)).to_contain_text(title)
        await expect(badge(page)).to_have_text("1")

    again = push(shop, token, idempotency_key=key, **asked)
    assert (again.status, again.replayed, again.body) == (201, True, made.body)
    assert shop.sql("SELECT id, audience FROM notifications_notification WHERE title = %s", title) == [
        (made.body["id"], "role")
    ]
    push(shop, token, idempotency_key=str(uuid4()), to="everyone", title="Stocktaking on Friday")
    for page in (tab, other_tab, mobile, colleague):
        await expect(badge(page)).to_have_text("2", timeout=AT_ONCE)
    for page in (buyer, outsider):
        await expect(toasts(page)).to_have_text([re.compile("Stocktaking on Friday")], timeout=AT_ONCE)
        await expect(badge(page)).to_have_text("1")
    assert not any(title in frame for frame in [*heard, *overheard])

    await bell(tab).click()
    await expect(notices(tab)).to_have_count(2)
    await notices(tab).get_by_text(title).click()
    for page in (tab, other_tab, mobile):
        await expect(badge(page)).to_have_text("1", timeout=AT_ONCE)
    await bell(mobile).click()
    await expect(notices(mobile).filter(has_text=title)).not_to_have_attribute("data-unread", "")
    await expect(notices(mobile).filter(has_text="Stocktaking")).to_have_attribute("data-unread", "")
    await expect(badge(colleague)).to_have_text("2")
    assert shop.sql(
        """SELECT username FROM notifications_notificationread r JOIN accounts_user u ON u.id = r.user_id
           WHERE notification_id = %s""",
        made.body["id"],
    ) == [("staff",)]


BUYERS = [f"customer{number}" for number in range(1, 13)]


async def test_what_staff_ship_everybody_concerned_sees_go(shop: Shop, context: OpenContext) -> None:
    """Both buyers' timeline, list and bell, another member of staff's board; not what another customer sees."""
    order, number, username = some_order(shop, "picking")
    quiet(shop)
    shop.join("partner", like=username)
    shop.join("seller", like="staff", roles=["sales"])
    board, _ = await looking(await someone(context, shop, "staff"), shop, "/orders/board/")
    other_board, _ = await looking(await someone(context, shop, "seller"), shop, "/orders/board/")
    buyer = await someone(context, shop, username)
    timeline, _ = await looking(buyer, shop, f"/orders/{number}/")
    mine, _ = await looking(buyer, shop, "/orders/")
    partner, _ = await looking(await someone(context, shop, "partner"), shop, f"/orders/{number}/")
    rival = next(name for name in BUYERS if name != username)
    stranger, overheard = await looking(await someone(context, shop, rival), shop, "/orders/")
    entries = await timeline.locator("[data-events] li").count()

    card = f'[data-column="{{}}"] [data-key="{order}"]'
    await board.locator(card.format("picking")).get_by_role("button", name="Ship").click()
    for page in (board, other_board):
        await expect(page.locator(card.format("shipped"))).to_be_visible(timeout=AT_ONCE)
        await expect(page.locator(card.format("picking"))).to_have_count(0)
    for page in (timeline, partner):
        await expect(page.locator("[data-order=status]")).to_have_text("Shipped", timeout=AT_ONCE)
        await expect(page.locator("[data-events] li")).to_have_count(entries + 1)
        await expect(page.locator("[data-order=track] li[data-done]")).to_have_count(4)
    row = mine.locator(f'tr[data-key="{order}"] [data-cell=status]')
    await expect(row).to_have_text("Shipped", timeout=AT_ONCE)
    for page in (timeline, mine, partner):
        await expect(toasts(page)).to_have_count(1, timeout=AT_ONCE)
        await expect(toasts(page)).to_contain_text(f"{number} was shipped")
        await expect(badge(page)).to_have_text("1")

    assert not any(number in frame for frame in overheard)
    await expect(badge(stranger)).to_be_hidden()


async def test_three_steps_of_one_transaction_are_three_for_everyone(shop: Shop, context: OpenContext) -> None:
    """Another program takes three steps at once: each is an entry and a notification, on every page that shows it."""
    order, number, username = some_order(shop, "placed")
    quiet(shop)
    shop.join("associate", like=username)
    buyer = await someone(context, shop, username)
    timeline, _ = await looking(buyer, shop, f"/orders/{number}/")
    mine, _ = await looking(buyer, shop, "/orders/")
    associate, _ = await looking(await someone(context, shop, "associate"), shop, f"/orders/{number}/")
    board, _ = await looking(await someone(context, shop, "staff"), shop, "/orders/board/")
    entries = await timeline.locator("[data-events] li").count()
    take_steps(shop, order, "paid", "picking", "shipped")
    for page in (timeline, associate):
        items = page.locator("[data-events] li")
        await expect(items).to_have_count(entries + 3, timeout=AT_ONCE)
        for index, title in enumerate(("Shipped", "Being picked", "Paid")):
            await expect(items.nth(index).locator("[data-cell=title]")).to_have_text(title)
    await expect(mine.locator(f'tr[data-key="{order}"] [data-cell=status]')).to_have_text("Shipped", timeout=AT_ONCE)
    await expect(board.locator(f'[data-column="shipped"] [data-key="{order}"]')).to_be_visible(timeout=AT_ONCE)
    for page in (timeline, mine, associate):
        await expect(badge(page)).to_have_text("3", timeout=AT_ONCE)
        await expect(toasts(page)).to_have_count(3)


async def test_low_stock_is_told_to_those_who_see_to_it(shop: Shop, context: OpenContext) -> None:
    """By plain SQL: the bell of the role `warehouse` leads to the row; others see it, or nothing, and are not told."""
    quiet(shop)
    shop.join("keeper", like="staff", roles=["warehouse"])
    shop.join("clerk", like="staff")
    keeper, _ = await looking(await someone(context, shop, "keeper"), shop, "/orders/")
    staff, _ = await looking(await someone(context, shop, "staff"), shop, "/stock/")
    clerk, clerk_heard = await looking(await someone(context, shop, "clerk"), shop, "/stock/")
    buyer, buyer_heard = await looking(await someone(context, shop, "customer1"), shop, "/materials/")
    [(level, name)] = shop.sql(
        """SELECT s.id, m.name FROM stock_stocklevel s JOIN catalogue_material m ON m.id = s.material_id
           WHERE s.on_hand - s.reserved > s.reorder_below AND s.reorder_below > 1 ORDER BY m.name, s.id LIMIT 1"""
    )
    shop.sql("UPDATE stock_stocklevel SET on_hand = reserved + reorder_below - 1 WHERE id = %s", level)
    row = f'tr[data-key="{level}"]'
    for page in (keeper, staff):
        await expect(toasts(page)).to_have_count(1, timeout=AT_ONCE)
        await expect(toasts(page)).to_contain_text(f"Low stock: {name}")
    for page in (staff, clerk):
        await expect(page.locator(f"{row} [data-cell=badge]")).to_have_text("Low", timeout=AT_ONCE)
    await expect(staff.locator(f"{row} [data-change]")).to_be_visible()
    await expect(clerk.locator("[data-change], [data-stock-dialog]")).to_have_count(0)

    await bell(keeper).click()
    await notices(keeper).get_by_role("link", name=name).click()
    await expect(keeper).to_have_url(re.compile(r"/stock/\?text="))
    await expect(keeper.locator(f"{row} [data-cell=badge]")).to_have_text("Low", timeout=AT_ONCE)
    await expect(keeper.locator(row)).to_be_in_viewport()
    shop.sql("UPDATE stock_stocklevel SET on_hand = on_hand - 1 WHERE id = %s", level)
    shop.sql(
        "INSERT INTO notifications_notification (audience, title) VALUES ('everyone', 'The office closes at four')"
    )
    for page in (clerk, buyer):
        await expect(toasts(page)).to_contain_text(["The office closes at four"], timeout=AT_ONCE)
        await expect(badge(page)).to_have_text("1")
    assert not any("Low stock" in frame for frame in [*clerk_heard, *buyer_heard])
    await expect(badge(staff)).to_have_text("2", timeout=AT_ONCE)
    told = "SELECT count(*) FROM notifications_notification WHERE title LIKE 'Low stock%%' AND NOT archived"
    assert shop.sql(told) == [(1,)]
