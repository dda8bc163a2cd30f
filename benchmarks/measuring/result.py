"""The result of a benchmark: printed as a table, kept as JSON, from which docs/benchmarks.md is written."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from measuring.machine import circumstances

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Numbers are shown with three digits; None is shown as a dash."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""

    def lines(self) -> list[str]:
        """The table in Markdown, with its columns aligned."""
        texts = [[_shown(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.columns, *texts, strict=True)]
        rule = ["-" * width for width in widths]
        return [_line(cells, widths) for cells in [list(self.columns), rule, *texts]]


@dataclass(frozen=True)
class Figure:
    """A figure that is promised: ``name`` says what it is, ``wanted`` what it has to be."""

    name: str
    value: float
    wanted: str = ""
    is_met: bool | None = None

    @classmethod
    def at_most(cls, limit: float, name: str, value: float) -> Self:
        return cls(name, value, f"at most {limit:g}", value <= limit)

    @classmethod
    def at_least(cls, limit: float, name: str, value: float) -> Self:
        return cls(name, value, f"at least {limit:g}", value >= limit)


@dataclass(frozen=True)
class Result:
    """``about`` says in sentences what was measured and how, and ``raw`` holds what the tables were made from.

    ``missing`` names what could not be measured, and why.
    """

    name: str
    title: str
    about: str
    tables: Sequence[Table]
    figures: Sequence[Figure] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    missing: Sequence[str] = field(default_factory=list)

    def show(self) -> None:
        print(self.title, *self._blocks(), sep="\n\n")

    def write(self, path: Path, before: Mapping[str, Any]) -> None:
        """Write the result as JSON, with the circumstances before it was measured, and how long that took."""
        seconds = (datetime.now(UTC) - datetime.fromisoformat(before["date"])).total_seconds()
        row = {**dataclasses.asdict(self), **before, "seconds": round(seconds, 1)}
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(row, indent=1, default=str) + "\n")
        new.rename(path)

    @classmethod
    def read(cls, path: Path) -> tuple[Self, dict[str, Any]]:
        """A result that was written, and its circumstances."""
        row = json.loads(path.read_text())
        row["tables"] = [Table(**table) for table in row["tables"]]
        row["figures"] = [Figure(**figure) for figure in row["figures"]]
        own = {each.name: row.pop(each.name) for each in dataclasses.fields(cls)}
        return cls(**own), row

    @property
    def not_measured(self) -> str:
        return f"Could not be measured: {'; '.join(self.missing)}."

    def _blocks(self) -> Iterator[str]:
        for table in self.tables:
            yield "\n".join([*([table.title, ""] if table.title else []), *table.lines()])
        if self.figures:
            yield "\n".join(figures_table(self.figures).lines())
        if self.missing:
            yield self.not_measured


def figures_table(figures: Sequence[Figure]) -> Table:
    met = {True: "yes", False: "no", None: ""}
    return Table(["figure", "measured", "wanted", "met"], [[f.name, f.value, f.wanted, met[f.is_met]] for f in figures])


def begin() -> dict[str, Any]:
    """The circumstances, to be asked for before the measuring loads the machine."""
    return circumstances()


def finish(result: Result, before: Mapping[str, Any], path: Path | None) -> None:
    """Show the result, and write it where a path is given. The process ends with 1 if a part of it is missing."""
    result.show()
    if path is not None:
        result.write(path, before)
    if result.missing:
        sys.exit(1)


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    return f"{cell:,.0f}" if isinstance(cell, int) or abs(cell) >= 100 else f"{cell:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if index == 0 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
