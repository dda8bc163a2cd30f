"""What the sweep's W&B run is made of, without W&B: whose settings win, what a row of its history says."""

import json
import logging
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from ax_moo.problem.frontier import hypervolume_of
from ax_moo.problem.problem import Objective, Problem
from ax_moo.search_space.space import Choice, Fixed, Range, SearchSpace
from ax_moo.storage import journal
from ax_moo.storage.journal import JournalTail
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, Outcome, Trial, TrialStatus
from ax_moo.wandb.history import SweepRows, pareto_table
from ax_moo.wandb.process import RunOptions, check_installed, sweep_in_wandb
from ax_moo.wandb.project import trial_runs
from ax_moo.wandb.service import modes_to_try
from ax_moo.wandb.settings import ApplicationLogger, WandbSettings
from ax_moo.wandb.wandb_sweep import sweep_config

pytestmark = pytest.mark.one_hydra

OURS = Path(__file__).parents[1] / "conf/logger/wandb.yaml"


def found(config: object) -> ApplicationLogger:
    return ApplicationLogger.of(OmegaConf.create(config))  # type: ignore[call-overload]


def test_our_applications_logger_is_found_with_all_that_it_says() -> None:
    logger = OmegaConf.merge(OmegaConf.load(OURS), {"group": "g", "mode": "offline", "settings": {"base_url": "u"}})
    expected = ApplicationLogger(True, "s", "hydra-ax-moo", None, "g", "offline", 30, 60, {"base_url": "u"})
    assert found({"sweep_name": "s", "logger": logger}) == expected


def test_lightnings_logger_is_found_among_others_and_below_them() -> None:
    target = {"_target_": "lightning.pytorch.loggers.wandb.WandbLogger", "project": "p", "offline": True}
    expected = ApplicationLogger(uses_wandb=True, project="p", mode="offline")
    assert found({"logger": {"csv": {"_target_": "CSVLogger"}, "wandb": target}}) == expected
    assert found({"trainer": {"logger": [{"_target_": "CSVLogger"}, target]}}) == expected
    assert found({"logger": {"kind": "csv"}, "other": target}) == ApplicationLogger()


def test_what_only_a_job_can_resolve_counts_as_left_out() -> None:
    logger = {"kind": "wandb", "project": "${hydra:job.name}", "group": "${missing}", "entity": "team"}
    assert found({"logger": logger}) == ApplicationLogger(uses_wandb=True, entity="team")
    assert found({"logger": "${missing}"}) == ApplicationLogger()


def options(settings: WandbSettings) -> tuple[str | None, str | None, str, str]:
    made = RunOptions.of(settings, Path("/sweeps/folder"), {})
    return made.project, made.entity, made.group, made.mode


def test_the_sweepers_word_comes_before_the_applications_and_the_group_is_that_of_the_trials() -> None:
    logger = ApplicationLogger(True, "name", "theirs", "team", "group", "offline")
    assert options(WandbSettings(application=logger)) == ("theirs", "team", "group", "offline")
    settings = WandbSettings(project="ours", group="g", mode="online", application=logger)
    assert options(settings) == ("ours", "team", "g", "online")
    assert options(WandbSettings(application=ApplicationLogger(sweep_name="name")))[2] == "name"
    assert options(WandbSettings())[2] == "folder"


def test_without_wandb_it_is_a_mistake_to_ask_for_it_and_only_said_where_the_application_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    wanted = WandbSettings(application=ApplicationLogger(uses_wandb=True))
    check_installed(wanted)
    with caplog.at_level(logging.WARNING):
        assert sweep_in_wandb(wanted, tmp_path, {}) is None
    assert "pip install 'hydra-ax-moo[wandb]'" in caplog.text
    with pytest.raises(ConfigError, match=r"hydra.sweeper.wandb.enabled: .* pip install 'hydra-ax-moo\[wandb\]'"):
        check_installed(WandbSettings(enabled=True))


@pytest.mark.parametrize("mode", ["disabled", "auto"])
def test_a_disabled_wandb_gets_no_run(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert sweep_in_wandb(WandbSettings(enabled=True, mode=mode), tmp_path, {}) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "modes"),
    [("", ("online", "offline")), ("run", ("online", "offline")), ("dryrun", ("offline",)), ("offline", ("offline",))],
)
def test_the_environments_word_is_taken_in_all_its_spellings(
    value: str, modes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", value)
    assert modes_to_try("auto") == modes
    assert modes_to_try("disabled") == ("disabled",)


def test_a_folder_that_cannot_be_written_costs_one_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "wandb").touch()
    assert sweep_in_wandb(WandbSettings(enabled=True), tmp_path, {}) is None
    (said,) = caplog.messages
    assert said.startswith("W&B: the sweep goes on without a run of its own")


def test_each_whole_line_of_a_growing_journal_comes_once(tmp_path: Path) -> None:
    path, tail = tmp_path / journal.JOURNAL_FILE, JournalTail(tmp_path)
    assert list(tail.new_lines()) == []
    path.write_bytes(b"one\ntw")
    assert list(tail.new_lines()) == [(1, "one")]
    path.write_bytes(b"one\ntwo\nthree\n")
    assert list(tail.new_lines()) == [(2, "two"), (3, "three")]
    assert list(tail.new_lines()) == []
    # A line that could not be synced is taken back.
    path.write_bytes(b"one\ntwo\n")
    assert list(tail.new_lines()) == [(1, "one"), (2, "two")]


