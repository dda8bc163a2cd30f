"""``ax-moo export`` and ``report``: a sweep as a table with one row per trial, and as a page."""

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ax_moo.cli.folder import open_folder
from ax_moo.results.tables import trials_frame
from ax_moo.system.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
from ax_moo.html_report.writing import write_report

ENDINGS = (".csv", ".json", ".parquet")


def export(folder: Path, out: Path | None) -> None:
    """Write the table of trials to a file of the kind that its ending names, or as CSV to stdout."""
    if out is not None and out.suffix not in ENDINGS:
        raise ConfigError(f"-o {out}: must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    sweep = open_folder(folder)
    frame = trials_frame(sweep.trials, sweep.problem)
    if out is None:
        frame.to_csv(sys.stdout, index=False)
        return
    try:
        _write(frame, out)
    except OSError as error:
        raise ConfigError(f"-o {out}: cannot be written: {error.strerror or error}") from None
    print(out)


def _write(frame: "pd.DataFrame", out: Path) -> None:
    match out.suffix:
        case ".csv":
            frame.to_csv(out, index=False)
        case ".json":
            # Ten digits are pandas' default, and fifteen its most; a float takes up to seventeen.
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
    """Parquet's columns have one type each: what is mixed, lists and mappings become JSON text."""
    frame = frame.copy()
    for name in frame.columns[frame.dtypes == "object"]:
        kinds = {type(value) for value in frame[name] if value is not None}
        if len(kinds) > 1 or kinds & {list, dict, int}:  # an int in a column of objects has more than 64 bits
            frame[name] = [None if value is None else json.dumps(_plain(value)) for value in frame[name]]
    return frame


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: null for infinity, and for NaN, which is nothing in a column of numbers."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report(folder: Path, out: Path | None) -> None:
    """Write the page and print where it is."""
    open_folder(folder)
    if out is not None and out.is_dir():
        raise ConfigError(f"-o {out}: is a folder; name a file, such as {out / 'report.html'}")
    try:
        print(write_report(folder, out))
    except OSError as error:
        where = f"-o {out}" if out else f"{folder}"
        raise ConfigError(f"{where}: the report cannot be written: {error.strerror or error}") from None
