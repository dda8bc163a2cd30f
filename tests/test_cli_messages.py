"""What the commands of `ax-moo` say to mistakes, and what they refuse to do."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from launching import open_launcher
from typer.testing import CliRunner, Result

from ax_moo.cli.app import app
from ax_moo.cli.controller import Controller
from ax_moo.jobs.launcher import JobState
from ax_moo.jobs.logs import log_of
from ax_moo.problem.objectives import Objective
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Range, SearchSpace
from ax_moo.storage import lock, stop_request
from ax_moo.storage.journal import Journal, header, id_of, trials
from ax_moo.sweep.steps.submission import request_of
from ax_moo.trial import Attempt, Fault, Job, Trial, TrialStatus

PROBLEM = Problem(SearchSpace((Range("x", 0.0, 1.0, "float"),)), (Objective("loss", minimize=True),))
APP = """
import hydra


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    return config.x


if __name__ == "__main__":
    main()
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def write_journal(folder: Path, *trials: Trial, about: Mapping[str, Any] | None = None) -> Path:
    journal = Journal(folder)
    journal.begin(PROBLEM.to_dict(), {"time": time.time() - 60, "n_trials": 3, **(about or {})})
    for trial in trials:
        journal.record(trial)
    journal.close()
    return folder


def completed(index: int, loss: float) -> Trial:
    return Trial(index, {"x": loss}).to(TrialStatus.COMPLETED, outcome={"loss": loss})


