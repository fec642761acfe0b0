"""Tables on the terminal, and the same rows as JSON."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""One row: names carry their units (`p50_ms`, `changes_per_second`)."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie; nan when there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the median; nan when there are no values."""
    return statistics.median(values) if values else float("nan")


def show(title: str, records: Sequence[Record]) -> None:
    """Print records as a table, a column for each name in order of first appearance."""
    names = list(dict.fromkeys(name for record in records for name in record))
    cells = [[_text(record.get(name, "")) for name in names] for record in records]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(names)]
    print(f"\n{title}")
    print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)))
    print("  ".join("-" * width for width in widths))
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), flush=True)


def save(path: str | None, records: Sequence[Record]) -> None:
    """Write all records to a file as a JSON list, where a path is given."""
    if path:
        Path(path).write_text(json.dumps(list(records), indent=1) + "\n")


def _text(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
