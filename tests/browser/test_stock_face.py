"""The stock's face: changing stock with a reason, what changed lately, and a material's last minutes."""

from decimal import Decimal

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.shop import Shop, live, open_live, sign_in
from tests.support.waiting import soon

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 20_000
"""Milliseconds from the commit to the screen after which a single change counts as lost: the machine may be busy."""

LEVEL = """
SELECT s.id, m.slug, m.name, w.code FROM stock_stocklevel s JOIN catalogue_material m ON m.id = s.material_id
JOIN stock_warehouse w ON w.id = s.warehouse_id WHERE NOT m.archived AND s.on_hand - s.reserved > 100
ORDER BY s.id OFFSET %s LIMIT 1
"""


def a_place(shop: Shop, nth: int) -> tuple[int, str, str, str]:
    """Return id, slug, name and warehouse of the n-th level; it now has 1,000 kg, all available, and 10 are enough."""
    [(level, slug, name, code)] = shop.sql(LEVEL, nth)
    shop.sql("UPDATE stock_stocklevel SET on_hand = 1000, reserved = 0, reorder_below = 10 WHERE id = %s", level)
    return level, slug, name, code


def on_hand(shop: Shop, level: int) -> Decimal:
    """Return what is on hand now."""
    [(amount,)] = shop.sql("SELECT on_hand FROM stock_stocklevel WHERE id = %s", level)
    return Decimal(amount)


async def staff_at(
    shop: Shop, context: OpenContext, path: str = "/stock/", *, complaints: tuple[str, ...] = ()
) -> Page:
    """Open a page as somebody who may change stock; `complaints` are what its console may say."""
    person = await context(expect=complaints)
    await sign_in(person, shop, "staff")
    page, _ = await open_live(person, shop, path)
    return page


def row_of(page: Page, level: int) -> Locator:
    return page.locator(f'tr[data-key="{level}"]')


async def open_dialog(page: Page, level: int, kind: str = "receive") -> Locator:
    """Open the dialog of a row, from the keyboard, for this kind of change."""
    button = row_of(page, level).locator("[data-change]")
    await expect(button).to_be_visible(timeout=AT_ONCE)
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.locator("[data-stock-dialog]")
    await expect(dialog).to_be_visible()
    await dialog.locator(f"input[value={kind}]").check(force=True)
    return dialog


async def test_a_receipt_shows_to_others_with_its_reason(shop: Shop, context: OpenContext) -> None:
    """One receives, with a live preview; the other's row and activity follow; plain SQL is said to be direct."""
    level, _, name, code = a_place(shop, 0)
    one, other = await staff_at(shop, context), await staff_at(shop, context)
    await other.locator("[data-activity-toggle]").click()
    await expect(other.locator("[data-activity]")).to_have_attribute("data-state", "ready", timeout=AT_ONCE)

    await one.bring_to_front()
    dialog = await open_dialog(one, level)
    await dialog.locator("[name=quantity]").fill("12.5")
    await expect(dialog.locator("[data-part=outcome]")).to_have_text("On hand 1,000 → 1,012.5 kg")
    shop.sql("UPDATE stock_stocklevel SET on_hand = on_hand + 500 WHERE id = %s", level)
    await expect(dialog.locator("[data-part=outcome]")).to_have_text("On hand 1,500 → 1,512.5 kg", timeout=AT_ONCE)
    await dialog.locator("[name=reason]").fill("lorry 7")
    await dialog.get_by_role("button", name="Receive", exact=True).click()
    await expect(dialog).to_be_hidden(timeout=AT_ONCE)
    await expect(one.locator("[data-stock-done]")).to_have_text(f"Received 12.5 kg of {name} in {code}.")
    await expect(row_of(one, level).locator("[data-change]")).to_be_focused()

    await other.bring_to_front()
    await expect(row_of(other, level).locator("[data-cell=on_hand]")).to_have_text("1,512.5", timeout=AT_ONCE)
    entry = other.locator("[data-activity-list] > li").filter(has_text="lorry 7")
    await expect(entry).to_contain_text("+12.5 → 1,512.5 kg", timeout=AT_ONCE)
    await expect(entry).to_contain_text("Received by staff: lorry 7")
    direct = other.locator("[data-activity-list] > li").filter(has_text="1,500 kg")
    await expect(direct).to_contain_text("Changed directly", timeout=AT_ONCE)

    # Who comes later reads the same out of the change log.
    late = await staff_at(shop, context)
    await late.locator("[data-activity-toggle]").click()
    entry = late.locator("[data-activity-list] > li").filter(has_text="lorry 7")
    await expect(entry).to_contain_text("Received by staff: lorry 7", timeout=AT_ONCE)


