"""Tables as CSV that a spreadsheet shows and does not run.

A spreadsheet takes a cell for a formula where its text begins with one of a few characters, and a formula can send the
other cells away or start a program. An application's values, and so anybody's, can begin with them.
"""

import csv
import io
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_MARK = "'"
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How such a text begins, also with East Asian wide characters, and also where it has our mark already."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def to_csv(frame: "pd.DataFrame") -> str:
    """The table with a ``'`` before each text, in a cell or a heading, that a spreadsheet would run."""
    rows = [list(frame.columns), *frame.itertuples(index=False, name=None)]
    return "".join(map(_line, rows))


def unmarked(text: str) -> str:
    """The text that was written as this one."""
    return text.removeprefix(_MARK) if text.startswith(_MARK) and _FORMULA.match(text) else text


def _line(row: Iterable[Any]) -> str:
    # A line break of either kind is quoted by a writer whose lines end with both: after it a formula could begin.
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(map(_written, row))
    return out.getvalue().removesuffix("\r\n") + "\n"


def _written(cell: Any) -> Any:
    if isinstance(cell, str):
        return _MARK + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
    cell = cell.item() if hasattr(cell, "item") else cell
    return None if isinstance(cell, float) and math.isnan(cell) else cell