def test_a_journal_that_was_tampered_with_is_a_mistake(tmp_path: Path) -> None:
    write_journal(tmp_path)
    with open(tmp_path / "sweep.jsonl", "a") as file:
        file.write("tampered\n")
    result = run("status", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"ax-moo status: {tmp_path}/sweep.jsonl: line 2 is not what the sweep wrote" in result.stderr


@pytest.mark.parametrize(
    "first", ['{"format": 1}\n', '{"format": 1, "problem": {"search_space": 3}}\n', '{"format": 2}\n']
)
def test_a_first_line_that_describes_no_sweep_is_a_mistake(tmp_path: Path, first: str) -> None:
    (tmp_path / "sweep.jsonl").write_text(first)
    result = run("status", tmp_path)
    assert result.exit_code == 2
    assert str(tmp_path / "sweep.jsonl") in result.stderr


@pytest.mark.parametrize("content", ["", '{"format": 1'])
def test_a_sweep_that_was_killed_before_it_began_is_told_from_one_that_is_about_to(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "sweep.jsonl").write_text(content)
    assert "sweep.jsonl is empty" in run("status", tmp_path).stderr
    with lock.held(tmp_path):
        result = run("status", tmp_path)
    assert result.exit_code == 2
    assert f"the sweep in {tmp_path} is about to begin (process {os.getpid()} on " in result.stderr


def test_a_path_that_is_no_folder_is_a_mistake(tmp_path: Path) -> None:
    result = run("status", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert f"ax-moo status: {tmp_path}/nowhere is not a folder; name a sweep folder" in result.stderr


def test_with_one_objective_status_shows_the_best_trial(tmp_path: Path) -> None:
    write_journal(tmp_path, completed(0, 0.5), completed(1, 0.25))
    assert json.loads(run("status", tmp_path, "--json").stdout)["best"] == {
        "trial": 1,
        "params": {"x": 0.25},
        "values": {"loss": 0.25},
    }
    assert "Best trial" in run("status", tmp_path).stdout


def test_the_later_jobs_of_a_sweep_that_nobody_runs_are_those_with_which_it_goes_on(tmp_path: Path) -> None:
    lost = (Attempt(Job("7", ""), "died", True, Fault.DIED_AT_START, "n1", time.time()),) * 2
    write_journal(tmp_path, replace(completed(0, 0.5), previous_attempts=lost))
    with lock.held(tmp_path, {"n_trials": 1}):
        assert "n1 (died); later jobs avoid it until" in run("status", tmp_path).stdout.replace("\n", " ")
    said = run("status", tmp_path).stdout.replace("\n", " ")
    assert "n1 (died); jobs avoid it if the sweep goes on before" in said


def test_a_sweep_without_a_trial_has_a_status(tmp_path: Path) -> None:
    result = run("status", write_journal(tmp_path))
    assert result.exit_code == 0
    assert "0 of 3 trials: none was started" in result.stdout


def test_a_raised_number_of_trials_counts_and_not_the_one_of_the_first_start(tmp_path: Path) -> None:
    write_journal(tmp_path, completed(0, 0.5))
    with lock.held(tmp_path, {"n_trials": 48}):
        assert "1 of 48 trials: 1 completed" in run("status", tmp_path).stdout


def test_how_a_sweep_ended_is_said_in_its_own_words(tmp_path: Path) -> None:
    write_journal(tmp_path, completed(0, 0.5))
    with lock.held(tmp_path, {"n_trials": 3}) as final_record:
        final_record.update(exit_code=1, why="the time is up")
    assert "finished (the time is up); 0:01:00" in run("status", tmp_path).stdout


def test_a_finished_sweep_of_which_no_trial_completed_is_told_from_one_with_a_result(tmp_path: Path) -> None:
    write_journal(tmp_path, Trial(0, {"x": 0.5}).to(TrialStatus.FAILED, reason="no"))
    with lock.held(tmp_path, {"n_trials": 3}) as final_record:
        final_record.update(exit_code=1, why="the search space is exhausted", is_over=True)
    assert "finished, and no trial completed (the search space is exhausted)" in run("status", tmp_path).stdout


def test_stop_does_not_advise_to_go_on_with_a_finished_sweep(tmp_path: Path) -> None:
    write_journal(tmp_path, completed(0, 0.5))
    with lock.held(tmp_path, {"n_trials": 1}) as final_record:
        final_record.update(exit_code=0, why="all 1 trials were started", is_over=True)
    for options in ((), ("--now",)):
        said = run("stop", tmp_path, *options).stdout
        assert "the sweep has finished; its command with a larger hydra.sweeper.n_trials goes on with it" in said
        assert "ax-moo resume" not in said


def test_failures_with_markup_and_without_a_job_are_shown_as_they_are(tmp_path: Path) -> None:
    failed = Trial(0, {"x": 0.5}).to(TrialStatus.FAILED, reason="KeyError: '[bold]'")
    assert "KeyError: '[bold]'" in run("status", write_journal(tmp_path, failed)).stdout


def test_stop_without_a_sweeper_says_so_and_is_no_mistake(tmp_path: Path) -> None:
    result = run("stop", write_journal(tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"no process runs the sweep in {tmp_path}\nno job is left\ngo on with the sweep: ax-moo resume {tmp_path}\n"
    )


def test_stop_now_leaves_the_command_that_the_lock_names(tmp_path: Path) -> None:
    write_journal(tmp_path)
    with lock.held(tmp_path, {"command": "python train.py"}):
        pass
    assert run("stop", "--now", tmp_path).exit_code == 0
    holder = lock.holder(tmp_path)
    assert holder is not None
    assert holder.about == {"command": "python train.py"}


def sleeps(config: object) -> None:
    time.sleep(120)


def test_stop_now_finds_and_cancels_a_job_that_a_killed_sweeper_had_no_time_to_note(tmp_path: Path) -> None:
    staged = Trial(0, {"x": 0.5})
    folder = write_journal(tmp_path / "sweep", staged, Trial(1, {"x": 0.5}))
    own = request_of(staged, PROBLEM.search_space, id_of(header(folder) or {}))
    [handle] = open_launcher(tmp_path, "async_local", sleeps, config="x: 0.0").submit([own])
    result = run("stop", "--now", folder)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"cancelling {handle.job.job_id}\nno job is left\n")
    assert handle.state() is JobState.LOST
    assert [(trial.status, trial.attempt, trial.retries_used) for trial in trials(folder)] == [
        (TrialStatus.STAGED, 2, 0),
        (TrialStatus.STAGED, 1, 0),
    ]


@pytest.mark.parametrize(
    ("command", "cwd", "why"),
    [
        (None, None, "has no record of the command that started its sweep; run that command again"),
        ("python train.py", "/nowhere", "the working directory /nowhere of the sweep's command does not exist"),
        ("/nowhere/bin/python train.py", "/", "the program /nowhere/bin/python of the sweep's command does not exist"),
        (f"{sys.executable} -u train.py -m", "/", "the script /train.py of the sweep's command does not exist"),
    ],
)
def test_a_command_that_cannot_be_run_again_is_a_mistake(
    tmp_path: Path, command: str | None, cwd: str | None, why: str
) -> None:
    write_journal(tmp_path, about={"command": command, "cwd": cwd})
    result = run("resume", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in result.stderr
    assert "Traceback" not in result.stderr


def test_resume_becomes_the_latest_command_in_its_own_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_journal(tmp_path / "a sweep, 1", about={"command": "old", "cwd": "/"})
    with lock.held(folder, {"command": shlex.join([sys.executable, "-c", "print(1)"]), "cwd": str(tmp_path)}):
        pass
    became: list[Any] = []
    monkeypatch.setattr(os, "execvpe", lambda *arguments: became.extend([*arguments, os.getcwd()]))
    monkeypatch.chdir("/")
    assert run("resume", folder).exit_code == 0
    command = [sys.executable, "-c", "print(1)", f"hydra.sweep.dir='{folder}'", "hydra.sweeper.resume=require"]
    assert became == [sys.executable, command, os.environ, str(tmp_path)]


def test_a_sweep_with_which_a_slurm_job_goes_on_is_queued_and_not_resumed_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path, about={"command": "true", "cwd": "/"})
    (tmp_path / ".submitit" / "controller").mkdir(parents=True)
    (tmp_path / ".submitit" / "controller" / "12_submitted.pkl").touch()
    (tmp_path / "squeue").write_text("#!/bin/sh\necho '12|PENDING|None'\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "queued: Slurm job 12 goes on with it as soon as it runs" in run("status", tmp_path).stdout
    result = run("resume", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Slurm job 12 goes on with the sweep in {tmp_path} as soon as it runs" in result.stderr


def test_submit_where_there_is_no_slurm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("submit", "--", "python", "train.py", "-m")
    assert result.exit_code == 2
    assert "Slurm's sbatch and squeue and scancel and scontrol and srun are not on PATH" in result.stderr


@pytest.fixture
def slurm_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and Slurm's commands on PATH, none of which works."""
    for name in ("sbatch", "squeue", "scancel", "scontrol", "srun"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\necho slurm is away >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-m", "hydra/sweeper=ax_mo"), "Could not find 'hydra/sweeper/ax_mo'"),
        (("-m", "+x=1,2"), "the command must run a sweep, with -m and hydra/sweeper=ax_moo"),
        (("hydra/sweeper=ax_moo", "+x=1"), "the command must run a sweep, with -m and hydra/sweeper=ax_moo"),
        (("-m", "hydra/sweeper=ax_moo", "x=interval(0,1)"), "hydra/sweeper=ax_moo: x=interval(0,1): the application's"),
    ],
)
def test_submit_runs_nothing_and_submits_nothing_for_a_command_with_a_mistake(
    slurm_commands: Path, arguments: tuple[str, ...], why: str
) -> None:
    result = run("submit", "--", sys.executable, "app.py", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in result.stderr
    assert sorted(path.name for path in slurm_commands.iterdir()) == ["app.py", "bin"]


def test_what_slurm_says_to_a_job_that_it_refuses_is_passed_on(slurm_commands: Path) -> None:
    result = run("submit", "--", sys.executable, "app.py", "-m", "hydra/sweeper=ax_moo", "+x=interval(0,1)")
    assert result.exit_code == 2
    assert result.stderr == "ax-moo submit: Slurm refuses the job: slurm is away\n"


def test_submit_without_a_command_is_a_mistake() -> None:
    assert run("submit").exit_code == 2


def test_a_folder_that_is_swept_already_is_not_submitted_a_second_time(slurm_commands: Path) -> None:
    (slurm_commands / "swept").mkdir()
    with lock.held(slurm_commands / "swept"):
        command = ("-m", "hydra/sweeper=ax_moo", "+x=interval(0,1)", "hydra.sweep.dir=swept")
        result = run("submit", "--", sys.executable, "app.py", *command)
    assert result.exit_code == 2
    assert f"a sweep runs in {slurm_commands}/swept already (process {os.getpid()} on " in result.stderr


def test_a_controller_ends_as_its_sweep_does_and_hides_its_own_job_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    show = (
        "import os; print([k for k in os.environ if k.startswith(('SLURM_', 'SUBMITIT_')) or k == 'PYTHONPATH']);"
        "raise SystemExit(3)"
    )
    controller = Controller([sys.executable, "-c", show], str(tmp_path), str(tmp_path), None, grace_s=1)
    monkeypatch.setenv("PYTHONPATH", "/of/the/job")
    with pytest.raises(SystemExit, match="3"):
        controller()
    assert capfd.readouterr().out == "['SLURM_CONF']\n"


ENDS_AT_A_SIGNAL = """
import signal
import sys
from ax_moo.cli.controller import Controller

child = "import signal, time; signal.signal(signal.SIGTERM, {handler}); print('up', flush=True); time.sleep(60)"
controller = Controller([sys.executable, "-c", child], "/", sys.argv[1], None, grace_s=1)

def at_time_limit(number, frame):
    again = controller.checkpoint()
    print("again" if again and again.function is controller else again, flush=True)
    sys.exit(0)

signal.signal(signal.SIGUSR2, at_time_limit)
signal.signal(signal.SIGTERM, lambda number, frame: None)
controller()
"""


@pytest.mark.parametrize("handler", ["signal.SIG_DFL", "signal.SIG_IGN"])
@pytest.mark.parametrize(("asked", "answer"), [(False, "again"), (True, "None")])
def test_at_its_time_limit_a_controller_ends_its_sweep_and_goes_on_unless_it_is_asked_to_stop(
    tmp_path: Path, handler: str, asked: bool, answer: str
) -> None:
    script = ENDS_AT_A_SIGNAL.replace("{handler}", handler)
    if asked:
        stop_request.ask(tmp_path, stop_request.StopRequest.FINISH)
    command = [sys.executable, "-u", "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        [child] = psutil.Process(process.pid).children()
        child.send_signal(signal.SIGUSR2)  # Slurm sends it to every process of the job
        process.send_signal(signal.SIGUSR2)
        assert process.stdout.read().splitlines()[-1] == answer
    assert process.returncode == 0
    assert not child.is_running()


def test_a_controller_that_is_preempted_waits_for_slurm_to_end_and_to_requeue_it(tmp_path: Path) -> None:
    script = ENDS_AT_A_SIGNAL.replace("{handler}", "lambda *_: exit(130)")
    command = [sys.executable, "-u", "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        [child] = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGTERM)
        psutil.wait_procs([child], timeout=30)
        process.send_signal(signal.SIGUSR2)
        assert process.stdout.read() == "again\n"
    assert process.returncode == 0


def test_the_log_of_a_job_is_what_it_said_on_stderr_else_on_stdout_else_its_folder(tmp_path: Path) -> None:
    job = Job("7_1", str(tmp_path))
    assert log_of(job) == tmp_path
    for name in ("8_0_log.err", "7_1_0_log.err", "7_1_0_log.out"):
        (tmp_path / name).touch()
    assert log_of(job) == tmp_path
    (tmp_path / "8_0_log.err").write_text("of another job")
    (tmp_path / "7_1_0_log.out").write_text("said")
    assert log_of(job) == tmp_path / "7_1_0_log.out"
    (tmp_path / "7_1_0_log.err").write_text("complained")
    assert log_of(job) == tmp_path / "7_1_0_log.err"
