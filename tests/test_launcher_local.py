import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from launching import ENDED, open_launcher, request, submit, wait_for, wait_until
from waiting import wait_until_none_is_left

from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import AsyncLauncher, JobRequest, JobResult, JobState
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault
from ax_moo_launchers.attach import attach
from ax_moo_launchers.job import job as job_program
from ax_moo_launchers.local import gpus as local_gpus
from hydra_plugins.async_submitit_launcher.launcher import adopt

Task = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


# Tasks are nested functions, so that the job gets them by value and does not import pytest.
def environment_of(*names: str) -> Task:
    def task(config: Any) -> Any:
        return [os.environ.get(name) for name in names]

    return task


def sleep_on(folder: Path) -> Task:
    """Starts a child, writes both pids, and sleeps."""

    def task(config: Any) -> None:
        child = subprocess.Popen(["sleep", "60"])
        temporary = folder / "pids.tmp"
        temporary.write_text(f"{os.getpid()} {child.pid}")
        temporary.rename(folder / "pids")
        time.sleep(60)

    return task


def pids_of(folder: Path) -> list[int]:
    deadline = time.monotonic() + 90
    while not (folder / "pids").exists():
        assert time.monotonic() < deadline, "the job did not start"
        time.sleep(0.02)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_task_gets_its_trial_number_and_its_own_folder(tmp_path: Path) -> None:
    def task(config: Any) -> Any:
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        return config.trial, hydra.job.num, str(hydra.job.id), hydra.runtime.output_dir

    handles = submit(open_launcher(tmp_path, "async_local", task), 7, 3)

    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert [handle.result().value for handle in handles] == [
        (7, 7, handles[0].job.job_id, str(tmp_path / "sweep/7")),
        (3, 3, handles[1].job.job_id, str(tmp_path / "sweep/3")),
    ]
    assert handles[0].job.folder == str(tmp_path / "sweep/.submitit/7")
    assert (tmp_path / "sweep/7/.hydra/overrides.yaml").read_text() == "- +trial=7\n"


def test_an_exception_is_one_line_with_what_caused_it(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        try:
            raise KeyError("the key")
        except KeyError as cause:
            raise ValueError("boom\n  and more " + "x" * 1000) from cause

    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    wait_for([handle])

    error = handle.result().error
    assert error is not None
    assert error.startswith("ValueError: boom and more xxx")
    assert "\n" not in error
    assert len(error) <= 500


@pytest.mark.parametrize("kind", ["cause", "unreadable", "unpicklable", "composition"])
def test_every_way_to_fail_is_a_line_and_not_an_exception(tmp_path: Path, kind: str) -> None:
    def task(config: Any) -> Any:
        class NeedsTwo(Exception):
            def __init__(self, one: str, two: str) -> None:
                super().__init__(f"{one} {two}")

        if kind == "cause":
            raise ValueError("boom") from KeyError("key")
        if kind == "unreadable":
            raise NeedsTwo("one", "two")
        return (number for number in range(3))

    launcher = open_launcher(tmp_path, "async_local", task)
    (handle,) = launcher.submit([JobRequest(0, ("nowhere.x=1" if kind == "composition" else "+trial=0",))])
    wait_for([handle])

    expected = {
        "cause": "ValueError: boom (caused by KeyError: 'key')",
        "unreadable": "NeedsTwo: one two",
        "unpicklable": "TypeError: the task function returned generator, which cannot be pickled",
        "composition": "ConfigCompositionException: Could not override 'nowhere.x'",
    }
    assert handle.result().error.startswith(expected[kind])


@pytest.mark.one_hydra
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda: os._exit(9), "exit code 9, no result written"),
        (lambda: os._exit(os.EX_IOERR), "no space left on device (exit code 74), no result written"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by signal 9 (SIGKILL), no result written"),
    ],
    ids=["os._exit", "full disk", "SIGKILL"],
)
def test_a_job_that_dies_is_lost_at_once_with_its_exit_code(
    tmp_path: Path, end: Callable[[], None], reason: str
) -> None:
    def task(config: Any) -> None:
        (folder / "time").write_text(str(time.time()))
        end()

    folder = tmp_path
    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)

    assert wait_until(handle, [JobState.LOST]) is JobState.LOST
    assert time.time() - float((tmp_path / "time").read_text()) < 10
    assert handle.result().error == reason


