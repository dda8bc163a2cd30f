"""The batch scripts that `async_slurm` hands to sbatch: what a user writes is data there, never a line of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import ax_moo
from launching import open_launcher, submit, wait_for
from sweeping import write_app

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobState
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra, pytest.mark.usefixtures("slurm_cluster")]

NASTY = [
    "a b",
    "# not a comment",
    "it's",
    'say "hi"',
    "\"'\\'\"",
    "back\\slash",
    "\\n",
    "ends in \\",
    "$HOME `id` $(id) ${x}",
    "; id & | > x",
    "!* ?[a-z] ~",
    "-x --hold",
    "%j %x %%",
    "ünï 測試",
    "a=b,c",
    "a\ttab",
    "#SBATCH --partition=nowhere",
]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Any]:
    """Opens a launcher in a folder with these params; Hydra's own grammar of values is not what is tested here."""
    launchers: list[Any] = []

    def open_one(**params: Any) -> Any:
        launcher = open_launcher(tmp_path / str(len(launchers)), "async_slurm", lambda config: config.trial)
        launcher.params.update(params)
        launchers.append(launcher)
        return launcher

    return open_one


def script_of(handle: JobHandle) -> Path:
    first = handle.job.job_id.partition("_")[0]
    [script] = Path(handle.job.folder).parent.glob(f"{first}_submission.sh")
    return script


def is_shell(script: Path) -> bool:
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    return (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", NASTY)
def test_slurm_records_a_text_as_it_was_written(opened: Callable[..., Any], value: str) -> None:
    launcher = opened(name=value, comment=value, additional_parameters={"hold": True, "wckey": None})
    launcher.check()
    (handle,) = submit(launcher, 7)
    asked = subprocess.check_output(
        ["squeue", "--noheader", "--format=%j\n%k\n%P", f"--jobs={handle.job.job_id}"], text=True
    )
    handle.cancel()
    assert asked == f"{value}\n{value}\ngpu\n"
    assert is_shell(script_of(handle))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"comment": "a\nb"}, r"hydra\.launcher\.comment: must be text without line breaks.*, got 'a\\nb'"),
        ({"name": "a\n#SBATCH --hold"}, r"hydra\.launcher\.name: must be text without line breaks"),
        ({"partition": "gpu\r"}, r"hydra\.launcher\.partition: must be text without line breaks"),
        ({"exclude": "n1\x00"}, r"hydra\.launcher\.exclude: must be text without line breaks"),
        ({"python": "python\nid"}, r"hydra\.launcher\.python: must be text without line breaks"),
        ({"python": "it's"}, r"hydra\.launcher\.python: must be a command line of the shell, got \"it's\""),
        ({"srun_args": ["--a\nb"]}, r"hydra\.launcher\.srun_args: must be a list of texts without line breaks"),
        ({"setup": ["module load x\r"]}, r"hydra\.launcher\.setup: must be a list of lines of shell"),
        ({"setup": ["echo 'a"]}, r"hydra\.launcher\.setup: bash cannot read these lines: .*matching"),
        ({"setup": ["cat <<END"]}, r"hydra\.launcher\.setup: bash cannot read these lines: .*here-document"),
        (
            {"additional_parameters": {"mail-user\nx": "a"}},
            r"hydra\.launcher\.additional_parameters: 'mail-user\\nx' is not the name of an option of sbatch",
        ),
        (
            {"additional_parameters": {"reservation": "a\nb"}},
            r"hydra\.launcher\.additional_parameters\.reservation: must",
        ),
        ({"additional_parameters": {"exclusive": False}}, r"additional_parameters\.exclusive: must .*, got false"),
        (
            {"additional_parameters": {"ntasks": 2}},
            r"additional_parameters\.ntasks: .*set hydra\.launcher\.tasks_per_node",
        ),
        ({"additional_parameters": {"ntasks_per_gpu": 2}}, r"additional_parameters\.ntasks_per_gpu: .*tasks_per_node"),
        ({"additional_parameters": {"array": "0-3"}}, r"additional_parameters\.array: .*array_parallelism"),
        ({"additional_parameters": {"arr": "0-3"}}, r"additional_parameters\.arr: .*array_parallelism"),
        ({"additional_parameters": {"time": "1 h"}}, r"additional_parameters\.time: must be minutes, .*timeout_min"),
        ({"additional_parameters": {"wait": True}}, r"additional_parameters\.wait: "),
        ({"additional_parameters": {"wrap": "id"}}, r"additional_parameters\.wrap: "),
        ({"additional_parameters": {"parsable": True}}, r"additional_parameters\.parsable: "),
        ({"additional_parameters": {"clusters": "other"}}, r"additional_parameters\.clusters: .*SLURM_CLUSTERS"),
    ],
)
def test_what_would_become_a_line_of_the_script_or_take_the_job_from_us_is_refused(
    opened: Callable[..., Any], params: dict[str, Any], sentence: str
) -> None:
    launcher = opened(**params)
    with pytest.raises(ConfigError, match=sentence):
        launcher.check()


