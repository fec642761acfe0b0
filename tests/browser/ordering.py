"""Orders for a test to work on, whatever the weekday has left of each status in the demo's data."""

from tests.browser.shop import Shop

WAY = ("placed", "paid", "picking", "shipped", "delivered")
"""The statuses of an order that nobody cancels."""


def some_order(shop: Shop, status: str) -> tuple[int, str, str]:
    """Id and number of an order in this status, put to the top of its column, and a user who buys for its customer.

    Where none has this status (nobody picks on a Sunday), the newest of those before it is brought there.
    """
    way = list(WAY[: WAY.index(status) + 1])
    [(order, reached)] = shop.sql(
        """SELECT id, array_position(%s, status::text) FROM orders_order
           WHERE NOT archived AND status = ANY(%s) ORDER BY 2 DESC, 1 DESC LIMIT 1""",
        way,
        way,
    )
    take_steps(shop, order, *way[reached:])
    [(number, user)] = shop.sql(
        """UPDATE orders_order o SET promised_at = now() + interval '1 hour' FROM accounts_user u
           WHERE u.customer_id = o.customer_id AND u.username ~ '^customer[0-9]+$' AND o.id = %s
           RETURNING o.number, u.username""",
        order,
    )
    return order, number, user


def take_steps(shop: Shop, order: int, *statuses: str) -> None:
    """Move an order through these statuses in one transaction, as a program of another house would."""
    with shop.database.connect(autocommit=False) as connection:
        for status in statuses:
            connection.execute("UPDATE orders_order SET status = %s WHERE id = %s", [status, order])
            connection.execute(
                "INSERT INTO orders_orderevent (order_id, kind, actor, at) VALUES (%s, %s, 'psql', clock_timestamp())",
                [order, status],
            )
        connection.commit()
