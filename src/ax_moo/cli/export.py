"""``ax-moo export`` and ``ax-moo report``: write a sweep's trials as a table, and the sweep as an HTML page."""

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ax_moo.cli.folder import open_folder
from ax_moo.cli.output_file import writing
from ax_moo.results.spreadsheet import to_csv
from ax_moo.results.tables import trials_frame
from ax_moo.system import working_folder
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import say, shows_output
from ax_moo.system.text import visible

if TYPE_CHECKING:
    import pandas as pd
from ax_moo.html_report.writing import write_report

ENDINGS = (".csv", ".json", ".parquet")


def export(folder: Path, out: Path | None) -> None:
    """Write the table of trials to a file whose ending names the format, or as CSV to stdout."""
    if out is not None and out.suffix not in ENDINGS:
        raise ConfigError(f"-o {out}: must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    sweep = open_folder(folder)
    frame = trials_frame(sweep.trials, sweep.problem)
    if out is None:
        _print(frame)
        return
    with writing(out):
        _write(frame, out)
    say(str(out))


def _print(frame: "pd.DataFrame") -> None:
    """Print the table as it is, and on a terminal without control characters."""
    if shows_output():
        frame = frame.map(lambda cell: visible(cell) if isinstance(cell, str) else cell).rename(columns=visible)
    sys.stdout.write(to_csv(frame))


def _write(frame: "pd.DataFrame", out: Path) -> None:
    match out.suffix:
        case ".csv":
            out.write_text(to_csv(frame), encoding="utf-8", newline="")
        case ".json":
            # pandas writes at most fifteen digits, but an exact float needs up to seventeen.
            rows = [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
            out.write_text(
                json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace"
            )
        case ".parquet":
            _write_parquet(frame, out)


def _write_parquet(frame: "pd.DataFrame", out: Path) -> None:
    if find_spec("pyarrow") is None:
        raise ConfigError(f"-o {out}: Parquet needs pyarrow, which is not installed: pip install pyarrow")
    _with_one_type_a_column(frame).to_parquet(out, index=False)


def _with_one_type_a_column(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The table with JSON text in columns of mixed types, lists or mappings, since Parquet has one type per column."""
    frame = frame.copy()
    for name in frame.columns[frame.dtypes == "object"]:
        kinds = {type(value) for value in frame[name] if value is not None}
        if len(kinds) > 1 or kinds & {list, dict, int}:  # an int in a column of objects is larger than 64 bits
            frame[name] = [None if value is None else json.dumps(_plain(value)) for value in frame[name]]
    return frame


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: None for infinity, and for NaN, which marks a missing number in pandas."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report(folder: Path, out: Path | None) -> None:
    """Write the page and print its path."""
    open_folder(folder)
    if out is not None and not out.is_absolute():
        working_folder.check()
    working_folder.leave_if_gone(folder)
    if out is not None and out.is_dir():
        raise ConfigError(f"-o {out}: must be a file, such as {out / 'report.html'}, got a folder")
    try:
        say(str(write_report(folder, out)))
    except OSError as error:
        where = f"-o {out}" if out else f"{folder}"
        raise ConfigError(f"{where}: the report cannot be written: {error.strerror or error}") from None