async def test_what_is_wrong_is_said_at_the_field(shop: Shop, context: OpenContext) -> None:
    """At once where no server is needed to know it, else as the server says it; the dialog stays, nothing is done."""
    level, _, _, _ = a_place(shop, 3)
    page = await staff_at(shop, context, complaints=("409",))
    dialog = await open_dialog(page, level, "transfer")
    quantity, error = dialog.locator("[name=quantity]"), dialog.locator("#stock-quantity-error")
    for written, said in (
        ("", "Say how many kilograms."),
        ("1.250,5", "Write a plain number such as 1250.5, without separators."),
        ("0.0001", "three decimals at most"),
        ("0", "more than nothing"),
        ("1000.5", "1000.500 kg are wanted, 1000.000 kg are available"),
    ):
        await quantity.fill(written)
        await dialog.get_by_role("button", name="Transfer", exact=True).click()
        await expect(error).to_contain_text(said, timeout=AT_ONCE)
        await expect(quantity).to_have_attribute("aria-invalid", "true")
        await expect(quantity).to_be_focused()
    assert on_hand(shop, level) == 1000
    await quantity.fill("5")
    await expect(error).to_have_text("")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_goods_move_and_a_threshold_makes_a_row_low(shop: Shop, context: OpenContext) -> None:
    """A transfer changes both rows; a threshold above what is available makes the row low by itself."""
    level, _, _, code = a_place(shop, 5)
    [(target, there)] = shop.sql(
        "SELECT w.code, coalesce(s.on_hand, 0) FROM stock_warehouse w LEFT JOIN stock_stocklevel s"
        " ON s.warehouse_id = w.id AND s.material_id = (SELECT material_id FROM stock_stocklevel WHERE id = %s)"
        " WHERE w.code <> %s LIMIT 1",
        level,
        code,
    )
    page = await staff_at(shop, context)
    dialog = await open_dialog(page, level, "transfer")
    await dialog.locator("[name=target]").select_option(target)
    await dialog.locator("[name=quantity]").fill("400")
    await expect(dialog.locator("[data-part=outcome]")).to_contain_text(f"On hand in {code} 1,000 → 600 kg")
    await dialog.get_by_role("button", name="Transfer", exact=True).click()
    await expect(row_of(page, level).locator("[data-cell=on_hand]")).to_have_text("600", timeout=AT_ONCE)
    [(amount,)] = shop.sql(
        "SELECT s.on_hand FROM stock_stocklevel s JOIN stock_warehouse w ON w.id = s.warehouse_id WHERE w.code = %s"
        " AND s.material_id = (SELECT material_id FROM stock_stocklevel WHERE id = %s)",
        target,
        level,
    )
    assert amount == there + 400

    dialog = await open_dialog(page, level, "threshold")
    await dialog.locator("[name=quantity]").fill("700")
    await expect(dialog.locator("[data-part=outcome]")).to_contain_text("It would be low: 600 kg available")
    await dialog.get_by_role("button", name="Set the threshold").click()
    await expect(row_of(page, level)).to_have_attribute("data-level", "low", timeout=AT_ONCE)


async def test_a_burst_is_a_few_entries_and_a_number(shop: Shop, context: OpenContext) -> None:
    """One statement on every row doesn't fill the panel; the filter of the table holds for the panel too."""
    level, _, name, code = a_place(shop, 1)
    page = await staff_at(shop, context)
    await page.locator("[data-activity-toggle]").click()
    await expect(page.locator("[data-activity]")).to_have_attribute("data-state", "ready", timeout=AT_ONCE)
    [(rows,)] = shop.sql("SELECT count(*) FROM stock_stocklevel")
    shop.sql("UPDATE stock_stocklevel SET on_hand = on_hand + 1")
    more = page.locator("[data-activity-list] > li").filter(has_text="more in the same change").first
    await expect(more).to_have_text(f"and {rows - 6:,} more in the same change", timeout=AT_ONCE)

    await page.locator(f'[data-warehouses] input[value="{code}"]').check(force=True)
    await page.get_by_placeholder("Material, form, grade").fill(name)
    codes = page.locator("[data-activity-list] [data-part=warehouse]")

    async def filtered() -> bool:
        return set(await codes.all_inner_texts()) <= {code}

    await soon(filtered, AT_ONCE / 1000, what="only what the filter shows")
    shop.sql("UPDATE stock_stocklevel SET on_hand = 4321 WHERE id = %s", level)
    await expect(page.locator("[data-activity-list] > li").first).to_contain_text("4,321 kg", timeout=AT_ONCE)