@pytest.mark.parametrize("name", ["line\nbreak", "return\r", "back\\slash"])
def test_a_sweeps_path_that_slurm_cannot_use_is_refused(opened: Callable[..., Any], name: str) -> None:
    launcher = opened(submitit_folder=f"/tmp/{name}/%j")
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.submitit_folder: must be a path without"):
        launcher.check()


def test_jobs_run_in_a_folder_of_any_other_name(opened: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("a b #c 'd' \"e\"", "-x; id & `id` $(id) $HOME ünï !*"):
        folder = tmp_path / name / "files"
        launcher = opened(submitit_folder=f"{folder}/%j")
        launcher.check()
        handles = submit(launcher, 0, 1)
        assert wait_for(handles) == [JobState.FINISHED] * 2
        assert [handle.result().value for handle in handles] == [0, 1]
        assert all((folder / str(trial) / f"{handles[trial].job.job_id}_0_log.out").exists() for trial in (0, 1))
        assert is_shell(script_of(handles[0]))


def test_python_may_be_a_file_with_a_space_in_its_name_or_a_command_line(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    spaced = tmp_path / "my env" / "python"
    spaced.parent.mkdir()
    spaced.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    spaced.chmod(0o755)
    for python in (str(spaced), f"env BY=us {sys.executable} -X utf8"):
        launcher = opened(python=python)
        launcher.check()
        (handle,) = submit(launcher, 3)
        assert wait_for([handle]) == [JobState.FINISHED], handle.result()
        assert is_shell(script_of(handle))


def test_a_line_of_setup_may_be_several_lines_of_shell(opened: Callable[..., Any], tmp_path: Path) -> None:
    launcher = opened(setup=[f"for i in 1 2\ndo echo $i >> '{tmp_path}/setup'\ndone"])
    launcher.check()
    (handle,) = submit(launcher, 0)
    assert wait_for([handle]) == [JobState.FINISHED]
    assert (tmp_path / "setup").read_text() == "1\n2\n"


def test_an_option_of_a_name_with_dashes_replaces_that_of_the_key(opened: Callable[..., Any]) -> None:
    launcher = opened(cpus_per_task=1, additional_parameters={"cpus-per-task": 2, "hold": True})
    launcher.check()
    (handle,) = submit(launcher, 0)
    cpus = subprocess.check_output(["squeue", "--noheader", "--format=%c", f"--jobs={handle.job.job_id}"], text=True)
    handle.cancel()
    assert cpus.strip() == "2"


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"signal": "SIGUSR1@200", "contiguous": True}, "NumNodes=1"),
        ({"ntasks": 1, "ntasks-per-node": "1", "nodes": 1}, "NumTasks=1"),
        ({"job-name": "mine"}, "JobName=mine"),
        ({"time": "1:30"}, "TimeLimit=00:02:00"),
        ({"time": "0-00:05"}, "TimeLimit=00:05:00"),
        ({"time": 7}, "TimeLimit=00:07:00"),
        ({"time": "unlimited"}, "TimeLimit=UNLIMITED"),
        ({"time": "INFINITE"}, "TimeLimit=UNLIMITED"),
        ({"time": -1}, "TimeLimit=UNLIMITED"),
        ({"time": 0}, "TimeLimit=UNLIMITED"),
        ({"output": "/dev/null", "error": "/dev/null", "begin": "now+100"}, "_0_log.out"),
    ],
)
def test_options_with_which_stock_submitit_works_are_taken(
    opened: Callable[..., Any], more: dict[str, Any], shown: str
) -> None:
    launcher = opened(additional_parameters={**more, "hold": True})
    launcher.check()
    (handle,) = submit(launcher, 0)
    job = subprocess.check_output(["scontrol", "show", "job", handle.job.job_id], text=True)
    handle.cancel()
    assert shown in job


