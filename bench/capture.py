"""What capture costs the writers: the same writes with its triggers enabled and disabled, in turn.

One-row autocommit updates by pgbench at 1, 4 and 16 writers; orders placed through the service; and one
UPDATE of 10,000 rows. No relay runs: what is measured is the writers' price.

A machine has slow and fast minutes. Each round therefore measures plain and captured next to each other, every
second one in the other order, and compares the two of a round; the figure is the median of the rounds'.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import psycopg
from psycopg import sql

from bench.report import Record
from bench.stage import Stage
from core.demo.embedded.binaries import postgres_folder
from realtime.adapters.capture import TRIGGERS
from tests.support.processes import environment

ROUNDS = 7
BULK_ROWS = 10_000


def set_triggers(stage: Stage, *, enabled: bool) -> None:
    """Switch the triggers of all captures, no others, and leave an empty inbox."""
    switch = "ENABLE ALWAYS" if enabled else "DISABLE"
    with closing(stage.connect()) as connection:
        triggers = connection.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname = ANY(%s)", [list(TRIGGERS)]
        ).fetchall()
        for table, name in triggers:
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
    rate = next((line for line in done.stdout.splitlines() if line.startswith("tps")), None)
    if rate is None:
        raise SystemExit(f"bench: pgbench finished no transaction in {seconds} s:\n{done.stdout}{done.stderr}")
    return float(rate.split()[2])


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
    """Return the seconds that one UPDATE of 10,000 rows takes; the median of three after one."""
    with closing(stage.connect()) as connection:
        taken = []
        for _ in range(4):
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
    kinds = (("one-row update", updates_per_second), ("order placed", orders_per_second))
    records = [
        _per_second(f"{name}, {writers} writers", _rounds(stage, partial(measure, stage, writers, seconds)))
        for name, measure in kinds
        for writers in (1, 4, 16)
    ]
    return [*records, _times(f"UPDATE of {BULK_ROWS:,} rows", _rounds(stage, partial(bulk_seconds, stage)))]


def _rounds(stage: Stage, measure: Callable[[], float]) -> list[tuple[float, float]]:
    """Return the plain and the captured figure of each round."""
    rounds = []
    for number in range(ROUNDS):
        found = {}
        for enabled in (False, True) if number % 2 == 0 else (True, False):
            set_triggers(stage, enabled=enabled)
            found[enabled] = measure()
        rounds.append((found[False], found[True]))
    return rounds


def _per_second(name: str, rounds: list[tuple[float, float]]) -> Record:
    """Return what capture takes off a rate."""
    fewer = [100 * (1 - captured / plain) for plain, captured in rounds]
    plain, captured = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "write": name,
        "plain_per_second": plain,
        "captured_per_second": captured,
        "fewer_percent": statistics.median(fewer),
        "least_percent": min(fewer),
        "most_percent": max(fewer),
    }


def _times(name: str, rounds: list[tuple[float, float]]) -> Record:
    """Return how many times as long something takes."""
    times = [captured / plain for plain, captured in rounds]
    plain, captured = (1000 * statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "write": name,
        "plain_ms": plain,
        "captured_ms": captured,
        "times_plain": statistics.median(times),
        "least_times": min(times),
        "most_times": max(times),
    }
