"""The table shows what is broken, and the command ends with 1 for it: each column can turn it red."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.table import (
    SAFETY,
    Outcome,
    broken_promises,
    lengths,
    markdown,
    percentile,
    write_document,
    write_json,
)

GOOD = Outcome(
    fault="server_killed", what="kill -9 of one of the servers", played="server_killed", held_seconds=0.0,
    promised_seconds=5.0, latency_seconds=None, committed=1200, delivered=4000, lost=0, duplicated=0, reordered=0,
    leaked=0, stale_snapshots=0, resumes=99, snapshots_instead=1, recoveries=[0.5, 1.0, 2.0], latencies=[],
    violations=[], took_seconds=4.0,
)  # fmt: skip
ABOUT = {"seed": "7", "commit": "abc"}


def test_a_good_round_breaks_nothing() -> None:
    """All columns 0, recovery in time, nearly all resumes resumed."""
    assert broken_promises([GOOD]) == []


@pytest.mark.parametrize(
    "flaw",
    [
        *({name: 1} for name in SAFETY),
        {"violations": ["I6: rows differ"]},
        {"recoveries": [0.1, 5.1]},
        {"recoveries": [0.1, math.inf]},
        {"latency_seconds": 1.0, "latencies": [1.2]},
        {"resumes": 81, "snapshots_instead": 19},
    ],
    ids=lambda flaw: next(iter(flaw)),
)
def test_each_flaw_is_told(flaw: dict[str, Any]) -> None:
    """One thing wrong in one round, and the promise is broken."""
    assert len(broken_promises([GOOD, replace(GOOD, fault="other", **flaw)])) == 1


def test_each_recovery_has_the_promise_of_its_own_round() -> None:
    """Mixtures promise what the slowest of their faults does."""
    dear = replace(GOOD, promised_seconds=15.0, recoveries=[12.0])
    assert broken_promises([GOOD, dear]) == []
    assert len(broken_promises([dear, replace(GOOD, recoveries=[5.1])])) == 1


def test_lengths() -> None:
    """Pauses are named, random ones are not."""
    assert [lengths(each) for each in ([1.0, 7.0, 30.0], [0.6, 1.0, 2.5, 3.0, 7.3])] == ["1, 7, 30", "0.6 to 7.3"]


def test_percentiles() -> None:
    """The smallest value that so many don't exceed: of few values, the 99th is the largest."""
    values = [float(each) for each in range(1, 201)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [100.0, 198.0, 200.0]
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([], 0.5) == 0.0


def test_the_document_keeps_its_text(tmp_path: Path) -> None:
    """The command writes between the two comments of its section, and nowhere else."""
    document = tmp_path / "GUARANTEES.md"
    document.write_text("# Text\n\n<!-- a: written by the command -->\nold\n<!-- end of a -->\n\nmore\n")
    for _ in range(2):
        write_document("a", markdown([GOOD], ABOUT), document)
    written = document.read_text()
    assert written.startswith("# Text\n\n<!-- a: written by the command -->\n\nseed 7 · commit abc\n\n| fault |")
    assert written.endswith("\n\n<!-- end of a -->\n\nmore\n")
    assert (
        "| `server_killed`: kill -9 of one of the servers | 1 | 1,200 | 4,000 | 0 | 0 | 0 | 0 | 0 | 1 of 100 |"
        in written
    )
    assert written.count("| 1.00 / 2.00 / 2.00 | 5 |") == 1


def test_json_has_every_row(tmp_path: Path) -> None:
    """With what is broken, so that a program needs no second look."""
    write_json(str(tmp_path / "out.json"), [GOOD, replace(GOOD, lost=2)], ABOUT)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["about"] == ABOUT
    assert [(row["fault"], row["times"], row["lost"]) for row in written["rows"]] == [("server_killed", 2, 2)]
    assert written["broken"] == ["server_killed: 2 lost"]
