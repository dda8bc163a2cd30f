"""`ax-moo export DIR --best`: the command line by which a trial is trained once more."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ax_moo_command import ax_moo
from fakes import TWO_OBJECTIVES, problem
from journals import life, write_journal
from sweeping import SWEEP_DIR, run_sweep, write_app

from ax_moo.cli.best import print_command
from ax_moo.results.retraining import nearest_to_ideal
from ax_moo.results.tables import optimization_results
from ax_moo.system.errors import ConfigError

APP = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    return float(config.x)


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults: [{trainer: cpu}, _self_]
x: 1.0
text: ""
width: 8
dropped: 1
hydra: {mode: MULTIRUN, run: {dir: again}}
"""
NASTY = 'it\'s "a" $HOME, `b` {c}: d=[e] \\\\ #f'


def test_the_printed_line_trains_the_trial_once_more_though_the_config_asks_for_a_sweep(tmp_path: Path) -> None:
    project = write_app(tmp_path / "my project", APP)
    for name, text in (("config", CONFIG), ("trainer/cpu", "name: cpu"), ("trainer/gpu", "name: gpu")):
        write_app(project, text, f"conf/{name}.yaml")
    fixed = ("trainer=gpu", "width=4", "+more=1", "~dropped", "text='it\\'s $HOME, `b` \"c\": [d] #e'")
    searched = ("x=tag(log, interval(1e-9,1e-3))", "+kind=choice('a b','c,d=e')", "hydra.sweeper.method=random")
    swept = run_sweep(project, *fixed, *searched, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")
    assert swept.code == 0, swept.err
    results = yaml.safe_load((swept.folder / "optimization_results.yaml").read_text())
    assert results["fixed"] == list(fixed)
    line = ax_moo("export", swept.folder, "--best", cwd=tmp_path).out
    ended = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    trial = results["solutions"][0]["trial"]
    assert config_of(project / "again") == config_of(project / SWEEP_DIR / str(trial))


def config_of(folder: Path) -> Any:
    return yaml.safe_load((folder / ".hydra/config.yaml").read_text())


@pytest.mark.parametrize(
    ("values", "chosen"),
    [({0: (1.0, 0.9), 1: (0.8, 0.2), 2: (0.0, 0.1), 3: (0.7, 0.3)}, 1), ({4: (0.5, 0.5)}, 4), ({2: (5.0, 2.0)}, None)],
)
def test_of_several_objectives_the_frontiers_trial_nearest_to_the_ideal_is_chosen(
    values: dict[int, tuple[float, float]], chosen: int | None
) -> None:
    trials = [event for n, (f, g) in values.items() for event in life(n, {"x": n, "y": 0}, {"f": f, "g": g}, 0, 1)]
    found = nearest_to_ideal(trials, problem(objectives=TWO_OBJECTIVES))
    assert (found.index if found else None) == chosen


@pytest.fixture(name="folder")
def a_sweep_with_a_secret(tmp_path: Path) -> Path:
    space = problem("x=interval(0, 1)", "+api_key=abc123", objectives=TWO_OBJECTIVES)
    outcomes: tuple[Any, ...] = ({"f": 0.5, "g": 0.5}, "lost", {"f": 0.9, "g": 0.9})
    events = [event for n, outcome in enumerate(outcomes) for event in life(n, {"x": n / 4}, outcome, 0, 1)]
    return write_journal(tmp_path / "swept", space, events, training="python train.py", cwd=str(tmp_path / "my app"))


def test_a_trial_can_be_named_and_what_is_not_the_command_goes_to_stderr(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_command(folder, 1, None)
    said = capsys.readouterr()
    assert said.out == f"cd '{tmp_path / 'my app'}' && python train.py +api_key=*** x=0.25 hydra.mode=RUN\n"
    assert said.err == "# *** stands for a secret; write it in before you run the command\n"
    print_command(folder, None, None)
    said = capsys.readouterr()
    assert "x=0.0 " in said.out
    assert "trial 0 of the frontier is nearest to the best value of every objective; its other" in said.err
    assert said.err.splitlines()[0].endswith("for --trial N: 2")


def test_a_trial_keeps_the_overrides_that_its_own_job_had(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of all trials may have changed when the sweep was resumed."""
    (folder / "2/.hydra").mkdir(parents=True)
    (folder / "2/.hydra/overrides.yaml").write_text("- trainer=cpu\n- x=0.5\n")
    (folder / "2/.hydra/hydra.yaml").write_text("hydra:\n  job:\n    num: 2\n")
    print_command(folder, 2, None)
    assert capsys.readouterr().out.endswith("python train.py trainer=cpu x=0.5 hydra.mode=RUN\n")


def test_mistakes_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--trial 3: the sweep has no such trial; its trials are from 0 to 2"):
        print_command(folder, 3, None)
    with pytest.raises(ConfigError, match=r"-o t.csv: the command of a trial is printed; leave -o out"):
        print_command(folder, None, Path("t.csv"))
    empty = write_journal(tmp_path / "empty", problem(), [])
    with pytest.raises(ConfigError, match="no completed trial that meets the constraints; choose one with --trial N"):
        print_command(empty, None, None)


def test_what_was_fixed_is_listed_without_secrets() -> None:
    fixed = ("trainer=gpu", "~y", "+api_key=abc123")
    assert optimization_results([], problem("x=interval(0, 1)", *fixed))["fixed"] == [*fixed[:2], "+api_key=***"]
