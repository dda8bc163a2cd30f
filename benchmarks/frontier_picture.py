"""Draw a finished sweep's trials, thresholds and Pareto frontier: the picture in the README.

    python benchmarks/frontier_picture.py sweeps/nas docs/images/frontier.svg

Needs matplotlib, which the package itself does not.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from ax_moo.problem.problem import Problem
from ax_moo.storage import journal


def draw(folder: Path, picture: Path) -> None:
    header = journal.header(folder)
    if header is None:
        sys.exit(f"{folder} holds no sweep")
    accuracy, size = Problem.from_dict(header["problem"]).objectives
    table = pd.read_csv(folder / "trials.csv")
    table = table[table.status == "COMPLETED"]
    frontier = table[table.pareto].sort_values(size.name)
    figure, axes = plt.subplots(figsize=(7.5, 4.2))
    points = axes.scatter(table[size.name], table[accuracy.name], c=table.trial, cmap="viridis", s=28, zorder=3)
    axes.step(
        frontier[size.name], frontier[accuracy.name], where="post", color="#c2410c", lw=1.5, label="Pareto frontier"
    )
    axes.axhline(accuracy.threshold, color="grey", lw=1, ls="--", label="thresholds")
    axes.axvline(size.threshold, color="grey", lw=1, ls="--")
    axes.set_xlabel(f"{size.name} (minimised)")
    axes.set_ylabel(f"{accuracy.name} (maximised)")
    axes.set_ylim(0.8, 1.0)
    figure.colorbar(points, label="trial")
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
