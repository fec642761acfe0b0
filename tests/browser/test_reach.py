"""Pages for everyone: by keyboard, by screen reader, on a phone, without motion, and under the strict policy."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.shop import Shop, open_live, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMELESS = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select")]
    .filter((each) => each.checkVisibility() || each.closest("label")?.checkVisibility())
    .filter((each) => ![each, ...(each.labels ?? [])].some((words) => words.ariaLabel || words.textContent.trim()))
    .map((each) => each.outerHTML)"""
PHONE = {"width": 360, "height": 740}


def paths(shop: Shop) -> list[str]:
    [(number,)] = shop.sql("SELECT number FROM orders_order WHERE NOT archived ORDER BY id DESC LIMIT 1")
    return ["/stock/", "/orders/", "/materials/", f"/orders/{number}/"]


async def test_every_control_has_a_name_and_a_page_one_heading(shop: Shop, context: OpenContext) -> None:
    """What can be used says what it is, also to those who don't see it."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    for path in paths(shop):
        page, _ = await open_live(staff, shop, path)
        assert await page.evaluate(NAMELESS) == [], path
        assert await page.locator("h1").count() == 1
        assert await page.locator("main").count() == 1
        await page.close()


async def test_the_keyboard_is_enough(shop: Shop, context: OpenContext) -> None:
    """Skip to the content, sort and filter without a mouse; where the focus is can be seen."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/stock/")
    await page.keyboard.press("Tab")
    assert await focused(page) == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    while await focused(page) != "On hand kg":
        await page.keyboard.press("Tab")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    await page.keyboard.press("Enter")
    heading = page.locator("th[data-sort=on_hand]")
    await expect(heading).to_have_attribute("aria-sort", "descending")
    await page.keyboard.press("Enter")
    await expect(heading).to_have_attribute("aria-sort", "ascending")


async def focused(page: Page) -> str:
    """The text of what has the focus, in one line."""
    return str(await page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))


async def test_focus_stays_on_a_row_that_moves(shop: Shop, context: OpenContext) -> None:
    """A link keeps the focus while an update carries its row to the top."""
    staff = await context()
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/orders/")
    row = page.locator("[data-rows] tr").nth(7)
    key = await row.get_attribute("data-key")
    link = page.locator(f'tr[data-key="{key}"] a')
    await link.focus()
    shop.sql("UPDATE orders_order SET total = total + 1, updated_at = now() WHERE id = %s", int(str(key)))
    await expect(page.locator("[data-rows] tr").first).to_have_attribute("data-key", str(key))
    await expect(link).to_be_focused()


async def test_nothing_is_wider_than_a_phone(shop: Shop, context: OpenContext) -> None:
    """No page scrolls sideways on a narrow screen, and all of it can be read."""
    staff = await context(viewport=PHONE)
    await sign_in(staff, shop, "staff")
    for path in [*paths(shop), "/sign-in/?next=/stock/"]:
        page = await staff.new_page()
        await page.goto(f"{shop.url}{path}")
        await page.wait_for_selector("main[data-stage=ready], .door-form, main[data-topic]")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        await page.close()


@pytest.mark.parametrize("width", [320, 390, 770, 1180, 1440])
async def test_key_figures_stay_in_their_cards(shop: Shop, context: OpenContext, width: int) -> None:
    """What stands beside another text goes below it where there is no room; nothing hangs over a card's edge."""
    staff = await context(viewport={"width": width, "height": 844})
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/stock/")
    await expect(page.locator("[data-figure=low-action]")).to_be_visible()
    await page.locator("[data-figure=out]").evaluate("element => (element.textContent = 'none out of stock')")
    outside = await page.locator(".figure").evaluate_all(
        """cards => cards.flatMap((card) => {
            const { left, right } = card.getBoundingClientRect();
            const parts = [...card.querySelectorAll("*")].map((part) => [part, part.getBoundingClientRect()]);
            const over = parts.filter(([, box]) => box.width && (box.left < left + 8 || box.right > right - 8));
            return over.map(([part]) => part.outerHTML);
        })"""
    )
    assert outside == []


LOOK_WHEN_IT_CHANGES = """cell => {
    window.seen = new Promise((done) => new MutationObserver(async (_, observer) => {
        observer.disconnect();
        getComputedStyle(cell).backgroundColor;
        const steps = cell.getAnimations().filter((each) => each instanceof CSSTransition);
        await Promise.all(steps.map(({ finished }) => finished));
        done([cell.dataset.changed, getComputedStyle(cell).backgroundColor, cell.getAnimations().length]);
    }).observe(cell, { attributeFilter: ["data-changed"] }));
}"""
"""A transition without motion takes the next frame, and the mark goes by itself after two seconds: on a busy machine
a question from outside may come before the one or after the other."""


async def test_without_motion_a_change_still_shows(shop: Shop, context: OpenContext) -> None:
    """Who asked for less motion gets a steady colour instead of an animation."""
    staff = await context(reduced_motion="reduce")
    await sign_in(staff, shop, "staff")
    page, _ = await open_live(staff, shop, "/stock/")
    [(level,)] = shop.sql("SELECT min(id) FROM stock_stocklevel")
    cell = page.locator(f'tr[data-key="{level}"] td:has([data-cell=on_hand])')
    resting = await cell.evaluate("cell => getComputedStyle(cell).backgroundColor")
    await cell.evaluate(LOOK_WHEN_IT_CHANGES)
    shop.sql("UPDATE stock_stocklevel SET on_hand = on_hand + 5 WHERE id = %s", level)
    changed, colour, animations = await page.evaluate("window.seen")
    assert changed == "rise"
    assert colour != resting
    assert animations == 0
    await expect(cell.locator(".delta")).to_have_text("5")


async def test_the_policy_forbids_what_is_inline(shop: Shop, context: OpenContext) -> None:
    """Pages are served with a policy under which an injected script or style does nothing."""
    page = await (await context(expect=("Content Security Policy", "violates"))).new_page()
    answer = await page.goto(f"{shop.url}/materials/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    await page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.injected = true";
            document.body.append(script);
            const markup = "<p id=styled style='color: red' onclick='window.injected = true'>x</p>";
            document.body.insertAdjacentHTML("beforeend", markup);
            document.getElementById("styled").click();
        }"""
    )
    assert await page.evaluate("window.injected") is None
    assert await page.evaluate("document.getElementById('styled').style.color") == ""