async def test_without_a_connection_nothing_is_sent(shop: Shop, context: OpenContext) -> None:
    """The dialog says that it can't be sent and keeps what was written; it is sent when told to, once."""
    level, _, _, _ = a_place(shop, 7)
    page = await staff_at(shop, context, complaints=("WebSocket", "ERR_"))
    dialog = await open_dialog(page, level)
    await dialog.locator("[name=quantity]").fill("3")
    shop.processes[-1].kill()
    submit = dialog.get_by_role("button", name="Receive", exact=True)
    await expect(submit).to_be_disabled(timeout=AT_ONCE)
    await expect(dialog.locator("[data-part=problem]")).to_contain_text("There is no connection")
    await dialog.locator("[name=quantity]").press("Enter")
    shop.start_server()
    await live(page, 30)
    await expect(submit).to_be_enabled(timeout=AT_ONCE)
    assert on_hand(shop, level) == 1000
    await submit.dblclick()
    await expect(dialog).to_be_hidden(timeout=AT_ONCE)
    await expect(row_of(page, level).locator("[data-cell=on_hand]")).to_have_text("1,003", timeout=AT_ONCE)
    assert on_hand(shop, level) == 1003


async def test_a_material_shows_its_last_minutes_and_goes_on(shop: Shop, context: OpenContext) -> None:
    """Anyone sees the price move, staff the stock too; each plot is put into words that follow."""
    level, slug, _, _ = a_place(shop, 9)
    shop.sql("UPDATE catalogue_material SET price_per_kg = 4 WHERE slug = %s", slug)
    page = await staff_at(shop, context, f"/materials/{slug}/")
    guest, _ = await open_live(await context(), shop, f"/materials/{slug}/")
    for each in (page, guest):
        await expect(each.locator("[data-plot=price]")).to_have_attribute("data-state", "ready", timeout=AT_ONCE)
        await expect(each.locator("[data-plot=price] canvas")).to_be_visible()
    shop.sql("UPDATE catalogue_material SET price_per_kg = 5.25 WHERE slug = %s", slug)
    for each in (page, guest):
        await expect(each.locator("[data-figure=price]")).to_have_text("€5.2500", timeout=AT_ONCE)
        summary = each.locator("[data-plot=price] [data-summary]")
        await expect(summary).to_contain_text("€5.2500 now", timeout=AT_ONCE)
        await expect(summary).to_contain_text("€5.2500.", timeout=AT_ONCE)
    await expect(guest.locator("[data-plot=stock], [data-stock], [data-change]")).to_have_count(0)

    dialog = await open_dialog(page, level, "count")
    await dialog.locator("[name=quantity]").fill("870")
    await dialog.get_by_role("button", name="Set the count").click()
    await expect(row_of(page, level).locator("[data-cell=on_hand]")).to_have_text("870", timeout=AT_ONCE)
    [(total,)] = shop.sql(
        "SELECT sum(on_hand) FROM stock_stocklevel"
        " WHERE material_id = (SELECT material_id FROM stock_stocklevel WHERE id = %s)",
        level,
    )
    words = f"{total.normalize():,f} kg now"
    await expect(page.locator("[data-plot=stock] [data-summary]")).to_contain_text(words, timeout=AT_ONCE)
    await page.get_by_text("15 min").click()
    await expect(page.locator("[data-plot=stock] [data-summary]")).to_contain_text(words, timeout=AT_ONCE)


async def test_filters_in_the_address_outlast_reloads(shop: Shop, context: OpenContext) -> None:
    """Also one before the rows are there: what the address asks for stays in it, and in force."""
    page = await staff_at(shop, context)
    address = f"{shop.url}/stock/?category=Rebar&warehouse=HAM"
    await page.goto(address, wait_until="commit")
    for _ in range(2):
        async with page.expect_navigation(wait_until="commit"):
            await page.evaluate("location.reload()")  # by the page itself: the browser's own may find it not ready yet
    await live(page)
    assert page.url == address
    await expect(page.locator("select[name=category]")).to_have_value("Rebar", timeout=AT_ONCE)
    await expect(page.locator('[data-warehouses] input[value="HAM"]')).to_be_checked()


async def test_who_may_not_change_stock_sees_it_without_buttons(shop: Shop, context: OpenContext) -> None:
    """Staff without the right have the same table, and no dialog in the page."""
    shop.sql("UPDATE accounts_user SET is_staff = true WHERE username = 'customer12'")
    person = await context()
    await sign_in(person, shop, "customer12")
    page, _ = await open_live(person, shop, "/stock/")
    await expect(page.locator("[data-rows] tr").first).to_be_visible(timeout=AT_ONCE)
    await expect(page.locator("[data-change], [data-stock-dialog]")).to_have_count(0)
