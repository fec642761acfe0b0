"""The product on a stock server whose `send` waits: uvicorn. What holds on every edge stands in the other modules."""

import threading
from collections.abc import Callable
from urllib.request import urlopen

import pytest

from core.stock.models import Warehouse
from tests.conftest import Edge, RunningServer
from tests.support.caller import Caller
from tests.support.databases import Database
from tests.support.people import sign_in, staff
from tests.support.processes import Process
from tests.support.waiting import eventually

ROWS = 400
UPDATES = 400
"""Each of all rows, some 40 KB: more than the kernel and the server's buffer take for one client."""


@pytest.mark.parametrize("edge", [Edge.UVICORN], indirect=True, ids=["uvicorn"])
def test_a_stalled_client_stops_nobody_where_send_waits(
    server_process: Callable[..., RunningServer], relay_process: Callable[..., Process], database: Database
) -> None:
    """While one client's `send` waits, the others get every update; when it reads again it has the latest state."""
    relay_process()
    server = server_process(DJANGO_SETTINGS_MODULE="tests.support.patient_settings")
    session = sign_in(staff())
    Warehouse.objects.bulk_create(Warehouse(code=f"W{n}", name="n" * 60) for n in range(ROWS))
    with Caller(server.ws_url, session=session) as stalls, Caller(server.ws_url, session=session) as reads:
        stalls.subscribe("stock")
        reads.subscribe("stock")
        writing = threading.Thread(target=update_everything, args=(database,))
        writing.start()
        last = {str(UPDATES - 1)}
        reads.until(lambda: {row["city"] for row in reads.rows("stock").values()} == last, 120)
        writing.join()
        # It is still stalled: the other did not wait for it.
        eventually(lambda: held_up(server) > 0)
        assert reads.ask(type="ping")["type"] == "pong"
        stalls.until(lambda: stalls.known.position["stock"] == reads.known.position["stock"], 60)
        assert stalls.rows("stock") == reads.rows("stock")
        assert len(stalls.frames) < len(reads.frames)


def update_everything(database: Database) -> None:
    """Change every row again and again, each time in a transaction of its own."""
    with database.connect() as writer:
        for n in range(UPDATES):
            writer.execute("UPDATE stock_warehouse SET city = %s", (str(n),))


def held_up(server: RunningServer) -> float:
    """Return how often the server has held changes back because a client did not take them."""
    with urlopen(f"{server.url}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('realtime_session_held_total{reason="congested"}'):
                return float(line.split()[-1])
    return 0.0
