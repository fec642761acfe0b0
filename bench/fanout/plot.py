"""The picture of a run: CPU per delivery of each subject, on a scale where a tenth is as far as tenfold."""

from collections.abc import Sequence
from pathlib import Path

from bench.fanout.targets import CPU
from bench.report import Record

COLOURS = {"steady": "#7aa6c2", "saturated": "#1f4e79"}


def draw(records: Sequence[Record], path: Path, caption: str) -> None:
    """Write the plot as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "tideline", "font.size": 9, "axes.spines.top": False})
    costs = {
        scenario: {r["subject"]: r[CPU] for r in records if r["scenario"] == scenario and r.get(CPU, 0) > 0}
        for scenario in COLOURS
    }
    subjects = sorted({name for found in costs.values() for name in found}, key=lambda name: _order(name, costs))
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.42 * len(subjects)))
    for place, (scenario, colour) in enumerate(COLOURS.items()):
        at = [index + 0.19 - 0.38 * place for index in range(len(subjects))]
        widths = [costs[scenario].get(name, float("nan")) for name in subjects]
        bars = axes.barh(at, widths, height=0.36, color=colour, label=scenario)
        axes.bar_label(bars, [f"{width:,.2f}" if width == width else "" for width in widths], padding=3, fontsize=7)
    axes.set_xscale("log")
    axes.set_yticks(range(len(subjects)), subjects)
    axes.set_xlabel("CPU of server and Redis, microseconds per delivery (logarithmic)")
    axes.spines["right"].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    axes.set_title(caption, fontsize=8, loc="left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _order(name: str, costs: dict[str, dict[str, float]]) -> float:
    return -min(found[name] for found in costs.values() if name in found)
