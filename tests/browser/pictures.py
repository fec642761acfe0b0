"""Take pictures of every page in its main states, out of a product that is started for it.

    make pictures                   all of them (some minutes)
    make pictures ARGS="stock bell" those whose names begin so

They go to docs/pictures/, as PNG files of at most 300 KB, with an index of them. A page is one line of `PICTURES`;
what brings it into a state (an open dialog, an outage, a refusal) stands in `tests/browser/poses.py`.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, async_playwright

from core.demo.people import PASSWORD
from tests.browser import poses
from tests.browser.conftest import FLAGS
from tests.browser.poses import Pose
from tests.browser.stage import Stage, running_product
from tests.support.chromium import ADVICE, chromium_path

FOLDER = Path(__file__).resolve().parents[2] / "docs/pictures"
MOST_BYTES = 300 * 1024
DESK = (1440, 900)
PHONE = (390, 844)


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as someone (nobody: "") sees it in a pose; `words` say what there is to see."""

    name: str
    words: str
    user: str
    path: str
    pose: Pose = poses.live
    size: tuple[int, int] = DESK
    dark: bool = False
    without_motion: bool = False

    @property
    def file(self) -> Path:
        """Where it goes."""
        return FOLDER / f"{self.name}.png"


PICTURES = (
    Picture("stock", "Stock, live", "staff", "/stock/?sort=updated.down", poses.busy),
    Picture("stock-dark", "Stock, dark", "staff", "/stock/?sort=updated.down", poses.busy, dark=True),
    Picture("stock-phone", "Stock on a phone", "staff", "/stock/?sort=updated.down", poses.busy, PHONE),
    Picture("stock-loading", "Before the first rows are there", "staff", "/stock/", poses.loading),
    Picture("stock-filtered", "Nothing matches the filter", "staff", "/stock/?text=unobtainium", poses.filtered),
    Picture("stock-reconnecting", "The server is away: rows of an earlier moment", "staff", "/stock/", poses.away),
    Picture("stock-offline", "The device is offline", "staff", "/stock/", poses.offline, dark=True),
    Picture("stock-signed-out", "Signed out in another tab", "staff", "/stock/", poses.signed_out),
    Picture("stock-revoked", "The right to see it was lost while looking", "guest", "/stock/", poses.revoked),
    Picture("stock-dialog", "Receiving, counting, transferring", "staff", "/stock/", poses.dialog),
    Picture("stock-dialog-phone", "The same on a phone", "staff", "/stock/", poses.dialog, PHONE, dark=True),
    Picture("orders", "Orders, all of them", "staff", "/orders/"),
    Picture("orders-customer", "Orders of one customer", "customer1", "/orders/", dark=True),
    Picture("orders-phone", "Orders on a phone", "customer1", "/orders/", size=PHONE),
    Picture("orders-empty", "A customer without orders", "newcomer", "/orders/", poses.empty),
    Picture("order", "One order, on its way", "customer1", "/orders/?sort=updated.down", poses.first_order),
    Picture("order-dark", "One order, dark", "customer1", "/orders/?sort=updated.down", poses.first_order, dark=True),
    Picture("order-phone", "One order on a phone", "customer1", "/orders/", poses.first_order, PHONE),
    Picture("order-unknown", "No such order, or somebody else's", "customer1", "/orders/SO-404/", poses.told),
    Picture("board", "The order board", "staff", "/orders/board/", poses.settled),
    Picture("board-dark", "The order board, dark", "staff", "/orders/board/", poses.settled, dark=True),
    Picture("board-phone", "The order board on a phone", "staff", "/orders/board/", poses.settled, PHONE),
    Picture("materials", "Prices, for everyone", "", "/materials/", poses.busy),
    Picture("materials-phone", "Prices on a phone, dark", "", "/materials/", poses.live, PHONE, dark=True),
    Picture("material", "One material: its price and stock over time", "staff", "/materials/", poses.lively_material),
    Picture("material-dark", "One material, dark", "staff", "/materials/", poses.lively_material, dark=True),
    Picture("material-phone", "One material on a phone", "", "/materials/", poses.lively_material, PHONE),
    Picture("bell", "The bell, open", "staff", "/orders/", poses.bell),
    Picture("bell-dark", "The bell, dark", "customer1", "/orders/", poses.bell, dark=True),
    Picture("bell-phone", "The bell on a phone", "customer1", "/orders/", poses.bell, PHONE),
    Picture("bell-empty", "The bell with nothing to tell", "newcomer", "/orders/", poses.bell_empty),
    Picture("bell-stale", "The bell while the server is away", "staff", "/orders/", poses.bell_away),
    Picture("toast", "Notifications that have just come", "staff", "/orders/", poses.toasts),
    Picture("toast-phone", "The same on a phone, dark", "staff", "/orders/", poses.toasts, PHONE, dark=True),
    Picture("toast-away", "What came during an absence is summed up", "staff", "/orders/", poses.toast_away),
    Picture("notifications", "All notifications", "customer1", "/notifications/"),
    Picture("notifications-dark", "All notifications, dark", "staff", "/notifications/", dark=True),
    Picture("notifications-phone", "All notifications on a phone", "customer1", "/notifications/", size=PHONE),
    Picture("notifications-empty", "Nobody has told anything yet", "newcomer", "/notifications/", poses.empty),
    Picture("account", "The menu of who is signed in", "customer1", "/orders/", poses.account),
    Picture("sign-in", "Signing in", "", "/sign-in/", poses.settled),
    Picture("sign-in-dark", "Signing in, dark", "", "/sign-in/", poses.settled, dark=True),
    Picture("sign-in-phone", "Signing in on a phone", "", "/sign-in/", poses.settled, PHONE),
    Picture("sign-in-wrong", "A wrong password", "", "/sign-in/", poses.wrong_password),
    Picture("sign-in-throttled", "Too many wrong passwords", "", "/sign-in/", poses.throttled),
    Picture("password", "Changing the password", "customer1", "/password/", poses.settled),
    Picture("forbidden", "A page for others (403)", "customer1", "/stock/", poses.settled),
    Picture("nowhere", "No such page (404)", "customer1", "/nowhere/", poses.settled, dark=True),
    Picture("api", "The HTTP API, described", "", "/api/docs", poses.settled),
)


