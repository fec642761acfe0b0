"""A product of its own to be looked at: demo data, live trade, and people whom the demo lacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from core.demo.embedded import PostgresServer, ValkeyServer
from tests.browser.shop import Shop, running_shop
from tests.support.databases import Database, administrate
from tests.support.processes import Process

EXTRAS = """
    INSERT INTO accounts_customer (name, city, country) VALUES ('Neuland Bau GmbH', 'Erfurt', 'DE');
    INSERT INTO accounts_user
        (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined, customer_id)
    SELECT new.username, u.password, '', '', '', false, new.username = 'guest', true, now(),
           (SELECT c.id FROM accounts_customer c WHERE c.name = new.buys_for)
    FROM accounts_user u, (VALUES ('newcomer', 'Neuland Bau GmbH'), ('guest', NULL)) new(username, buys_for)
    WHERE u.username = 'staff';
    UPDATE notifications_notification SET archived = true WHERE audience = 'everyone';
"""
"""`newcomer` buys for a customer without orders and was told nothing; `guest` works here until a pose ends that."""


LIVELY_MOVES = 3
"""So many moves of its price, and of its stock, make a material's plot worth looking at."""


@dataclass
class Stage:
    """The running product; a pose may take its server away or change a row, `restore` puts both right again."""

    shop: Shop
    server: Process
    trade: Process

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return self.shop.url

    def take_server_away(self) -> None:
        """End the server as a crash would."""
        self.server.kill()

    def restore(self) -> None:
        """Bring the server, the trade and everyone's rights back."""
        self.trade.thaw()
        self.shop.sql("UPDATE accounts_user SET is_staff = true WHERE username = 'guest'")
        if not self.server.running:
            self.server = self.shop.start_server()

    def clear_newcomer(self) -> None:
        """Take away what the live trade has sold to the newcomer's customer, and told about it; it pauses meanwhile."""
        self.trade.freeze()
        self.shop.sql("UPDATE orders_order SET archived = true WHERE customer_name = 'Neuland Bau GmbH'")
        self.shop.sql(
            """UPDATE notifications_notification SET archived = true WHERE customer_id =
               (SELECT id FROM accounts_customer WHERE name = 'Neuland Bau GmbH')"""
        )

    def lively_material(self) -> str | None:
        """Return the material with the most moves of price and stock; None while there are too few for a plot."""
        found = self.shop.sql(
            """SELECT m.slug, least(count(*) FILTER (WHERE l.kind = 'material'),
                                    count(*) FILTER (WHERE l.kind = 'stocklevel'))
               FROM catalogue_material m
               LEFT JOIN stock_stocklevel s ON s.material_id = m.id
               JOIN realtime_log l ON (l.kind, l.key) IN (('material', m.id::text), ('stocklevel', s.id::text))
               WHERE l.old IS NOT NULL GROUP BY m.slug ORDER BY 2 DESC, 1 LIMIT 1"""
        )
        return str(found[0][0]) if found and found[0][1] >= LIVELY_MOVES else None

    def tell(self, title: str, body: str, level: str, times: int = 1) -> None:
        """Notify everyone who works here."""
        self.shop.sql(
            """INSERT INTO notifications_notification (audience, role, title, body, level)
               SELECT 'role', 'staff', %s, %s, %s FROM generate_series(1, %s)""",
            title,
            body,
            level,
            times,
        )


@contextmanager
def running_product() -> Iterator[Stage]:
    """Yield a product on servers of its own; nothing of it is left afterwards."""
    with TemporaryDirectory(prefix="tideline-pictures-") as name:
        folder = Path(name)
        postgres, valkey = PostgresServer(folder / "postgres"), ValkeyServer(folder / "valkey")
        try:
            postgres.start()
            valkey.start()
            database = Database(postgres, "pictures")
            administrate(postgres, "CREATE DATABASE {name}", name=database.name)
            migration = Shop(database, valkey.url(), folder).command("migrate")
            assert migration.wait(120) == 0, migration.output
            with running_shop(database, valkey.url(), folder) as shop:
                server = shop.processes[-1]
                with database.connect() as connection:
                    connection.execute(EXTRAS.encode())
                yield Stage(shop, server, shop.command("trade"))
        finally:
            valkey.kill()
            postgres.kill()
