"""``ax-moo compare``: compares the hypervolume of several sweeps over trials and wall time."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ax_moo.cli.folder import open_folder
from ax_moo.cli.output_file import writing
from ax_moo.console.plain import open_console, shown
from ax_moo.console.summary import clock
from ax_moo.results.comparison import Comparison, compare
from ax_moo.results.spreadsheet import to_csv
from ax_moo.system.errors import ConfigError

if TYPE_CHECKING:
    import plotly.graph_objects as go

LARGEST_IN_FULL = 1e12
N_COLUMNS = 6
"""The number of columns in each table, one per number of trials or per moment."""

UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
ENDINGS = (".html", ".csv")


def compare_folders(folders: Sequence[Path], out: Path | None) -> None:
    """Print the hypervolume over trials and over wall time, and write the curves to ``out``, a page or a table."""
    if len(folders) < 2:
        raise ConfigError("one sweep alone cannot be compared; name two or more sweep folders")
    if out is not None and out.suffix not in ENDINGS:
        raise ConfigError(f"-o {out}: must end in {' or '.join(ENDINGS)}")
    compared = compare([open_folder(folder) for folder in folders])
    console = open_console()
    console.print(shown(f"hypervolume above {_point(compared)}"))
    console.print(_by(compared, "finished", "after trials", lambda value: str(round(value))))
    console.print(_by(compared, "time", "after h:mm:ss", clock))
    if out is not None:
        _write(compared, out)
        console.print(shown(f"curves: {out}"))


def _point(compared: Comparison) -> str:
    return f"{_whose(compared)} ({_coordinates(compared)})"


def _whose(compared: Comparison) -> str:
    return "a point inferred from all of these sweeps" if compared.is_inferred else "the thresholds"


def _coordinates(compared: Comparison) -> str:
    return ", ".join(f"{name} {_readable(value)}" for name, value in compared.reference.items())


def _readable(value: float) -> str:
    """80,000 instead of 80000, and 12,000,000 instead of 1.2e+07."""
    return f"{value:,.0f}" if value == round(value) and abs(value) < LARGEST_IN_FULL else f"{value:.6g}"


def _by(compared: Comparison, column: str, title: str, label: Any) -> Table:
    """The sweeps' hypervolume at a few values of a column, and at the end; a dash is beyond a sweep's last trial."""
    table = Table(title=f"hypervolume {title}", title_justify="left")
    table.add_column("sweep", overflow="fold")
    limits = _limits(float(compared.table[column].max()) if len(compared.table) else 0.0, column == "finished")
    for limit in limits:
        table.add_column(label(limit), justify="right")
    table.add_column("at its end", justify="right")
    for name in compared.names:
        rows = compared.table[compared.table["sweep"] == name]
        table.add_row(shown(name), *(_at(rows, column, limit) for limit in limits), _at(rows, column, math.inf))
    return table


def _limits(most: float, is_count: bool) -> list[float]:
    limits = [most * part / N_COLUMNS for part in range(1, N_COLUMNS + 1)]
    return sorted({max(1, round(limit)) for limit in limits}) if is_count else limits


def _at(rows: Any, column: str, limit: float) -> str:
    reached = rows[rows[column] <= limit]
    if column == "finished" and limit < math.inf and len(reached) < limit:
        return "-"
    return f"{reached['hypervolume'].iloc[-1]:.6g}" if len(reached) else "0"


def _write(compared: Comparison, out: Path) -> None:
    with writing(out):
        if out.suffix == ".csv":
            out.write_text(to_csv(compared.table), encoding="utf-8", newline="")
        else:
            figure(compared).write_html(out, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})


def figure(compared: Comparison) -> "go.Figure":
    """Step curves, because a sweep's hypervolume is constant until another trial completes.

    They are below each other, so that a telephone shows them too.
    """
    from html import escape as escape_html

    import plotly.graph_objects as go
    from plotly.colors import qualitative
    from plotly.subplots import make_subplots

    seconds, unit = _unit(float(compared.table["time"].max()) if len(compared.table) else 0.0)
    figure = make_subplots(2, 1, vertical_spacing=0.16)
    for number, name in enumerate(compared.names):
        rows = compared.table[compared.table["sweep"] == name]
        color = qualitative.Safe[number % len(qualitative.Safe)]
        for place, column in enumerate(("finished", "time"), start=1):
            line = {"shape": "hv", "color": color, "dash": ("solid", "dash", "dot", "dashdot")[number % 4]}
            trace = go.Scatter(
                x=rows[column] / (seconds if column == "time" else 1),
                y=rows["hypervolume"],
                name=escape_html(name),
                mode="lines",
                line=line,
                legendgroup=str(number),
                showlegend=place == 1,
            )
            figure.add_trace(trace, place, 1)
    figure.update_xaxes(title_text="completed trials", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title_text=f"{unit} since the sweep's start", rangemode="tozero", row=2, col=1)
    figure.update_yaxes(title_text="hypervolume", separatethousands=True, exponentformat="power", minexponent=9)
    above = escape_html(f"above {_whose(compared)}:"), escape_html(_coordinates(compared))
    return figure.update_layout(
        template="plotly_white",
        title=f"Hypervolume<br><sup>{'<br>'.join(above)}</sup>",
        height=820,
        margin={"l": 60, "r": 20, "t": 110},
        legend={"orientation": "h", "y": -0.1, "yanchor": "top"},
    )


def _unit(most: float) -> tuple[float, str]:
    """The length of the unit in which times up to this many seconds are read easily, and its name."""
    return next(unit for unit in UNITS if most > 2 * unit[0] or unit[0] == 1)
