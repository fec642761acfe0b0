"""The bell as tests look at it, on any page, and what is told so that it rings."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from playwright.async_api import Locator, Page

from tests.browser.shop import Shop


def quiet(shop: Shop) -> None:
    """Take away what has been told so far, so that a test counts its own."""
    shop.sql("UPDATE notifications_notification SET archived = true WHERE NOT archived")
    shop.sql("UPDATE notifications_notificationread SET archived = true WHERE NOT archived")


def bell(page: Page) -> Locator:
    """The bell itself."""
    return page.locator("[data-bell]")


def badge(page: Page) -> Locator:
    """The number of those unread, hidden when there are none."""
    return page.locator("[data-bell-count]")


def toasts(page: Page) -> Locator:
    """What is told in the corner."""
    return page.locator("[data-toasts] li")


def notices(page: Page) -> Locator:
    """The bell's list, once it is open."""
    return page.locator("[data-notices-list] li")


async def hearing(page: Page, seconds: float = 20.0) -> None:
    """Wait until the page's bell is live."""
    await page.wait_for_selector(
        "body[data-connection=live] [data-bell][aria-label*='unread']:not([data-stale])", timeout=seconds * 1000
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said: its status, whether it was a replay, and the body."""

    status: int
    replayed: bool
    body: dict[str, Any]


def push(shop: Shop, token: str, *, idempotency_key: str, **notification: Any) -> Answer:
    """Push a notification as a tool outside does: by curl, or over a bare connection where there is no curl."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": idempotency_key,
    }
    send = _by_curl if shutil.which("curl") else _by_connection
    return send(shop, headers, json.dumps(notification))


def _by_curl(shop: Shop, headers: dict[str, str], body: str) -> Answer:
    given = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    written = '\n{"status": %{http_code}, "replayed": "%header{idempotency-replayed}"}'
    answer = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", *given, "--data", body, "--write-out", written,
         f"{shop.url}/api/v1/notifications"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    content, _, about = answer.stdout.rpartition("\n")
    told = json.loads(about)
    return Answer(told["status"], told["replayed"] == "true", json.loads(content))


def _by_connection(shop: Shop, headers: dict[str, str], body: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=30)
    try:
        connection.request("POST", "/api/v1/notifications", body, headers)
        answer = connection.getresponse()
        replayed = answer.headers.get("Idempotency-Replayed") == "true"
        return Answer(answer.status, replayed, json.loads(answer.read()))
    finally:
        connection.close()