async def take(browser: Browser, stage: Stage, picture: Picture) -> None:
    """Take one picture; the stage is as it was before when it is done."""
    context = await browser.new_context(
        base_url=stage.url,
        viewport={"width": picture.size[0], "height": picture.size[1]},
        color_scheme="dark" if picture.dark else "light",
        device_scale_factor=1.25 if picture.size == DESK else 1.5,
    )
    try:
        if picture.user:
            await sign_in(context, picture.user)
        page = await context.new_page()
        await picture.pose(page, picture.path, stage)
        await page.screenshot(path=picture.file)
        if picture.file.stat().st_size > MOST_BYTES:
            await page.screenshot(path=picture.file, scale="css")
    finally:
        await context.close()
        stage.restore()
    size = picture.file.stat().st_size
    print(f"{picture.file.name}: {size // 1024} KB", flush=True)
    if size > MOST_BYTES:
        raise SystemExit(f"{picture.file} is larger than {MOST_BYTES // 1024} KB: make it smaller")


async def sign_in(context: BrowserContext, user: str) -> None:
    """Sign in through the form."""
    page = await context.new_page()
    await page.goto("/sign-in/")
    await page.get_by_label("User name").fill(user)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_selector("main[data-topic]")
    await page.close()


def write_index(pictures: Sequence[Picture]) -> None:
    """Write docs/pictures/README.md: each picture there is, with its words."""
    lines = ["# Pictures", "", "Every page in its main states, taken from the running product by `make pictures`.", ""]
    for each in pictures:
        if each.file.exists():
            lines += [f"## {each.words}", "", f"![{each.words}]({each.file.name})", ""]
    (FOLDER / "README.md").write_text("\n".join(lines))


async def main(*names: str) -> None:
    """Take the pictures whose names begin with one of these (without names: all)."""
    path = chromium_path()
    if path is None:
        raise SystemExit(ADVICE)
    wanted = [each for each in PICTURES if not names or each.name.startswith(names)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = []
    with running_product() as stage:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
            for picture in wanted:
                try:
                    await take(browser, stage, picture)
                except Exception as error:  # noqa: BLE001 - the others are still worth having
                    failed.append(picture.name)
                    print(f"{picture.name}: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
            await browser.close()
    write_index(PICTURES)
    if failed:
        raise SystemExit(f"not taken: {', '.join(failed)}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
