"""What capture costs the writers: the same writes with the triggers enabled and disabled, in turn.

One-row autocommit updates by pgbench at 1, 4 and 16 writers; orders placed through the service; and one
UPDATE of 10,000 rows. No relay runs, but in the rows that say so: what is measured is the writers' price.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
from psycopg import sql

from bench.report import Record
from bench.stage import Stage
from core.demo.embedded.binaries import postgres_folder
from tests.support.processes import environment

ROUNDS = 3
BULK_ROWS = 10_000


def set_triggers(stage: Stage, *, enabled: bool) -> None:
    """Switch all capture triggers, and leave an empty inbox."""
    with closing(stage.connect()) as connection:
        triggers = connection.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
        ).fetchall()
        for table, name in triggers:
            switch = "ENABLE ALWAYS" if enabled else "DISABLE"
            connection.execute(
                sql.SQL(f"ALTER TABLE {{}} {switch} TRIGGER {{}}").format(
                    sql.Identifier(str(table)), sql.Identifier(str(name))
                )
            )
        connection.execute("TRUNCATE realtime_inbox")
        connection.execute("VACUUM ANALYZE stock_stocklevel")
        connection.execute("CHECKPOINT")


def updates_per_second(stage: Stage, writers: int, seconds: int) -> float:
    """Return one-row autocommit updates per second by so many writers."""
    with closing(stage.connect()) as connection:
        row = connection.execute("SELECT min(id), max(id) FROM stock_stocklevel").fetchone()
    assert row is not None
    script = stage.folder / "update.sql"
    script.write_text(
        f"\\set id random({row[0]}, {row[1]})\n"
        "UPDATE stock_stocklevel SET on_hand = on_hand + 1, updated_at = now() WHERE id = :id;\n"
    )
    url = stage.postgres.url("bench")
    argv = [str(postgres_folder() / "pgbench"), "-n", "-M", "prepared", "-c", str(writers), "-j", "2"]
    done = subprocess.run(
        [*argv, "-T", str(seconds), "-f", str(script), url], capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


def orders_per_second(stage: Stage, writers: int, seconds: int) -> float:
    """Return orders placed per second through the service, by so many writers in two processes."""
    argv = [sys.executable, "-m", "bench.orderer", str(max(1, writers // 2)), str(seconds)]
    variables = environment(**{**stage.variables, "DJANGO_SETTINGS_MODULE": "core.settings"})
    count = 1 if writers == 1 else 2
    running = [
        subprocess.Popen([*argv, str(number)], env=variables, stdout=subprocess.PIPE, text=True)
        for number in range(count)
    ]
    outputs = [process.communicate()[0] for process in running]
    return sum(float(json.loads(output)) for output in outputs)


def bulk_seconds(stage: Stage) -> float:
    """Return the seconds that one UPDATE of 10,000 rows takes; the median of five after one."""
    with closing(stage.connect()) as connection:
        taken = []
        for _ in range(6):
            connection.execute("VACUUM stock_stocklevel")
            start = time.perf_counter()
            connection.execute("UPDATE stock_stocklevel SET on_hand = on_hand + 1 WHERE id <= %s", [_bound(connection)])
            taken.append(time.perf_counter() - start)
        return statistics.median(taken[1:])


def fill(stage: Stage) -> None:
    """Bring the stock table to at least 10,000 rows, with warehouses of its own."""
    with closing(stage.connect()) as connection:
        connection.execute(
            "INSERT INTO stock_warehouse (code, name, city) SELECT 'B' || n, 'Bench ' || n, 'Bench' "
            "FROM generate_series(1, 130) n"
        )
        connection.execute(
            "INSERT INTO stock_stocklevel (material_id, warehouse_id, on_hand, reserved, reorder_below, updated_at) "
            "SELECT m.id, w.id, 100000, 0, 10, now() FROM catalogue_material m CROSS JOIN stock_warehouse w "
            "WHERE w.city = 'Bench' LIMIT %s",
            [BULK_ROWS],
        )


def _bound(connection: "psycopg.Connection[tuple[object, ...]]") -> object:
    row = connection.execute(
        "SELECT max(id) FROM (SELECT id FROM stock_stocklevel ORDER BY id LIMIT %s) s", [BULK_ROWS]
    ).fetchone()
    assert row is not None
    return row[0]


def run(stage: Stage, seconds: int) -> list[Record]:
    """Return a record for each kind of write, with the plain figure, the captured one and what is lost."""
    fill(stage)
    records = []
    for writers in (1, 4, 16):
        records.append(_compare(stage, f"one-row update, {writers} writers", writers, seconds, updates_per_second))
    for writers in (1, 4, 16):
        records.append(_compare(stage, f"order placed, {writers} writers", writers, seconds, orders_per_second))
    plain, captured = [], []
    for _ in range(ROUNDS):
        set_triggers(stage, enabled=False)
        plain.append(bulk_seconds(stage))
        set_triggers(stage, enabled=True)
        captured.append(bulk_seconds(stage))
    a, b = statistics.median(plain), statistics.median(captured)
    records.append(
        {"write": f"UPDATE of {BULK_ROWS:,} rows", "plain_ms": a * 1000, "captured_ms": b * 1000, "times_plain": b / a}
    )
    return records


def _compare(
    stage: Stage, name: str, writers: int, seconds: int, measure: Callable[[Stage, int, int], float]
) -> Record:
    plain, captured = [], []
    for _ in range(ROUNDS):
        set_triggers(stage, enabled=False)
        plain.append(measure(stage, writers, seconds))
        set_triggers(stage, enabled=True)
        captured.append(measure(stage, writers, seconds))
    a, b = statistics.median(plain), statistics.median(captured)
    return {"write": name, "plain_per_second": a, "captured_per_second": b, "fewer_percent": 100 * (1 - b / a)}
