"""The picture of a run: CPU per delivery of each subject, on a scale where a tenth is as far as tenfold."""

from collections.abc import Sequence
from pathlib import Path

from bench.fanout.targets import CPU
from bench.report import Record

COLOURS = {"steady": "#7aa6c2", "saturated": "#1f4e79", "keyed": "#c9a66b"}


def draw(records: Sequence[Record], path: Path, caption: str) -> None:
    """Write the plot as SVG, of the scenarios that were run."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "tideline", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False})
    costs: dict[str, dict[str, float]] = {}
    for record in records:
        if record.get(CPU):
            costs.setdefault(record["scenario"], {})[record["subject"]] = record[CPU]
    subjects = sorted({name for found in costs.values() for name in found}, key=lambda name: _order(name, costs))
    height = 0.78 / len(costs)
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.16 * (len(costs) + 1) * len(subjects)))
    for place, (scenario, found) in enumerate(costs.items()):
        names = [name for name in subjects if name in found]
        at = [subjects.index(name) + 0.39 - (place + 0.5) * height for name in names]
        widths = [found[name] for name in names]
        bars = axes.barh(at, widths, height=height * 0.92, color=COLOURS[scenario], label=scenario)
        axes.bar_label(bars, [f"{width:,.2f}" for width in widths], padding=3, fontsize=7)
    axes.set_xscale("log")
    axes.set_xlim(right=axes.get_xlim()[1] * 2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(subjects)), subjects)
    axes.set_xlabel("CPU of server and Redis, microseconds per delivery (logarithmic)")
    axes.spines["right"].set_visible(False)
    axes.legend(frameon=False, loc="upper right")
    axes.set_title(caption, fontsize=8, loc="left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _order(name: str, costs: dict[str, dict[str, float]]) -> float:
    return -min(found[name] for found in costs.values() if name in found)
