"""docs/benchmarks.md and the figures in the README, written from the results of the last run of each benchmark."""

import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring.machine import ROOT
from measuring.result import Result, Table, figures_table

PAGE = ROOT / "docs/benchmarks.md"
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks/results"
BEGIN, END = "<!-- begin: figures (make benchmarks) -->\n", "<!-- end: figures -->\n"
NONE = "No run of the benchmarks is kept here yet.\n"
HEAD = """\
# Benchmarks

`make benchmarks` measures all of this, one after the other, and writes this page and the table in the README. What an
interrupted run has measured of the same commit is kept. `python benchmarks/NAME.py --help` shows how to run one alone,
or a small form of it. Peers run in environments that the benchmarks make in the user's cache folder. Every comparison
is within one run on one machine; absolute times of another machine differ.
"""

Read = tuple[Result, dict[str, Any]]


def read_all(folder: Path = RESULTS) -> list[Read]:
    return [Result.read(path) for path in sorted(folder.glob("*.json")) if _is_result(path)]


def _is_result(path: Path) -> bool:
    is_result = "tables" in json.loads(path.read_text())
    if not is_result:
        print(f"{path} is no result: its benchmark does not write one (measuring/result.py)", file=sys.stderr)
    return is_result


def write_pages(results: Sequence[Read]) -> None:
    PAGE.write_text(page(results))
    README.write_text(with_figures(README.read_text(), results))


def page(results: Sequence[Read]) -> str:
    sections = [_section(result, circumstances) for result, circumstances in results]
    return "\n".join([HEAD, *([_figures(results)] if results else [NONE]), *sections])


def with_figures(readme: str, results: Sequence[Read]) -> str:
    """The README with the figures between its two marks."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{_figures(results) if results else NONE}{END}{after}"


def _figures(results: Sequence[Read]) -> str:
    named = [
        dataclasses.replace(figure, name=f"{figure.name} ({result.name})")
        for result, _ in results
        for figure in result.figures
    ]
    return _text(figures_table(named))


def _section(result: Result, circumstances: dict[str, Any]) -> str:
    command = f"`python benchmarks/{result.name}.py`"
    parts = [f"## {result.title}\n", _wrapped(f"{command}: {result.about}"), _wrapped(_sentence(circumstances))]
    parts += [_wrapped(result.not_measured)] if result.missing else []
    for table in result.tables:
        parts += [*([f"{table.title}\n"] if table.title else []), _text(table)]
    return "\n".join(parts)


def _text(table: Table) -> str:
    return "\n".join(table.lines()) + "\n"


def _sentence(circumstances: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in circumstances["versions"].items())
    return (
        f"Measured at {circumstances['date']} in {circumstances['seconds'] / 60:.1f} minutes, of commit "
        f"{circumstances['commit'] or 'unknown'}, on {circumstances['cores']} cores of {circumstances['machine']} with "
        f"{circumstances['memory_gb']} GB, at a load of {circumstances['load']} before, {circumstances['system']}; "
        f"{versions}."
    )


def _wrapped(text: str, width: int = 120) -> str:
    lines = [""]
    for word in re.split(r"\s+", text.strip()):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines) + "\n"
