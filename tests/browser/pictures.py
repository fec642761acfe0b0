"""Take the README's pictures from the running product.

    make run                                  (in another terminal; wait a minute, so that there was some trade)
    .venv/bin/python -m tests.browser.pictures [http://127.0.0.1:8000 [name …]]

They go to docs/pictures/, as PNG files of at most 300 KB.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from core.demo.people import PASSWORD
from tests.browser.conftest import FLAGS
from tests.support.chromium import ADVICE, chromium_path

FOLDER = Path(__file__).resolve().parents[2] / "docs/pictures"
MOST_BYTES = 300 * 1024


@dataclass(frozen=True)
class Picture:
    """A page as someone sees it; `follow` is a link of the page to go on by, `seconds` a wait for some trade."""

    name: str
    user: str
    path: str
    width: int
    height: int
    scheme: str = "light"
    scale: float = 1.25
    seconds: int = 8
    follow: str = ""


PICTURES = (
    Picture("stock", "staff", "/stock/?sort=updated.down", 1440, 900, seconds=50),
    Picture("stock-dark", "staff", "/stock/?sort=updated.down", 1440, 900, scheme="dark", seconds=50),
    Picture("orders", "staff", "/orders/", 1440, 900),
    Picture("order", "customer1", "/orders/?sort=updated.down", 1440, 800, follow="tbody tr a"),
    Picture("stock-phone", "staff", "/stock/?sort=updated.down", 390, 844, scale=1.5),
)


async def take(browser: Browser, base: str, picture: Picture) -> None:
    """Take one picture, at a moment when something has just changed."""
    context = await browser.new_context(
        base_url=base,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        device_scale_factor=picture.scale,
    )
    page = await context.new_page()
    await page.goto(f"/sign-in/?next={picture.path.replace('&', '%26')}")
    await page.get_by_label("User name").fill(picture.user)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_selector("body[data-connection=live] main[data-stage=ready]")
    if picture.follow:
        await page.locator(picture.follow).first.click()
        await page.wait_for_selector("body[data-connection=live] main[data-stage=ready] [data-events] li")
    else:
        await settle(page, picture.seconds)
    file = FOLDER / f"{picture.name}.png"
    await page.screenshot(path=file)
    await context.close()
    print(f"{file.name}: {file.stat().st_size // 1024} KB")
    if file.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{file} is larger than {MOST_BYTES // 1024} KB: lower its scale")


async def settle(page: Page, seconds: int) -> None:
    """Let the last minute's figures fill for a while, then wait for a change on the screen."""
    await page.wait_for_timeout(seconds * 1000)
    await page.wait_for_selector("tbody tr:nth-child(-n + 6) [data-changed]", state="attached")
    await page.wait_for_timeout(150)


async def main(base: str = "http://127.0.0.1:8000", *names: str) -> None:
    """Take these pictures (without names: all) of the product at this address."""
    path = chromium_path()
    if path is None:
        raise SystemExit(ADVICE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        for picture in PICTURES:
            if not names or picture.name in names:
                await take(browser, base, picture)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
