from pathlib import Path

import pandas as pd
import pytest
from ax_moo_command import ax_moo, ax_moo_from_cold
from fakes import problem
from journals import life, write_journal

from ax_moo.cli.compare import figure
from ax_moo.problem.problem import Problem
from ax_moo.results.comparison import compare
from ax_moo.storage.folder import SweepFolder, open_folder
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra


def goals(f: float | None = 1.0, g: float | None = 1.0, direction: str = "minimize") -> Problem:
    given = {"f": {"direction": direction, "threshold": f}, "g": {"direction": "minimize", "threshold": g}}
    return problem("x=interval(0, 1)", objectives=given)


def swept(folder: Path, problem: Problem, *points: tuple[float, float]) -> SweepFolder:
    trials = [life(i, {"x": i / 10}, {"f": f, "g": g}, i, i + 2) for i, (f, g) in enumerate(points)]
    return open_folder(write_journal(folder, problem, [event for trial in trials for event in trial]))


def test_sweeps_with_the_same_thresholds_are_measured_from_them(tmp_path: Path) -> None:
    one = swept(tmp_path / "one", goals(), (0.5, 0.5), (0.9, 0.9), (0.25, 0.5))
    other = swept(tmp_path / "other", goals(), (0.0, 0.0))
    compared = compare([one, other])
    assert compared.reference == {"f": 1.0, "g": 1.0}
    assert not compared.is_inferred
    assert compared.table.values.tolist() == [
        ["one", 0, 1, 2.0, 0.25],
        ["one", 1, 2, 3.0, 0.25],
        ["one", 2, 3, 4.0, 0.375],
        ["other", 0, 1, 2.0, 1.0],
    ]


def test_sweeps_with_other_thresholds_or_none_get_one_inferred_point(tmp_path: Path) -> None:
    one = swept(tmp_path / "a" / "s", goals(1.0), (0.0, 1.0), (5.0, 5.0))
    other = swept(tmp_path / "b" / "s", goals(None, None), (1.0, 0.0))
    compared = compare([one, other])
    assert compared.is_inferred
    assert compared.names == ["a/s", "b/s"]
    assert compared.reference == pytest.approx({"f": 1.1, "g": 1.1})
    last = compared.table.groupby("sweep")["hypervolume"].last()
    assert last.to_dict() == pytest.approx({"a/s": 1.1 * 0.1, "b/s": 1.1 * 0.1})


def test_sweeps_after_something_else_are_refused(tmp_path: Path) -> None:
    one, other = swept(tmp_path / "one", goals(), (0.5, 0.5)), swept(tmp_path / "two", goals(direction="maximize"))
    with pytest.raises(ConfigError, match=r"same objectives, got minimize f, minimize g in .*, and maximize f"):
        compare([one, other])


def test_the_command_prints_both_tables_and_writes_the_curves(tmp_path: Path) -> None:
    swept(tmp_path / "one", goals(), (0.5, 0.5), (0.9, 0.9), (0.25, 0.5))
    swept(tmp_path / "two", goals(), (0.0, 0.0))
    ended = ax_moo_from_cold("compare", "one", "two", "-o", "c.csv", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    first, second = (
        [[cell.strip() for cell in line.split("│")[1:-1]] for line in part.splitlines() if line.startswith("│")]
        for part in ended.out.split("hypervolume after h:mm:ss")
    )
    assert first == [["one", "0.25", "0.25", "0.375", "0.375"], ["two", "1", "-", "-", "1"]]
    assert [row[-1] for row in second] == ["0.375", "1"]
    assert pd.read_csv(tmp_path / "c.csv")["hypervolume"].tolist() == [0.25, 0.25, 0.375, 1.0]
    ended = ax_moo("compare", "one", "two", "-o", "c.html", cwd=tmp_path)
    assert ended.code == 0
    assert "plotly" in (tmp_path / "c.html").read_text().lower()


def test_the_curves_are_below_each_other_and_their_numbers_can_be_read(tmp_path: Path) -> None:
    one = swept(tmp_path / "one", goals(g=80000.0), (0.5, 20000.0))
    shown = figure(compare([one, swept(tmp_path / "two", goals(g=80000.0), (0.25, 1e4))]))
    assert shown.layout.title.text == "Hypervolume<br><sup>above the thresholds:<br>f 1, g 80,000</sup>"
    assert shown.layout.xaxis.domain == shown.layout.xaxis2.domain == (0.0, 1.0)
    assert shown.layout.yaxis.separatethousands
    assert shown.layout.xaxis2.title.text == "seconds since the sweep's start"


def test_one_sweep_and_a_file_of_another_kind_are_mistakes(tmp_path: Path) -> None:
    swept(tmp_path / "one", goals(), (0.5, 0.5))
    ended = ax_moo("compare", "one", cwd=tmp_path)
    assert (ended.code, ended.err) == (
        2,
        "ax-moo compare: one sweep alone cannot be compared; name two or more sweep folders\n",
    )
    ended = ax_moo("compare", "one", "one", "-o", "c.png", cwd=tmp_path)
    assert (ended.code, ended.err) == (2, "ax-moo compare: -o c.png: must end in .html or .csv\n")


def test_sweeps_with_one_objective_are_compared_by_its_best_value(tmp_path: Path) -> None:
    feasible_above_zero = problem("x=interval(0, 1)", objectives={"f": "maximize"}, outcome_constraints=["g >= 0"])
    swept(tmp_path / "one", feasible_above_zero, (9.0, -1.0), (1.0, 0.0), (0.5, 0.0), (2.0, 0.0))
    swept(tmp_path / "two", feasible_above_zero, (1.5, 0.0))
    ended = ax_moo("compare", "one", "two", "-o", "c.csv", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ended.out.splitlines() if line.startswith("│")]
    assert rows[:2] == [["one", "-", "1", "1", "2", "2"], ["two", "1.5", "-", "-", "-", "1.5"]]
    assert "best f after trials" in ended.out
    assert "hypervolume" not in ended.out
    assert pd.read_csv(tmp_path / "c.csv")["best"].tolist()[1:] == [1.0, 1.0, 2.0, 1.5]
    curves = figure(compare([open_folder(tmp_path / "one"), open_folder(tmp_path / "two")]))
    assert curves.layout.title.text == curves.layout.yaxis.title.text == "best f"
    assert [len(curve.y) for curve in curves.data] == [4, 1, 4, 1]