@pytest.mark.one_hydra
def test_a_killed_controller_is_said_so_once_its_task_is_gone_too(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", sleep_on(tmp_path)), 0)
    task, child = pids_of(tmp_path)
    os.kill(int(handle.job.job_id), signal.SIGKILL)

    time.sleep(0.3)
    assert handle.state() is JobState.RUNNING, "its task may still write a result"
    attach(handle.job).cancel()
    wait_until(handle, [JobState.LOST])
    assert handle.result().error.startswith("killed together with its controller")
    assert not runs(task)
    assert not runs(child)


@pytest.mark.one_hydra
def test_cancel_leaves_no_process_and_does_not_block(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", sleep_on(tmp_path)), 0)
    pids = [int(handle.job.job_id), *pids_of(tmp_path)]

    begin = time.monotonic()
    handle.cancel()
    assert time.monotonic() - begin < 4.5, "it waits for the grace period of 5 s"
    wait_until(handle, [JobState.LOST])
    assert handle.result().error == "cancelled"
    # Killed together with their controller, which may be gone a moment before them.
    wait_until_none_is_left(lambda: [pid for pid in pids if runs(pid)], seconds=5)


@pytest.mark.one_hydra
def test_the_command_that_a_user_gets_ends_the_jobs(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", sleep_on(tmp_path))
    handles = submit(launcher, 0, 1)
    pids = pids_of(tmp_path)
    subprocess.run(launcher.cancel_command([handle.job for handle in handles]), shell=True, check=True)
    for handle in handles:
        wait_until(handle, [JobState.LOST])
    assert [pid for pid in pids if runs(pid)] == []


@pytest.mark.one_hydra
def test_a_job_leads_a_session_of_its_own(tmp_path: Path) -> None:
    def task(config: Any) -> Any:
        return os.getsid(0), os.getpgid(0)

    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    wait_for([handle])
    assert handle.result().value == (int(handle.job.job_id),) * 2


@pytest.mark.one_hydra
def test_the_time_limit_ends_a_job_and_does_not_start_it_again(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        with open(folder / f"starts-{config.trial}", "a") as file:
            file.write("x")
        time.sleep(600)

    folder = tmp_path
    # A busy machine may need the whole of a short limit to start a job: then the next one is longer.
    for trial, minutes in enumerate((0.06, 0.2, 0.8, 3)):
        launcher = open_launcher(tmp_path, "async_local", task, f"hydra.launcher.timeout_min={minutes}")
        (handle,) = submit(launcher, trial)
        assert wait_until(handle, [JobState.LOST], seconds=90 * minutes + 60) is JobState.LOST
        assert handle.result() == JobResult(error=f"time limit of {minutes} min reached", fault=Fault.TIME_LIMIT)
        if (tmp_path / f"starts-{trial}").exists():
            break
    assert (tmp_path / f"starts-{trial}").read_text() == "x"


@pytest.mark.one_hydra
@pytest.mark.parametrize("when", ["while it is unpickled", "before its function has begun"])
def test_a_time_limit_that_is_near_before_the_job_has_begun_ends_it_as_later(tmp_path: Path, when: str) -> None:
    """Unpickling imports the application, which can take longer than the time that a job has."""

    def begin(config: Any) -> None:
        (folder / "begun").touch()

    def wait_for_the_notice() -> None:
        deadline = time.monotonic() + 60
        while signal.SIGUSR2 not in signal.sigpending() and time.monotonic() < deadline:
            time.sleep(0.02)

    def unpickled() -> Task:
        if when == "while it is unpickled":
            wait_for_the_notice()
        else:
            sys.setprofile(wait_at_the_call)
        return begin

    def wait_at_the_call(frame: Any, event: str, argument: Any) -> None:
        if frame.f_globals["__name__"] == job_module and frame.f_code.co_name == "run":
            sys.setprofile(None)
            wait_for_the_notice()

    class Slow:
        def __reduce__(self) -> Any:
            return unpickled, ()

    job_module = job_program.__name__

    folder = tmp_path
    task: Any = Slow()
    launcher = open_launcher(tmp_path, "async_local", task, "hydra.launcher.timeout_min=0.1")
    (handle,) = submit(launcher, 0)
    assert wait_until(handle, ENDED) is JobState.LOST
    assert handle.result().error == "time limit of 0.1 min reached"
    assert not (tmp_path / "begun").exists()


@pytest.mark.one_hydra
def test_a_job_is_found_and_attached_after_its_handle_was_forgotten(tmp_path: Path) -> None:
    def task(config: Any) -> str:
        deadline = time.monotonic() + 30
        while not (folder / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return "went"

    folder = tmp_path
    job = submit(open_launcher(tmp_path, "async_local", task), 5)[0].job
    again = open_launcher(tmp_path, "async_local", task)
    attached, found = again.attach(job), again.find(request(5))

    assert again.find(request(6)) is None
    assert found.job == job
    assert attached.state() is found.state() is JobState.RUNNING
    (tmp_path / "go").touch()
    wait_for([attached, found])
    assert attached.result().value == found.result().value == "went"


@pytest.mark.one_hydra
def test_another_process_watches_jobs_whose_parent_has_gone(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path[:0] = {[str(Path(__file__).parent)]!r}
import os, time
from pathlib import Path
from launching import ENDED, open_launcher, submit
def task(config):
    while not Path({str(tmp_path / "go")!r}).exists():
        time.sleep(0.05)
    os._exit(9)
submit(open_launcher(Path({str(tmp_path)!r}), "async_local", task), 0, 1)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    launcher = open_launcher(tmp_path, "async_local", environment_of())
    handles = [launcher.find(request(0)), launcher.find(request(1))]

    assert [handle.state() for handle in handles] == [JobState.RUNNING] * 2
    (tmp_path / "go").touch()
    assert wait_for(handles) == [JobState.LOST] * 2
    assert {handle.result().error for handle in handles} == {"exit code 9, no result written"}


@pytest.mark.one_hydra
def test_every_job_gets_a_gpu_of_the_parents_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aaa, 3,MIG-bb")
    launcher = open_launcher(tmp_path, "async_local", environment_of("CUDA_VISIBLE_DEVICES"))
    handles = submit(launcher, 0, 1, 2)
    wait_for(handles)
    assert [handle.result().value for handle in handles] == [["GPU-aaa"], ["3"], ["MIG-bb"]]

    next_one = submit(launcher, 3)
    wait_for(next_one)
    assert "share the least used" not in caplog.text, "what ended jobs held is free"


@pytest.mark.one_hydra
def test_jobs_get_as_many_gpus_as_they_ask_for(tmp_path: Path) -> None:
    options = ["hydra.launcher.gpus=[0,1,GPU-x,3]", "hydra.launcher.gpus_per_node=2"]
    handles = submit(open_launcher(tmp_path, "async_local", environment_of("CUDA_VISIBLE_DEVICES"), *options), 0, 1)
    wait_for(handles)
    assert [handle.result().value for handle in handles] == [["0,1"], ["GPU-x,3"]]


@pytest.mark.one_hydra
@pytest.mark.parametrize(("mask", "seen"), [("", ""), ("-1", "-1"), (None, None)])
def test_without_a_gpu_the_environment_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: str | None, seen: str | None
) -> None:
    if mask is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    launcher = open_launcher(
        tmp_path, "async_local", environment_of("CUDA_VISIBLE_DEVICES"), "hydra.launcher.gpus_per_node=1"
    )
    (handle,) = submit(launcher, 0)
    wait_for([handle])
    assert handle.result().value == [seen]


@pytest.mark.parametrize(("options", "most"), [((), 3), (("jobs_per_gpu=2",), 6), (("gpus_per_node=2",), 1)])
def test_no_more_jobs_run_at_once_than_the_gpus_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], most: int
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    launcher = open_launcher(tmp_path, "async_local", lambda config: 0, *(f"hydra.launcher.{o}" for o in options))
    launcher.check()
    assert launcher.max_jobs == most


@pytest.mark.one_hydra
def test_the_jobs_garbage_collector_is_on(tmp_path: Path) -> None:
    """It is off while the job is unpickled."""
    (handle,) = submit(open_launcher(tmp_path, "async_local", lambda config: gc.isenabled()), 0)
    wait_for([handle])
    assert handle.result().value is True


@pytest.mark.one_hydra
def test_gpus_none_hides_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    launcher = open_launcher(
        tmp_path, "async_local", environment_of("CUDA_VISIBLE_DEVICES"), "hydra.launcher.gpus=none"
    )
    (handle,) = submit(launcher, 0)
    wait_for([handle])
    assert handle.result().value == [""]


def test_more_jobs_than_gpus_share_the_least_used_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = local_gpus.GpuPool(["0", "1"], jobs_per_gpu=2, gpus_per_job=1)
    held: list[tuple[str, ...]] = []
    for _ in range(7):
        held.append(pool.take(held))
    assert [gpu for (gpu,) in held] == ["0", "1", "0", "1", "0", "1", "0"]
    assert [record.getMessage() for record in caplog.records] == [
        "More jobs than 2 GPU(s) with hydra.launcher.jobs_per_gpu=2 take; they share the least used GPUs."
    ]


def test_a_gpu_whose_last_process_has_gone_comes_before_one_that_is_being_left() -> None:
    pool = local_gpus.GpuPool(["0", "1"], jobs_per_gpu=1, gpus_per_job=1)
    assert pool.take([], fading=[("0",)]) == ("1",)
    assert pool.take([("1",)], fading=[("0",)]) == ("0",)


@pytest.mark.parametrize(
    ("listing", "gpus"),
    [
        ("GPU 0: NVIDIA H200 (UUID: GPU-1)\nGPU 1: NVIDIA H200 (UUID: GPU-2)", ["0", "1"]),
        (
            "GPU 0: NVIDIA H200 (UUID: GPU-1)\n"
            "  MIG 1g.18gb     Device  0: (UUID: MIG-a)\n  MIG 1g.18gb     Device  1: (UUID: MIG-b)",
            ["MIG-a", "MIG-b"],
        ),
        ("No devices found.", []),
    ],
)
def test_gpus_are_found_through_nvidia_smi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str, gpus: list[str]
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{listing}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert local_gpus.installed_gpus() == gpus


@pytest.mark.parametrize(
    ("override", "key", "wrong"),
    [
        ("gpus=[0,0]", "hydra.launcher.gpus", "twice"),
        ("gpus=[5]", "hydra.launcher.gpus", "CUDA_VISIBLE_DEVICES hides"),
        ("gpus=[]", "hydra.launcher.gpus", "empty"),
        ("gpus=[true]", "hydra.launcher.gpus", "must be ids .* got true"),
        ("gpus=0", "hydra.launcher.gpus", "list of GPU ids"),
        ("gpus=all", "hydra.launcher.gpus", "auto, none"),
        ("jobs_per_gpu=0", "hydra.launcher.jobs_per_gpu", "of at least 1"),
        ("gpus_per_node=3", "hydra.launcher.gpus_per_node", "at most 2, .* got 3"),
        ("gpus_per_node=two", "hydra.launcher.gpus_per_node", "whole number"),
        ("timeout_min=0", "hydra.launcher.timeout_min", "above 0"),
        ("timeout_min=soon", "hydra.launcher.timeout_min", "above 0"),
        ("nodes=2", "hydra.launcher.nodes", "must be 1, .* got 2"),
        ("tasks_per_node=1.5", "hydra.launcher.tasks_per_node", "whole number"),
        ("stderr_to_stdout=maybe", "hydra.launcher.stderr_to_stdout", "true or false"),
    ],
)
def test_a_wrong_setting_is_found_before_any_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, key: str, wrong: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    launcher = open_launcher(tmp_path, "async_local", environment_of(), f"hydra.launcher.{override}")
    with pytest.raises(ConfigError, match=wrong) as caught:
        launcher.check()
    assert key in str(caught.value)
    assert not (tmp_path / "sweep").exists()


def test_a_users_stock_launcher_is_driven_without_waiting(tmp_path: Path) -> None:
    stock = open_launcher(
        tmp_path, "submitit_local", environment_of("CUDA_VISIBLE_DEVICES"), "hydra.launcher.name=mine"
    )
    launcher = adopt(stock)
    assert isinstance(launcher, AsyncLauncher)
    assert launcher is not stock
    assert adopt(launcher) is launcher
    handles = submit(launcher, 0, 1)
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert handles[0].result().value == [None]


def test_a_launcher_of_another_kind_runs_in_rounds(tmp_path: Path) -> None:
    def task(config: Any) -> int:
        if config.trial == 5:
            raise ValueError("boom")
        return int(config.trial)

    basic = open_launcher(tmp_path, "basic", task)
    assert adopt(basic) is None
    rounds = BlockingLauncherAdapter(basic, attach)
    handles = submit(rounds, 4, 5)
    assert not (tmp_path / "sweep/4").exists(), "nothing runs before somebody asks"
    assert rounds.is_blocking
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert handles[0].result().value == 4
    assert handles[1].result().error == "ValueError: boom"
    assert rounds.attach(handles[0].job).state() is JobState.LOST
    assert rounds.find(request(4)) is None


def test_a_round_that_exits_fails_all_its_jobs(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        raise SystemExit("enough")

    handles = submit(BlockingLauncherAdapter(open_launcher(tmp_path, "basic", task), attach), 0, 1)
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert [handle.result().error for handle in handles] == ["SystemExit: enough"] * 2


APP = """
import hydra
from omegaconf import DictConfig
import beside

@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> int:
    print("in the job")
    return beside.twice(config.x)

if __name__ == "__main__":
    main()
"""


def test_a_script_finds_the_module_beside_it_also_under_an_ugly_path(tmp_path: Path) -> None:
    project = tmp_path / 'it\'s a "project" $HOME'
    (project / "src").mkdir(parents=True)
    (project / "src/train.py").write_text(APP)
    (project / "src/beside.py").write_text("def twice(x):\n    print('twice', x)\n    return 2 * x\n")
    # Where the script runs lies a namesake, which must not win.
    (project / "beside.py").write_text("raise RuntimeError('the wrong module')\n")
    command = [sys.executable, "src/train.py", "-m", "hydra/launcher=async_local", "+x=1,2", "hydra.sweep.dir=out"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    logs = [log.read_text() for log in (project / "out/.submitit").glob("*/*_log.out")]
    assert sorted(line for log in logs for line in log.splitlines() if "twice" in line) == ["twice 1", "twice 2"]


def test_finding_the_launchers_loads_nothing_heavy() -> None:
    code = (
        "import sys, hydra; from hydra.core.plugins import Plugins; before = set(sys.modules)\n"
        "import hydra_plugins.async_submitit_launcher.launcher\n"
        "print(*sorted({'submitit', 'torch', 'ax', 'psutil', 'wandb', 'pandas'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