def problem(objectives: int, threshold: float | None = None) -> Problem:
    goals = tuple(Objective(f"f{i}", minimize=i % 2 == 0, threshold=threshold) for i in range(objectives))
    return Problem(SearchSpace((Range("x", 0, 1, "float"),)), goals)


def completed(index: int, outcome: Outcome) -> Trial:
    job = Job(str(index), f"/jobs/{index}")
    return Trial(index, {"x": 0.5}, TrialStatus.COMPLETED, job=job, outcome=outcome, time=100.0 + index)


def text(trial: Trial) -> str:
    return json.dumps(journal.to_line(trial))


@pytest.mark.parametrize(("objectives", "threshold"), [(2, None), (2, 5.0), (3, None), (3, 5.0)])
def test_the_drawn_hypervolume_is_that_of_all_trials_until_then(objectives: int, threshold: float | None) -> None:
    values, goal = random.Random(objectives), problem(objectives, threshold)
    rows, trials = SweepRows({"problem": goal.to_dict(), "time": 100.0}), []
    for index in range(60):
        trials.append(completed(index, {o.name: float(values.randint(0, 10)) for o in goal.objectives}))
        row = rows.row(index + 2, text(trials[-1]))
        assert row["hypervolume"] == hypervolume_of(trials, goal)
        assert (row["finished"], row["elapsed_s"]) == (index + 1, float(index))
    assert rows.row(61, text(trials[-1]))["hypervolume"] == hypervolume_of(trials, goal)


def test_a_single_objective_is_drawn_by_its_best_value_once_there_is_one() -> None:
    rows = SweepRows({"problem": problem(1).to_dict(), "time": 0.0})
    staged = Trial(0, {"x": 0.1}, generation_seconds=0.25, time=1.0)
    assert rows.row(2, text(staged)) == {"journal_line": 2, "journal": text(staged)}
    failed = staged.to(TrialStatus.FAILED, reason="it broke", time=2.0)
    row = rows.row(3, text(failed))
    assert (row["failed"], row["seconds_per_candidate"], "best/f0" in row) == (1, 0.25, False)
    found = [
        rows.row(4 + index, text(completed(index, {"f0": value})))["best/f0"] for index, value in enumerate((3, 4, 1))
    ]
    assert found == [3, 3, 1]
    assert rows.row(9, "{no json") == {"journal_line": 9, "journal": "{no json"}


def test_runs_of_another_sweep_are_not_taken_for_those_of_the_only_one_whose_own_run_has_arrived() -> None:
    def run(run_id: str, job_type: str, **config: object) -> SimpleNamespace:
        return SimpleNamespace(id=run_id, job_type=job_type, config=config)

    sweep, foreign = run("s-0a1b2c3d-sweep", "sweep"), run("s-99999999-0", "trial", trial=0)
    ours = run("s-0a1b2c3d-0", "trial", trial=0)
    assert trial_runs([ours, foreign, sweep], sweep) == {0: ours}
    assert trial_runs([foreign, sweep, run("x", "training", trial=1)], sweep) == {0: foreign}  # an id of W&B's making
    assert trial_runs([foreign, sweep, run("s-99999999-sweep", "sweep")], sweep) == {}


def test_the_problem_in_wandbs_words() -> None:
    space = SearchSpace(
        (
            Range("model.lr", 1e-4, 1e-2, "float", log_scale=True),
            Range("model.width", 16, 64, "int", log_scale=True),
            Range("depth", 1, 4, "int"),
            Range("dropout", 0, 0.5, "float", step=0.25),
            Choice("optimizer", ("adam", None), is_ordered=False),
            Fixed("epochs", 3),
        )
    )
    config = sweep_config(Problem(space, (Objective("acc", minimize=False), Objective("size", minimize=True))), "s")
    assert config["metric"] == {"name": "acc", "goal": "maximize"}
    lr = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
    width = {"distribution": "q_log_uniform_values", "min": 16, "max": 64}
    assert config["parameters"] == {
        "model": {"parameters": {"lr": lr, "width": width}},
        "depth": {"distribution": "int_uniform", "min": 1, "max": 4},
        "dropout": {"values": [0.0, 0.25, 0.5]},
        "optimizer": {"values": ["adam", None]},
        "epochs": {"value": 3},
    }


def test_the_pareto_table_holds_any_value_that_a_choice_may_have() -> None:
    import wandb

    values = (1, "two", None, [1, 2], 2**60, True)
    goal = problem(2)
    trials = [
        Trial(i, {"x": value}, TrialStatus.COMPLETED, outcome={"f0": float(i), "f1": float(i)}, time=1.0)
        for i, value in enumerate(values)
    ]
    table = pareto_table(wandb, trials, goal)
    assert table.columns == ["trial", "x", "f0", "f1"]
    assert [row[1] for row in table.data] == [1, "two", None, "[1, 2]", str(2**60), True]
