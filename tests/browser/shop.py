"""The whole product for the browser tests: database, relay and server as real processes, with the demo's data."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, WebSocket

from core.demo.people import PASSWORD
from tests.support.databases import Database
from tests.support.ports import free_port
from tests.support.processes import Process, environment, manage


@dataclass
class Shop:
    """A running product; `server` may be killed and started again on the same port."""

    database: Database
    redis_url: str
    logs: Path
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)
    server: Process = field(init=False)

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str) -> Process:
        """Start a management command on the shop's database."""
        env = environment(
            DATABASE_URL=self.database.url,
            REDIS_URL=self.redis_url,
            DEMO="1",
            DEPLOYMENT=f"browser-{self.port}",
        )
        log = self.logs / f"{arguments[0]}-{len(self.processes)}.log"
        process = Process(manage(*arguments), env=env, log=log)
        self.processes.append(process)
        return process

    def start_server(self) -> Process:
        """Start a server, and return when it takes connections."""
        self.server = self.command("serve", "--host", "127.0.0.1", "--port", str(self.port))
        self.server.wait_for("Tideline on http", 60)
        return self.server

    def make_key(self, name: str) -> str:
        """Make an API key for pushing notifications, as an operator would; return its token."""
        made = self.command("api_key", "create", name, "--scope", "notifications:write")
        assert made.wait(60) == 0, made.output
        return made.wait_for(r"^tl_\S+$").group()

    def join(self, username: str, *, like: str, roles: Sequence[str] = ()) -> None:
        """Add a person with the password of `like`, who works here or buys for the same customer as they do."""
        self.sql(
            """INSERT INTO accounts_user (username, password, is_staff, customer_id, is_active, is_superuser,
                                          first_name, last_name, email, date_joined)
               SELECT %s, password, is_staff, customer_id, true, false, '', '', '', now()
               FROM accounts_user WHERE username = %s""",
            username,
            like,
        )
        self.sql(
            """INSERT INTO accounts_user_groups (user_id, group_id)
               SELECT u.id, g.id FROM accounts_user u, auth_group g WHERE u.username = %s AND g.name = ANY(%s)""",
            username,
            list(roles),
        )

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement, as psql would; return its rows."""
        return self.database.execute(query, *parameters)


@contextmanager
def running_shop(database: Database, redis_url: str, logs: Path) -> Iterator[Shop]:
    """Yield a shop with demo data, a relay and a server; nothing of it is left afterwards."""
    shop = Shop(database, redis_url, logs)
    try:
        assert shop.command("seed").wait(60) == 0, shop.processes[-1].output
        shop.command("relay")
        shop.start_server()
        yield shop
    finally:
        for process in shop.processes:
            process.clean_up()


async def sign_in(context: BrowserContext, shop: Shop, username: str) -> None:
    """Sign in through the form."""
    page = await context.new_page()
    await page.goto(f"{shop.url}/sign-in/")
    await page.get_by_label("User name").fill(username)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_selector("main[data-topic]")
    await page.close()


async def sign_out(page: Page) -> None:
    """Sign out by the menu of who is signed in; return when the server has done so."""
    await page.get_by_role("button", name="Account of").click()
    async with page.expect_response(lambda answer: answer.url.endswith("/sign-out/")):
        await page.get_by_role("button", name="Sign out").click()


async def open_live(context: BrowserContext, shop: Shop, path: str) -> tuple[Page, list[str]]:
    """Open a page that is live; return it with the list into which its WebSockets' frames go."""
    page = await context.new_page()
    frames: list[str] = []

    def record(socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: frames.append(str(payload)))

    page.on("websocket", record)
    await page.goto(f"{shop.url}{path}")
    await live(page)
    return page, frames


async def live(page: Page, seconds: float = 30.0) -> None:
    """Wait until the page says that it is live and shows rows."""
    await page.wait_for_selector("body[data-connection=live] main[data-stage=ready]", timeout=seconds * 1000)
