"""Tables as CSV: a spreadsheet runs none of their texts, and numbers stay numbers."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from fakes import problem
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import life, write_journal
from typer.testing import CliRunner

from ax_moo import load
from ax_moo.cli.app import app
from ax_moo.results.spreadsheet import to_csv, unmarked
from ax_moo.results.tables import write_results
from ax_moo.storage import journal

pytestmark = pytest.mark.hydra_free

FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "'=1",
    '=HYPERLINK("http://x")',
]
STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_has_a_mark_before_it(formula: str) -> None:
    written = cells(to_csv(pd.DataFrame({formula: [formula]})))
    assert written == [["'" + formula], ["'" + formula]]
    assert unmarked(written[0][0]) == formula


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet=st.one_of(st.sampled_from("=+-@'\t\r\uff1d1.e "), st.characters(max_codepoint=0x2FF)), max_size=8)
)
def test_no_text_begins_as_a_formula_does_and_each_can_be_had_back(text: str) -> None:
    [[_], [written]] = cells(to_csv(pd.DataFrame({"x": [text + "a"]})))
    assert not written.startswith(STARTS) or written.lstrip("+-").replace(".", "").isdigit()
    assert unmarked(written) == text + "a"


def test_numbers_stay_numbers_in_columns_of_any_kind() -> None:
    frame = pd.DataFrame({"a": [-0.5, float("inf")], "b": [-1, "=x"], "c": ["-1e-3", "+5"], "d": [True, None]})
    text = to_csv(frame)
    assert text == "a,b,c,d\n-0.5,-1,-1e-3,True\ninf,'=x,+5,\n"
    assert pd.read_csv(io.StringIO(text))["c"].tolist() == [-0.001, 5.0]


def hostile_sweep(folder: Path) -> Path:
    goals = {"f": "maximize", "=g": "minimize"}
    two = problem("x=choice('=1+1', '-1')", "y=interval(-2, 2)", objectives=goals)
    events = life(0, {"x": "=1+1", "y": -1.5}, {"f": -1.0, "=g": 2.0}, 0, 1)
    write_journal(folder, two, events)
    write_results(folder, journal.trials(folder), two)
    return folder


def test_a_sweeps_table_is_safe_and_what_programs_read_is_exact(tmp_path: Path) -> None:
    folder = hostile_sweep(tmp_path / "swept")
    for out in (["-o", str(tmp_path / "t.csv")], ["-o", str(tmp_path / "t.json")], []):
        ended = CliRunner().invoke(app, ["export", str(folder), *out])
        assert ended.exit_code == 0, ended.output
    for text in ((folder / "trials.csv").read_text(), (tmp_path / "t.csv").read_text(), ended.stdout):
        [row] = csv.DictReader(io.StringIO(text))
        assert (row["x"], row["y"], row["f"], row["'=g"]) == ("'=1+1", "-1.5", "-1.0", "2.0")
    [exact] = json.loads((tmp_path / "t.json").read_text())
    assert (exact["x"], exact["=g"]) == ("=1+1", 2.0)
    assert load(folder).trials["x"].tolist() == ["=1+1"]
