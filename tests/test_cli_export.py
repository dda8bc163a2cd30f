"""`ax-moo export` of values that a format cannot hold as they are."""

import json
from pathlib import Path

import pandas as pd
import pytest
from fakes import problem
from journals import life, write_journal

from ax_moo.cli.export import export

pytestmark = pytest.mark.hydra_free

HUGE = 2**64 + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    goals = problem(f"n=choice(2, {HUGE})", "x=choice(['a\udcff'], null)", objectives={"f": {"direction": "minimize"}})
    events = life(0, {"n": HUGE, "x": ["a\udcff"]}, {"f": 0.1 + 0.2, "worst": float("inf")}, 0, 1)
    return write_journal(tmp_path / "swept", goals, [*events, *life(1, {"n": 2, "x": None}, "lost", 0, 1)])


def test_json_is_strict_and_exact(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "t.json")
    text = (tmp_path / "t.json").read_text(encoding="utf-8")
    rows = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    shown = [{name: row[name] for name in ("n", "x", "f", "worst")} for row in rows]
    assert shown == [
        {"n": HUGE, "x": ["a\udcff"], "f": 0.1 + 0.2, "worst": None},
        {"n": 2, "x": None, "f": None, "worst": None},
    ]


def test_parquet_takes_as_text_what_has_no_type_there(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "t.parquet")
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert list(table["n"]) == [str(HUGE), "2"]
    assert table["x"][0] == '["a\\udcff"]'
