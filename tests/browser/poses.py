"""What brings a page into the state in which a picture shows it; each waits for the state itself, not for a time."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

from tests.browser.stage import Stage

Pose = Callable[[Page, str, Stage], Awaitable[None]]

READY = "body[data-connection=live] main[data-stage]:not([data-stage=loading])"
TRADE_MS = 25_000
"""How long some trade is waited for: figures of the last minute fill meanwhile."""
DRAWN_MS = 600
"""Whatever slides or fades is where it belongs by then; there is nothing else to wait for."""


async def settled(page: Page, path: str, stage: Stage) -> None:
    """The page as it is once it has come to rest."""
    await page.goto(path)
    await page.wait_for_load_state("load")
    await page.wait_for_timeout(3 * DRAWN_MS)


async def live(page: Page, path: str, stage: Stage) -> None:
    """The page with its rows, live."""
    await page.goto(path)
    await page.wait_for_selector(READY)
    await page.wait_for_timeout(DRAWN_MS)


async def busy(page: Page, path: str, stage: Stage) -> None:
    """The page after some trade, at the moment of a change."""
    await live(page, path, stage)
    await page.wait_for_timeout(TRADE_MS)
    await page.wait_for_selector("tbody tr [data-changed]", state="attached")


async def loading(page: Page, path: str, stage: Stage) -> None:
    """The page before a server has answered."""
    await page.route_web_socket("**/ws/", lambda socket: None)
    await page.goto(path)
    await page.wait_for_selector("main[data-stage=loading] .skeleton")


async def filtered(page: Page, path: str, stage: Stage) -> None:
    """The page with a filter that nothing matches."""
    await page.goto(path)
    await page.wait_for_selector("main[data-stage=filtered]")


async def empty(page: Page, path: str, stage: Stage) -> None:
    """The page of someone for whom there is nothing."""
    stage.clear_newcomer()
    await page.goto(path)
    await page.wait_for_selector("body[data-connection=live] main[data-stage=empty]")
    await page.wait_for_timeout(DRAWN_MS)


async def told(page: Page, path: str, stage: Stage) -> None:
    """The page that says why it shows no rows."""
    await page.goto(path)
    await page.wait_for_selector("main .panel:visible")


async def away(page: Page, path: str, stage: Stage) -> None:
    """The page while the server is away."""
    await live(page, path, stage)
    stage.take_server_away()
    await page.wait_for_selector("[data-outage]:visible")
    await page.wait_for_timeout(DRAWN_MS)


async def offline(page: Page, path: str, stage: Stage) -> None:
    """The page on a device without a network."""
    await live(page, path, stage)
    await page.context.set_offline(offline=True)
    stage.take_server_away()
    await page.wait_for_selector("body[data-connection=offline]")
    await page.wait_for_timeout(DRAWN_MS)


async def signed_out(page: Page, path: str, stage: Stage) -> None:
    """The page after signing out in another tab."""
    await live(page, path, stage)
    await page.context.clear_cookies()
    stage.shop.sql("DELETE FROM django_session")
    await page.wait_for_selector("body[data-ended]")


async def revoked(page: Page, path: str, stage: Stage) -> None:
    """The page after the right to it was lost."""
    await live(page, path, stage)
    stage.shop.sql("UPDATE accounts_user SET is_staff = false WHERE username = 'guest'")
    await page.wait_for_selector("main[data-stage=revoked]")
    await page.wait_for_timeout(DRAWN_MS)


async def dialog(page: Page, path: str, stage: Stage) -> None:
    """The page with the dialog of its first row."""
    await live(page, path, stage)
    await page.locator("[data-change]").first.click()
    await page.wait_for_selector("dialog[open]")
    await page.wait_for_timeout(DRAWN_MS)


async def first_order(page: Page, path: str, stage: Stage) -> None:
    """The first order of the list."""
    await live(page, path, stage)
    await page.locator("tbody tr a").first.click()
    await page.wait_for_selector(f"{READY} [data-events] li")
    await page.wait_for_timeout(DRAWN_MS)


async def lively_material(page: Page, path: str, stage: Stage) -> None:
    """The material that the trade has moved most, once that is worth a plot."""
    while (slug := stage.lively_material()) is None:
        await page.wait_for_timeout(1000)
    await page.goto(f"{path}{slug}/")
    await page.wait_for_selector(READY)
    await page.wait_for_timeout(3 * DRAWN_MS)


async def bell(page: Page, path: str, stage: Stage) -> None:
    """The page with its bell open."""
    await live(page, path, stage)
    await page.locator("[data-bell]").click()
    await page.wait_for_selector("[data-notices]:popover-open:not([data-stage=loading])")
    await page.wait_for_timeout(DRAWN_MS)


async def bell_empty(page: Page, path: str, stage: Stage) -> None:
    """The open bell of someone who was told nothing."""
    stage.clear_newcomer()
    await bell(page, path, stage)


async def bell_away(page: Page, path: str, stage: Stage) -> None:
    """The open bell while the server is away."""
    await bell(page, path, stage)
    stage.take_server_away()
    await page.wait_for_selector("[data-notices-as-of]:visible")
    await page.wait_for_timeout(DRAWN_MS)


async def toasts(page: Page, path: str, stage: Stage) -> None:
    """The page as notifications of all levels come in."""
    await live(page, path, stage)
    stage.tell("The night's count is in", "Hamburg Port: 214 levels, two corrected.", "success")
    stage.tell("Scales 3 need calibrating", "Weigh at scales 4 until Monday.", "warning")
    await page.wait_for_selector("[data-toasts] li:nth-child(2)")
    stage.tell("The weighbridge is down", "Duisburg takes no lorries until it is repaired.", "error")
    stage.tell("Canteen closed on Friday", "", "info")
    await page.wait_for_selector("[data-toasts-more]:visible")
    await page.wait_for_timeout(DRAWN_MS)


async def toast_away(page: Page, path: str, stage: Stage) -> None:
    """The page after an absence in which there was some news."""
    await live(page, path, stage)
    stage.take_server_away()
    stage.tell("Stock was counted", "", "info", times=4)
    stage.restore()
    await page.wait_for_selector(".notice-summary")
    await page.wait_for_timeout(DRAWN_MS)


async def account(page: Page, path: str, stage: Stage) -> None:
    """The page with the menu of who is signed in."""
    await live(page, path, stage)
    await page.locator("[data-who]").click()
    await page.wait_for_timeout(DRAWN_MS)


async def wrong_password(page: Page, path: str, stage: Stage) -> None:
    """Signing in with a wrong password."""
    await page.goto(path)
    await _try(page)
    await page.wait_for_selector("[role=alert]")


async def throttled(page: Page, path: str, stage: Stage) -> None:
    """Signing in after too many wrong passwords."""
    await page.goto(path)
    while not await page.locator("[data-wait]").count():
        await _try(page)


async def _try(page: Page) -> None:
    await page.get_by_label("User name").fill("customer9")
    await page.get_by_label("Password").fill("not this one")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_load_state()
