"""Every mistake in config or usage ends with exit code 2 and one message that names the key and the remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import SWEEPER, Ended, command_line

APP = """
import warnings

import hydra

warnings.filterwarnings("ignore", message="The version_base parameter is deprecated")


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    return {"objective": config.x**2, "accuracy": -(config.x**2), "size": config.x}


main()
"""
CONFIG = {
    "defaults": [{"model": "mlp"}, "_self_"],
    "x": 1.0,
    "y": 1.0,
    "n": 3,
    "act": "relu",
    "opt": {"lr": 0.1},
    "optimizer": "sgd",
}
X = "x=interval(0,1)"
KEYS = "hydra.sweeper"
LOCAL = (X, "hydra/launcher=async_local")
FOLDER = "hydra.sweep.dir=sweep"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application with nested keys and a config group, that knows nothing of the sweeper."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "app.py").write_text(APP)
    (folder / "conf/model").mkdir(parents=True)
    (folder / "conf/config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    (folder / "conf/model/mlp.yaml").write_text("width: 3")
    (folder / "conf/model/cnn.yaml").write_text("depth: 3")
    (folder / "conf/optimizer").mkdir()
    for optimizer in ("adam", "adamw"):
        (folder / f"conf/optimizer/{optimizer}.yaml").write_text("beta: 0.9")
    return folder / "app.py"


# What is typed after `python app.py -m hydra/sweeper=ax_moo`, the key that the message begins with, and the remedy.
Mistake = tuple[tuple[str, ...], str, str]

OBJECTIVES: list[Mistake] = [
    ((X, f"{KEYS}.objectives=5"), f"{KEYS}.objectives", "must be a mapping"),
    ((X, f"{KEYS}.objectives=[accuracy]"), f"{KEYS}.objectives", "such as {val_acc: {direction: maximize}}, got"),
    (
        (X, f"+{KEYS}.objectives.accuracy.directions=maximize"),
        f"{KEYS}.objectives.accuracy.directions",
        "did you mean 'direction'",
    ),
    (
        (X, f"+{KEYS}.objectives.accuracy.direction=maximise"),
        f"{KEYS}.objectives.accuracy.direction",
        "did you mean 'maximize'",
    ),
    ((X, f"+{KEYS}.objectives.accuracy.threshold=0"), f"{KEYS}.objectives.accuracy", "add direction: maximize"),
    (
        (X, f"+{KEYS}.objectives={{accuracy: {{direction: maximize, threshold: high}}, size: minimize}}"),
        f"{KEYS}.objectives.accuracy.threshold",
        "must be a finite number",
    ),
    (
        (X, f"+{KEYS}.objectives={{accuracy: {{direction: maximize, threshold: 0}}, size: minimize}}"),
        f"{KEYS}.objectives.size.threshold",
        "give a threshold to all objectives or to none",
    ),
    (
        (X, f"+{KEYS}.objectives={{accuracy: {{direction: maximize, threshold: 0}}}}"),
        f"{KEYS}.objectives.accuracy.threshold",
        "leave the threshold out",
    ),
    (
        (X, f"{KEYS}.outcome_constraints=['objective <= 1']"),
        f"{KEYS}.outcome_constraints",
        "leave the constraint out",
    ),
    ((X, f"{KEYS}.outcome_constraints=['size = 1']"), f"{KEYS}.outcome_constraints", "must be <= or >="),
    ((X, f"{KEYS}.outcome_constraints=['size <= small']"), f"{KEYS}.outcome_constraints", "METRIC <= NUMBER"),
    ((X, f"{KEYS}.outcome_constraints='size <= 1'"), f"{KEYS}.outcome_constraints", "must be a list"),
]

PARAMETERS: list[Mistake] = [
    ((), f"{KEYS}.params", "or on the command line: 'lr="),
    (("x=3",), f"{KEYS}.params", "or on the command line: 'lr="),
    ((f"{KEYS}.params=5",), f"{KEYS}.params", "must be a mapping, such as {lr:"),
    (("x=interval(1,0)",), "x=interval(1,0)", "write the smaller one first"),
    ((f"+{KEYS}.params={{x: 'interval(1,0)'}}",), f"{KEYS}.params.x", "write the smaller one first"),
    (("opt.lr=tag(log,interval(0,1))",), "opt.lr=tag(log,interval(0,1))", "raise it, or leave log out"),
    ((f"+{KEYS}.params={{x: 'choice()'}}",), f"{KEYS}.params.x", "empty choice"),
    (
        (f"+{KEYS}.params={{x: {{type: choice, values: []}}}}",),
        f"{KEYS}.params.x",
        "give at least two values",
    ),
    (("act=choice(relu,tanh,relu)",), "act=choice(relu,tanh,relu)", "give each value once"),
    ((X, "model=5"), "model=5", "the config group 'model' takes the name of an option; valid: cnn, mlp"),
    ((X, "model={a: 1}"), "model={a: 1}", "the config group 'model' takes the name of an option"),
    ((X, "+="), "+=", "it has no key; write KEY=VALUE"),
    ((X, "=5"), "=5", "it has no key"),
    (("act=choice()",), "act=choice()", "write at least two values: choice(a, b)"),
    (("x=interval(0)",), "x=interval(0)", "write two numbers: interval(0, 1)"),
    (("x=interval(0,1",), "x=interval(0,1", "makes no sense near 'interval(0,1'; close every bracket and quote"),
    (("opt.lr=interval(a,b)",), "opt.lr=interval(a,b)", "write two numbers: interval(0, 1)"),
    ((f"{KEYS}.params={{x: interval(0,1)}}",), f"{KEYS}.params.x", "write it in quotes"),
    ((X, "hydra.job.name=a,b"), "hydra.job.name", "Hydra's own config cannot be searched over"),
    (("model=interval(0,1)",), "model=interval(0,1)", "write choice(cnn, mlp)"),
    (("optimizer=choice(adam,adamw)",), "optimizer=choice(adam,adamw)", "that the defaults list does not have"),
    ((X, "x=interval(0,2)"), "x", "duplicate parameter on the command line; give it once"),
    ((X, "x=3"), "x", "duplicate parameter on the command line; give it once"),
    ((X, f"+{KEYS}.params={{hydra.job.name: 'choice(a,b)'}}"), f"{KEYS}.params.hydra.job.name", "set it to one"),
    (("x=tag(lgo,interval(1,2))",), "x=tag(lgo,interval(1,2))", "did you mean 'log'"),
    (("act=tag(log,choice(a,b))",), "act=tag(log,choice(a,b))", "leave the tag log out"),
    ((f"+{KEYS}.params={{x: {{type: rnage, bounds: [0, 1]}}}}",), f"{KEYS}.params.x", "did you mean 'range'"),
    ((f"+{KEYS}.params={{x: {{bounds: [0, 1], log: true}}}}",), f"{KEYS}.params.x.log", "log_scale"),
    ((f"+{KEYS}.params={{x: {{bounds: [0, 1, 2]}}}}",), f"{KEYS}.params.x.bounds", "must be two numbers"),
    ((f"+{KEYS}.params={{opt: {{lr: 'interval(0,1)'}}}}",), f"{KEYS}.params.opt", "model.lr"),
    (
        ("opt.lrr=interval(0,1)",),
        "opt.lrr=interval(0,1)",
        "did you mean 'opt.lr'? correct the key, or add a new one with +opt.lrr",
    ),
    ((f"+{KEYS}.params={{opt.lrr: 'interval(0,1)'}}",), f"{KEYS}.params.opt.lrr", "did you mean 'opt.lr'"),
    (("+x=interval(0,1)",), "+x=interval(0,1)", "leave the + out"),
    (("model=choice(mlp,cnnn)",), "model=choice(mlp,cnnn)", "did you mean 'cnn'? valid: cnn, mlp"),
    ((X, "hydra.sweep.dir='${nope}'"), "hydra.sweep.dir", "give the folder of the sweep"),
    (("model=cnn", "model.width=interval(0,1)"), "model.width=interval(0,1)", "no key 'model.width'"),
    (("model=choice(mlp,cnn)", "model.width=interval(0,1)"), "model=choice(mlp,cnn)", "with model=cnn"),
]

CONSTRAINTS: list[Mistake] = [
    ((X, f"{KEYS}.parameter_constraints=['z <= 1']"), f"{KEYS}.parameter_constraints", "valid: x"),
    ((X, f"{KEYS}.parameter_constraints=['x < 1']"), f"{KEYS}.parameter_constraints", "must be <=, >= or =="),
    ((X, f"{KEYS}.parameter_constraints=['x 1 <= 1']"), f"{KEYS}.parameter_constraints", "write it as in"),
    (
        (X, "n=choice(1,2)", f"{KEYS}.parameter_constraints=['n <= x']"),
        f"{KEYS}.parameter_constraints",
        "make it a range, such as n=interval",
    ),
    (
        (X, "y=tag(log,interval(1,2))", f"{KEYS}.parameter_constraints=['x <= y']"),
        f"{KEYS}.parameter_constraints",
        "or leave log out",
    ),
    (
        (X, "y=interval(3,4)", f"{KEYS}.parameter_constraints=['y <= x']"),
        f"{KEYS}.parameter_constraints",
        "loosen the constraint or widen the bounds",
    ),
    (("x=interval(1,1.0000000000000002)",), "x", "give bounds that differ more"),
    (("x=tag(log,interval(1e10,10000000000.000002))",), "x", "leave log out"),
    ((X, "n=range(0,2000,1.0)"), "n", "give fewer values, or a range without a step"),
]

SETTINGS: list[Mistake] = [
    ((X, f"{KEYS}.n_trials=0"), f"{KEYS}.n_trials", "a whole number of at least 1"),
    ((X, f"{KEYS}.n_trials=ten"), f"{KEYS}.n_trials", "a whole number of at least 1"),
    (
        (X, f"{KEYS}.n_trials=${{nothing}}"),
        f"{KEYS}.n_trials",
        "'nothing' not found; give a value that can be resolved",
    ),
    ((X, f"{KEYS}.seed=${{oc.env:NO_SUCH_VARIABLE}}"), f"{KEYS}.seed", "give a value that can be resolved"),
    ((X, "hydra/sweeper/sampler=tpe"), "hydra/sweeper/sampler", "write method: auto"),
    ((X, f"{KEYS}.wandb.project=team/mnist"), f"{KEYS}.wandb.project", "a name without /"),
    ((X, f"{KEYS}.n_trials=???"), f"{KEYS}.n_trials", "give a value"),
    ((X, f"{KEYS}.initial={{x: 0.5}}"), f"{KEYS}.initial", "must be a list, such as [{lr: 0.001, width: 64}]"),
    ((X, f"{KEYS}.n_jobs=0"), f"{KEYS}.n_jobs", "a whole number of at least 1"),
    ((X, f"{KEYS}.n_jobs=2.5"), f"{KEYS}.n_jobs", "a whole number of at least 1"),
    ((X, f"{KEYS}.method=bayes"), f"{KEYS}.method", "must be one of auto, fast, sobol"),
    ((X, f"{KEYS}.method=grid"), f"{KEYS}.method", "give it a step, such as x=range"),
    ((X, f"{KEYS}.seed=-1"), f"{KEYS}.seed", "from 0 to"),
    ((X, f"{KEYS}.timeout_hours=0"), f"{KEYS}.timeout_hours", "a number of hours above 0"),
    ((X, f"{KEYS}.max_failure_rate=2"), f"{KEYS}.max_failure_rate", "between 0 and 1"),
    ((X, f"{KEYS}.progress=pretty"), f"{KEYS}.progress", "must be one of auto, bar"),
    ((X, f"{KEYS}.n_initial=0"), f"{KEYS}.n_initial", "a whole number of at least 1"),
    ((X, f"+{KEYS}.n_trial=3"), f"{KEYS}.n_trial", "did you mean 'n_trials'"),
    ((X, f"{KEYS}.n_trial=3"), f"{KEYS}.n_trial", "did you mean 'n_trials'"),
    ((X, f"{KEYS}.sampler.seed=3"), f"{KEYS}.sampler.seed", "write seed: 3"),
    ((X, f"{KEYS}.optim={{budget: 9, seed: 1}}"), KEYS, "optim.budget (write n_trials: 9); optim.seed (write seed: 1)"),
    ((X, f"{KEYS}.direction=[maximize,minimize]"), f"{KEYS}.direction", "NAME: {direction: minimize}}"),
    ((X, f"{KEYS}.stop_when=15"), f"{KEYS}.stop_when", "such as {no_improvement: 15}, or null"),
    ((X, f"{KEYS}.stop_when.no_improvement=0"), f"{KEYS}.stop_when.no_improvement", "at least 1"),
    ((X, f"{KEYS}.direction=maximise"), f"{KEYS}.direction", "did you mean 'maximize'"),
    (
        (X, f"{KEYS}.direction=maximize", f"{KEYS}.objectives={{accuracy: maximize}}"),
        f"{KEYS}.direction",
        "leave it out, because objectives give each metric its own direction",
    ),
    ((X, f"{KEYS}.initial=[{{x: 3}}]"), f"{KEYS}.initial[0].x", "must be between 0.0 and 1.0, got 3"),
    ((X, f"{KEYS}.initial=[{{x: big}}]"), f"{KEYS}.initial[0].x", "give a value of the search space"),
    ((X, f"{KEYS}.initial=[{{x: 0.5, z: 1}}]"), f"{KEYS}.initial[0].z", "valid: x"),
    ((X, "y=interval(0,1)", f"{KEYS}.initial=[{{x: 0.5}}]"), f"{KEYS}.initial[0]", "'y' is missing; give it"),
    (
        (X, f"{KEYS}.initial=[{{x: 0.5}}, {{x: 0.6}}]", f"{KEYS}.n_trials=1"),
        f"{KEYS}.initial",
        "raise n_trials or give fewer",
    ),
]

FOLDERS: list[Mistake] = [
    (
        (X, "hydra.sweep.subdir='${act}'"),
        "hydra.sweep.subdir",
        "as the default does: hydra.sweep.subdir='${hydra.job",
    ),
    ((X, "hydra.sweep.subdir='${model}'"), "hydra.sweep.subdir", "give a value that every trial can resolve"),
    ((X, "hydra.sweep.subdir='.submitit/${hydra.job.num}'"), "hydra.sweep.subdir", "which is the sweep's own"),
    ((X, "hydra.sweep.dir="), "hydra.sweep.dir", "give the folder of the sweep"),
    ((X, "hydra.sweep.dir='  '"), "hydra.sweep.dir", "give the folder of the sweep"),
]

LAUNCHERS: list[Mistake] = [
    ((*LOCAL, "hydra.launcher.gpus=[7,7]"), "hydra.launcher.gpus", "give jobs_per_gpu to share"),
    (
        (*LOCAL, "hydra.launcher.jobs_per_gpu=0"),
        "hydra.launcher.jobs_per_gpu",
        "must be a whole number of at least 1, or null, got 0",
    ),
    ((*LOCAL, "hydra.launcher.gpu=[0]"), "hydra.launcher.gpu", "did you mean 'gpus'"),
    ((*LOCAL, "+hydra.launcher.partition=gpu"), "hydra.launcher.partition", "unknown key; valid: submitit_folder"),
    ((X, "hydra/launcher=async_slurm", "hydra.launcher.timeout_min=soon"), "hydra.launcher.timeout_min", "above 0"),
    (
        (*LOCAL, "hydra.launcher.submitit_folder=${no_such_key}"),
        "hydra.launcher",
        "'no_such_key' not found; give a value",
    ),
    ((*LOCAL, "hydra.sweep.dir=${no_such_key}"), "hydra.sweep.dir", "'no_such_key' not found; give the folder"),
]


COMPOSITION: list[Mistake] = [
    ((X, "hydra.mode=nope"), "hydra.mode=nope", "must be one of RUN, MULTIRUN"),
    (
        (X, "model=cnnn"),
        "model=cnnn",
        "the config group 'model' has no option 'cnnn'; did you mean 'cnn'? valid: cnn, mlp",
    ),
    ((X, "modl=mlp"), "modl=mlp", "did you mean 'model'? correct the key, or add a new one with +modl"),
    ((X, "+modl=mlp", "opt.lrr=3"), "opt.lrr=3", "the config has no key 'opt.lrr'; did you mean 'opt.lr'?"),
    ((X, "+n=4"), "+n=4", "leave the + out"),
    ((X, "hydra/launcher=async_locl"), "hydra/launcher=async_locl", "did you mean 'async_local'?"),
]


@pytest.mark.parametrize(("arguments", "key", "remedy"), COMPOSITION)
@pytest.mark.parametrize("chosen", ["hydra/sweeper=ax_moo", "--config-name=chosen"])
def test_what_does_not_compose_ends_with_2_wherever_the_sweeper_is_chosen(
    app: Path, tmp_path: Path, arguments: tuple[str, ...], key: str, remedy: str, chosen: str
) -> None:
    defaults = ["config", {"override hydra/sweeper": "ax_moo"}, "_self_"]
    (app.parent / "conf/chosen.yaml").write_text(yaml.safe_dump({"defaults": defaults}))
    ended = command_line().run(tmp_path, "-m", chosen, FOLDER, *arguments, app=app)
    assert_refused(ended, key, remedy)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("-m", "model=cnnn", "x=1,2"), ("--config-name=chosen", "model=cnnn"), ("-m", "hydra.mode=nope")]
)
def test_hydra_speaks_for_a_run_without_our_sweeper(app: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    defaults = ["config", {"override hydra/sweeper": "ax_moo"}, "_self_"]
    (app.parent / "conf/chosen.yaml").write_text(yaml.safe_dump({"defaults": defaults}))
    ended = command_line().run(tmp_path, *arguments, app=app)
    assert ended.code == 1
    assert "hydra/sweeper=ax_moo" not in ended.stderr
    assert ended.stderr.startswith(("In 'config': Could not find", "Error merging", "Invalid hydra.mode"))


def test_a_defaults_list_that_names_no_option_is_said(app: Path, tmp_path: Path) -> None:
    defaults = ["config", {"override model": "cnnn"}, {"override hydra/sweeper": "ax_moo"}, "_self_"]
    (app.parent / "conf/wrong.yaml").write_text(yaml.safe_dump({"defaults": defaults}))
    ended = command_line().run(tmp_path, "-m", "--config-name=wrong", X, FOLDER, app=app)
    assert_refused(ended, "wrong", "the config group 'model' has no option 'cnnn'; did you mean 'cnn'?")


@pytest.mark.parametrize(
    ("arguments", "key", "remedy"), [*OBJECTIVES, *PARAMETERS, *CONSTRAINTS, *SETTINGS, *FOLDERS, *LAUNCHERS]
)
def test_a_mistake_ends_with_2_and_one_message_and_leaves_nothing(
    app: Path, tmp_path: Path, arguments: tuple[str, ...], key: str, remedy: str
) -> None:
    ended = command_line().run(tmp_path, "-m", "hydra/sweeper=ax_moo", FOLDER, *arguments, app=app)
    assert_refused(ended, key, remedy)
    assert list(tmp_path.iterdir()) == []


def assert_refused(ended: Ended, key: str, remedy: str) -> None:
    assert (ended.code, ended.stdout) == (2, "")
    (message,) = ended.stderr.splitlines()
    assert message.startswith((f"hydra/sweeper=ax_moo: {key}: ", f"hydra/sweeper=ax_moo: {key} "))
    assert remedy in message


OPTUNAS = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
IN_YAML: list[tuple[dict[str, object], str, str]] = [
    ({"sweeper": {"n_job": 3}}, "hydra.sweeper.n_job", "did you mean 'n_jobs'"),
    ({"sweeper": {"_target_": OPTUNAS}}, "hydra.sweeper._target_", "is another sweeper, which a config file names"),
    ({"sweeper": {"objectives": ["acc"]}}, "written", "In 'written': Cannot merge "),
    ({"direction": "maximize"}, "written", "In 'written' hydra.direction: Key 'direction' not in 'HydraConf'; correct"),
]


@pytest.mark.parametrize(("hydra", "key", "remedy"), IN_YAML)
def test_a_mistake_in_a_yaml_file_is_named_with_what_is_right(
    app: Path, tmp_path: Path, hydra: dict[str, object], key: str, remedy: str
) -> None:
    defaults = ["config", {"override hydra/sweeper": "ax_moo"}, "_self_"]
    (app.parent / "conf/written.yaml").write_text(yaml.safe_dump({"defaults": defaults, "hydra": hydra}))
    ended = command_line().run(tmp_path, "--config-name=written", "-m", FOLDER, X, app=app)
    assert_refused(ended, key, remedy)
    assert list(tmp_path.iterdir()) == []


def test_slurm_that_is_not_there_is_said_before_any_job(app: Path, tmp_path: Path) -> None:
    nowhere = {**os.environ, "PATH": str(tmp_path)}
    arguments = ("-m", "hydra/sweeper=ax_moo", X, FOLDER, "hydra/launcher=async_slurm")
    ended = command_line().run(tmp_path, *arguments, app=app, environment=nowhere)
    assert_refused(ended, "hydra/launcher=async_slurm", "async_local")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(app: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    arguments = ("-m", "hydra/sweeper=ax_moo", X, "hydra.sweep.dir=file/sweep")
    ended = command_line().run(tmp_path, *arguments, app=app)
    assert_refused(ended, "hydra.sweep.dir", "name a folder that you can write to")


def test_a_command_without_its_mistake_runs_and_its_folder_is_then_used(app: Path, tmp_path: Path) -> None:
    arguments = ("-m", "hydra/sweeper=ax_moo", X, FOLDER, f"{KEYS}.method=random")
    assert command_line().run(tmp_path, *arguments, f"{KEYS}.n_trials=0", app=app).code == 2
    mended = command_line(*SWEEPER).run(tmp_path, *arguments, f"{KEYS}.n_trials=2", app=app)
    assert mended.code == 0, mended.stderr
    jobs = sorted(path.name for path in (tmp_path / "sweep").iterdir() if path.name.isdigit())
    assert jobs == ["0", "1"]
    again = command_line().run(tmp_path, *arguments, f"{KEYS}.resume=never", app=app)
    assert_refused(again, "hydra.sweep.dir", "name another folder")
    assert len([path for path in (tmp_path / "sweep").iterdir() if path.name.isdigit()]) == 2


def test_the_same_message_comes_from_a_python_of_its_own(app: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(app), "-m", "hydra/sweeper=ax_moo", X, FOLDER, f"{KEYS}.n_jobs=0"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert_refused(Ended(ended.returncode, ended.stdout, ended.stderr), f"{KEYS}.n_jobs", "at least 1")
    assert list(tmp_path.iterdir()) == []