@pytest.mark.parametrize(
    ("options", "key", "fault", "shown"),
    [
        ({"time": "0:05:00"}, "timeout_min", Fault.TIME_LIMIT, "TimeLimit=00:10:00"),
        ({"mem": "2G"}, "mem_gb", Fault.OUT_OF_MEMORY, "MinMemoryNode=4G"),
        ({"mem-per-cpu": "500M"}, "mem_per_cpu", Fault.OUT_OF_MEMORY, "MinMemoryCPU=1000M"),
    ],
)
def test_a_resource_among_the_options_is_the_one_that_is_multiplied(
    opened: Callable[..., Any], options: dict[str, Any], key: str, fault: Fault, shown: str
) -> None:
    launcher = opened(**{key: 1}, additional_parameters={**options, "hold": True}, retry_resources={key: 2})
    launcher.check()
    (handle,) = launcher.submit([JobRequest(0, ("+trial=0",), 2, faults=(fault,))])
    job = subprocess.check_output(["scontrol", "show", "job", handle.job.job_id], text=True)
    handle.cancel()
    assert shown in job


@pytest.mark.parametrize("limit", [-2, "forever"])
def test_what_sbatch_does_not_take_for_a_time_limit_is_refused(opened: Callable[..., Any], limit: Any) -> None:
    with pytest.raises(ConfigError, match=r"additional_parameters\.time: must be minutes, .* or UNLIMITED;"):
        opened(additional_parameters={"time": limit}).check()


@pytest.mark.parametrize(
    ("name", "value"),
    [("LC_ALL", "xx_YY.UTF-8"), ("SHELLOPTS", "verbose:xtrace"), ("BASH_ENV", "broken"), ("BASH_FUNC_ml%%", "() { if")],
)
def test_what_the_environment_makes_bash_say_is_no_fault_of_setup(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / "broken").write_text("if\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    opened(setup=["shopt -s extglob", "rm -f /nowhere/!(a|b)", "ml() {", "  echo ml", "}"]).check()


def test_the_users_environment_does_not_take_the_job_from_us(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, value in (("OUTPUT", "/dev/null"), ("ERROR", "/dev/null"), ("ARRAY_INX", "0-3"), ("WAIT", "1")):
        monkeypatch.setenv(f"SBATCH_{option}", value)
    (handle,) = submit(opened(), 0)
    assert wait_for([handle]) == [JobState.FINISHED]
    assert os.path.exists(f"{handle.job.folder}/{handle.job.job_id}_0_log.out")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--name", "a\nb", "--name: must be text without line breaks"),
        ("--setup", "echo 'a", "--setup: bash cannot read these lines"),
        ("--cpus", "0", "--cpus: must be a whole number of at least 1"),
        ("--time", "-5", "--time: must be a number above 0"),
    ],
)
def test_the_job_of_the_sweeper_itself_has_the_same_rules(
    tmp_path: Path, option: str, value: str, sentence: str
) -> None:
    project = write_app(tmp_path, "")
    ended = ax_moo("submit", f"{option}={value}", "--", sys.executable, "app.py", "-m", cwd=project)
    assert ended.code == 2
    assert sentence in ended.err


@pytest.mark.parametrize(
    ("minutes", "delay_s", "warned_s"),
    [(60, 120, 120), (2, 120, 30), (1, 120, 10), (5, 120, 120), (20, 900, 570), (2, 0, 0), (None, 900, 900)],
)
def test_a_job_is_warned_after_the_middle_of_its_time(
    opened: Callable[..., Any], minutes: float | None, delay_s: int, warned_s: int
) -> None:
    """Slurm may be a minute early: a job of two minutes would be told to end when it begins."""
    handles = submit(opened(timeout_min=minutes, signal_delay_s=delay_s), 0)
    text = script_of(handles[0]).read_text()
    handles[0].cancel()
    assert f"#SBATCH --signal=USR2@{warned_s}\n" in text
    assert f"export AX_MOO_WARNED_S={warned_s}\n" in text


@pytest.mark.parametrize(("signal", "warned_s"), [("USR2@300", 300), ("USR2", 60)])
def test_a_job_knows_also_how_early_the_users_own_signal_comes(
    opened: Callable[..., Any], signal: str, warned_s: int
) -> None:
    (handle,) = submit(opened(additional_parameters={"signal": signal, "hold": True}), 0)
    text = script_of(handle).read_text()
    handle.cancel()
    assert f"export AX_MOO_WARNED_S={warned_s}\n" in text


def test_a_job_with_a_short_limit_and_the_default_warning_runs_for_half_of_it(opened: Callable[..., Any]) -> None:
    def task(config: Any) -> str:
        import time

        time.sleep(35)  # Slurm looks every half minute
        return "ran"

    launcher = opened(timeout_min=2)
    launcher.task_function = task
    handles = submit(launcher, 0)
    assert wait_for(handles, 120) == [JobState.FINISHED], handles[0].result()
    assert handles[0].result().value == "ran"
