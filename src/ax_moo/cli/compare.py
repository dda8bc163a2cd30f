"""``ax-moo compare``: compares the hypervolume of several sweeps, or their best values, over trials and wall time."""

import math
from collections.abc import Iterator, Sequence
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
    """Print both tables, over trials and over wall time, and write the curves to ``out``, a page or a table."""
    if len(folders) < 2:
        raise ConfigError("one sweep alone cannot be compared; name two or more sweep folders")
    if out is not None and out.suffix not in ENDINGS:
        raise ConfigError(f"-o {out}: must end in {' or '.join(ENDINGS)}")
    compared = compare([open_folder(folder) for folder in folders])
    console = open_console()
    if compared.objective is None:
        console.print(shown(f"hypervolume above {_point(compared)}"))
    console.print(_by(compared, "finished", "after trials", lambda value: str(round(value))))
    console.print(_by(compared, "time", "after h:mm:ss", clock))
    if out is not None:
        _write(compared, out)
        console.print(shown(f"curves: {out}"))


def _measure(compared: Comparison) -> str:
    return "hypervolume" if compared.objective is None else f"best {compared.objective}"


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
    """What is compared at a few values of a column, and at the end; a dash is beyond a sweep's last trial."""
    table = Table(title=shown(f"{_measure(compared)} {title}"), title_justify="left")
    table.add_column("sweep", overflow="fold")
    limits = _limits(float(compared.table[column].max()) if len(compared.table) else 0.0, column == "finished")
    for limit in limits:
        table.add_column(label(limit), justify="right")
    table.add_column("at its end", justify="right")
    for name in compared.names:
        rows = compared.table[compared.table["sweep"] == name]
        table.add_row(shown(name), *(_at(compared, rows, column, each) for each in (*limits, math.inf)))
    return table


def _limits(most: float, is_count: bool) -> list[float]:
    limits = [most * part / N_COLUMNS for part in range(1, N_COLUMNS + 1)]
    return sorted({max(1, round(limit)) for limit in limits}) if is_count else limits


def _at(compared: Comparison, rows: Any, column: str, limit: float) -> str:
    reached = rows[rows[column] <= limit]
    if column == "finished" and limit < math.inf and len(reached) < limit:
        return "-"
    none_yet = 0.0 if compared.objective is None else math.nan
    value = reached[compared.column].iloc[-1] if len(reached) else none_yet
    return "-" if math.isnan(value) else f"{value:.6g}"


def _write(compared: Comparison, out: Path) -> None:
    with writing(out):
        if out.suffix == ".csv":
            out.write_text(to_csv(compared.table), encoding="utf-8", newline="")
        else:
            figure(compared).write_html(out, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})


def figure(compared: Comparison) -> "go.Figure":
    """Step curves, because what is compared is constant until another trial completes.

    They are below each other, so that a telephone shows them too.
    """
    from html import escape as escape_html

    from plotly.subplots import make_subplots

    seconds, unit = _unit(float(compared.table["time"].max()) if len(compared.table) else 0.0)
    figure = make_subplots(2, 1, vertical_spacing=0.16)
    for place, (column, size) in enumerate((("finished", 1.0), ("time", seconds)), start=1):
        for curve in _curves(compared, column, size):
            figure.add_trace(curve.update(showlegend=place == 1), place, 1)
    figure.update_xaxes(title_text="completed trials", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title_text=f"{unit} since the sweep's start", rangemode="tozero", row=2, col=1)
    measure = escape_html(_measure(compared))
    figure.update_yaxes(title_text=measure, separatethousands=True, exponentformat="power", minexponent=9)
    above = escape_html(f"above {_whose(compared)}:"), escape_html(_coordinates(compared))
    return figure.update_layout(
        template="plotly_white",
        title=measure if compared.objective else f"Hypervolume<br><sup>{'<br>'.join(above)}</sup>",
        height=820,
        margin={"l": 60, "r": 20, "t": 110},
        legend={"orientation": "h", "y": -0.1, "yanchor": "top"},
    )


def _curves(compared: Comparison, column: str, size: float) -> "Iterator[go.Scatter]":
    """A curve for each sweep over a column, in units of this size."""
    from html import escape as escape_html

    import plotly.graph_objects as go
    from plotly.colors import qualitative

    for number, name in enumerate(compared.names):
        rows = compared.table[compared.table["sweep"] == name]
        color = qualitative.Safe[number % len(qualitative.Safe)]
        line = {"shape": "hv", "color": color, "dash": ("solid", "dash", "dot", "dashdot")[number % 4]}
        x, y = rows[column] / size, rows[compared.column]
        yield go.Scatter(x=x, y=y, name=escape_html(name), mode="lines", line=line, legendgroup=str(number))


def _unit(most: float) -> tuple[float, str]:
    """The length of the unit in which times up to this many seconds are read easily, and its name."""
    return next(unit for unit in UNITS if most > 2 * unit[0] or unit[0] == 1)
