"""`python app.py -m hydra/sweeper=ax_moo`, interrupted and started again, with jobs on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ax_moo_command import ax_moo, facts
from command_line import Started
from sweeping import NEAR_AND_FAR, Swept, journal_rows, run_sweep, start_sweep, sweep_command, wait_for_sweep, write_app
from waiting import wait_until_none_is_left

APP = """
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    begun = os.open(Path(hydra.utils.get_original_cwd(), "begun"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(begun, f"{HydraConfig.get().job.num}\\n".encode())
    time.sleep(config.seconds)
    return {"near": config.x**2, "far": (config.x - 1) ** 2}


if __name__ == "__main__":
    main()
"""
BASE = ("hydra/launcher=async_local", "+x=interval(0,1)", NEAR_AND_FAR, "hydra.sweeper.method=sobol")
TWO_JOBS = "hydra.sweeper.n_jobs=2"
SECONDS = "+seconds=5"
NAMES = ("SIGINT", "SIGTERM")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Swept]:
    """Sweeps of two jobs each, ended by Ctrl-C and by a batch system."""
    projects = {name: write_app(tmp_path_factory.mktemp(name), APP) for name in NAMES}
    options = (*BASE, TWO_JOBS, SECONDS, "hydra.sweeper.n_trials=4")
    sweeps = {name: start_sweep(project, *options) for name, project in projects.items()}
    for name, process in sweeps.items():
        # With the first job noted and the second perhaps not: no signal may come between a job and its note.
        _wait(process, lambda name=name: _is_running(projects[name]))  # type: ignore[misc]
        os.killpg(process.pid, signal.Signals[name])
    return {name: wait_for_sweep(projects[name], process) for name, process in sweeps.items()}


def _is_running(project: Path) -> bool:
    return any(row.get("status") == "RUNNING" for row in journal_rows(project))


def _wait(process: "Started | subprocess.Popen[str]", ready: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.one_hydra
@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_sweep_names_its_jobs_and_says_how_to_go_on(interrupted: dict[str, Swept], name: str) -> None:
    swept = interrupted[name]
    jobs = [row["job"] for row in swept.in_state("RUNNING")]
    assert swept.code == 130
    assert f"these jobs keep running: {', '.join(job['job_id'] for job in jobs)}" in swept.err
    assert f"kill -9 {' '.join('-' + job['job_id'] for job in jobs)}" in swept.err
    assert f"ax-moo stop --now {swept.folder}" in swept.err
    assert f"ax-moo resume {swept.folder}" in swept.err
    assert ("Ctrl-C again" in swept.err) == (name == "SIGINT")
    assert "Traceback" not in swept.err
    assert len(jobs) == 2
    assert {row["status"] for row in swept.last[:2]} == {"RUNNING"}


@pytest.mark.one_hydra
def test_two_signals_at_once_interrupt_a_sweep_as_one_does(tmp_path: Path) -> None:
    process = start_sweep(write_app(tmp_path, APP), *BASE, TWO_JOBS, SECONDS, "hydra.sweeper.n_trials=4")
    _wait(process, lambda: _is_running(tmp_path))
    os.kill(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGHUP)
    swept = wait_for_sweep(tmp_path, process)
    assert (swept.code, "Traceback" in swept.err) == (130, False), swept.err
    assert "these jobs keep running: " in swept.err
    assert ax_moo("stop", "--now", swept.folder).code == 0


@pytest.mark.one_hydra
@pytest.mark.parametrize("name", NAMES)
def test_the_same_command_collects_the_jobs_that_went_on_and_runs_the_rest(
    interrupted: dict[str, Swept], name: str
) -> None:
    before = [row["job"]["job_id"] for row in interrupted[name].in_state("RUNNING")]
    project = interrupted[name].project
    swept = run_sweep(project, *BASE, TWO_JOBS, SECONDS, "hydra.sweeper.n_trials=4")
    assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"] * 4), swept.err
    assert [row["job"]["job_id"] for row in swept.last[:2]] == before
    assert sorted((project / "begun").read_text().split()) == ["0", "1", "2", "3"]
    assert f"The sweep in {swept.folder} goes on; so far: 2 running" in swept.out


def test_a_finished_sweep_says_so_and_does_nothing_and_a_larger_budget_goes_on(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    options = (*BASE, "+seconds=0.1")
    first = run_sweep(project, *options, "hydra.sweeper.n_trials=3")
    # A job's controller ends a moment after the job's result is there, and then gives its note the final name.
    wait_until_none_is_left(lambda: list(first.folder.rglob("*.tmp")), 60)
    files = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file() and path.name != "lock"}
    again = run_sweep(project, *options, "hydra.sweeper.n_trials=3")
    assert again.code == 0, again.err
    assert "is over: all of its 3 trials were run; raise hydra.sweeper.n_trials to go on" in again.out
    after = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == files
    more = run_sweep(project, *options, "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=1")
    assert (more.code, [row["status"] for row in more.last]) == (0, ["COMPLETED"] * 5), more.err
    assert sorted((project / "begun").read_text().split()) == ["0", "1", "2", "3", "4"]


@pytest.mark.one_hydra
def test_a_job_that_was_killed_is_tried_again_and_its_first_attempts_files_are_kept(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    process = start_sweep(project, *BASE, "+seconds=5", "hydra.sweeper.n_trials=2")
    _wait(process, lambda: (project / "begun").exists())
    job = next(row["job"] for row in journal_rows(project)[1:] if row.get("job"))
    os.killpg(int(job["job_id"]), signal.SIGKILL)
    swept = wait_for_sweep(project, process)
    assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"] * 2), swept.err
    retried = next(row for row in swept.last if row["attempt"] == 2)
    assert retried["earlier"][0]["job"] == job
    assert retried["job"]["folder"] == f"{job['folder']}/attempt-2"
    assert list((swept.folder / job["folder"]).glob(f"{job['job_id']}_0_log.out"))
    assert f"Trial {retried['trial']}: attempt 1 ended: {retried['earlier'][0]['reason']}" in swept.out


@pytest.mark.one_hydra
def test_a_second_ctrl_c_cancels_the_jobs_and_a_resume_runs_their_trials_again(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    process = start_sweep(project, *BASE, TWO_JOBS, "+seconds=120", "hydra.sweeper.n_trials=2")
    _wait(process, lambda: len(journal_rows(project)) == 5)
    os.killpg(process.pid, signal.SIGINT)
    _wait(process, lambda: "Ctrl-C again" in process.errors.read_text())
    os.killpg(process.pid, signal.SIGINT)
    swept = wait_for_sweep(project, process)
    jobs = [int(row["job"]["job_id"]) for row in swept.in_state("RUNNING")]
    assert swept.code == 130
    assert "no job is running any more" in swept.err
    assert "Traceback" not in swept.err
    assert len(set(jobs)) == 2
    assert not any(map(psutil.pid_exists, jobs))
    assert [(row["status"], row["attempt"]) for row in swept.last] == [("STAGED", 2)] * 2
    again = run_sweep(project, *BASE, TWO_JOBS, "+seconds=0", "hydra.sweeper.n_trials=2", "hydra.sweeper.retries=0")
    assert [row["status"] for row in again.last] == ["COMPLETED"] * 2, again.err


@pytest.mark.one_hydra
def test_another_problem_in_the_same_folder_is_refused_with_the_difference(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    options = (
        "hydra/launcher=async_local",
        NEAR_AND_FAR,
        "hydra.sweeper.method=sobol",
        "+seconds=0",
        "hydra.sweeper.n_trials=1",
    )
    run_sweep(project, *options, "+x=interval(0,1)")
    before = (project / "swept/sweep.jsonl").read_bytes()
    refused = run_sweep(project, *options, "+x=interval(0,2)")
    assert refused.code == 2
    assert "the parameter x had upper 1.0 and now has 2.0" in refused.err
    assert (project / "swept/sweep.jsonl").read_bytes() == before
    never = run_sweep(project, *options, "+x=interval(0,1)", "hydra.sweeper.resume=never")
    assert never.code == 2
    assert "holds a sweep already" in never.err


@pytest.mark.one_hydra
def test_jobs_of_one_launcher_are_collected_under_another_also_one_that_was_not_noted(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    options = (*BASE[1:], "+seconds=4", "hydra.sweeper.n_trials=3")
    process = start_sweep(project, "hydra/launcher=async_local", TWO_JOBS, *options)
    _wait(process, lambda: len((project / "begun").read_text().split()) == 2 if (project / "begun").exists() else False)
    process.kill()
    wait_for_sweep(project, process)
    # As if it had been killed between the submission of the second job and the note of its id.
    path = project / "swept/sweep.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert '"status": "RUNNING"' in lines[-1]
    path.write_text("".join(lines[:-1]))
    swept = run_sweep(project, "hydra/launcher=basic", *options)
    assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"] * 3), swept.err
    assert sorted((project / "begun").read_text().split()) == ["0", "1", "2"]
    assert [row["attempt"] for row in swept.last] == [1, 1, 1]


IN_PLACE = APP.replace(
    "    time.sleep(config.seconds)",
    """\
    try:
        time.sleep(config.seconds)
    except KeyboardInterrupt:
        raise SystemExit(1) from None""",
)


@pytest.mark.one_hydra
def test_an_application_that_turns_ctrl_c_into_an_exit_of_its_own_ends_its_sweep_all_the_same(tmp_path: Path) -> None:
    project = write_app(tmp_path, IN_PLACE)
    process = start_sweep(project, *BASE[1:], "+seconds=60", "hydra.sweeper.n_trials=2")
    _wait(process, lambda: (project / "begun").exists())
    os.killpg(process.pid, signal.SIGINT)
    swept = wait_for_sweep(project, process)
    assert (swept.code, [row["status"] for row in swept.last]) == (130, ["RUNNING"]), swept.err
    again = run_sweep(project, *BASE[1:], "+seconds=0", "hydra.sweeper.n_trials=2", "hydra.sweeper.retries=0")
    assert [row["status"] for row in again.last] == ["COMPLETED"] * 2, again.err


@pytest.mark.one_hydra
def test_a_terminal_that_is_closed_ends_the_sweep_as_ctrl_c_does(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    master, terminal = os.openpty()
    command = sweep_command(*BASE, TWO_JOBS, "+seconds=3", "hydra.sweeper.n_trials=2")
    process = subprocess.Popen(
        [sys.executable, *command], cwd=project, stdout=terminal, stderr=terminal, text=True, start_new_session=True
    )
    os.close(terminal)
    with suppress(OSError):
        while not _is_running(project):
            os.read(master, 1024)
    # The progress that is shown ends while nobody can see it any more.
    os.close(master)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(60) == 130
    assert json.loads((project / "swept/lock").read_text())["about"]["exit_code"] == 130
    swept = run_sweep(project, *BASE, TWO_JOBS, "+seconds=3", "hydra.sweeper.n_trials=2")
    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 2, swept.err


@pytest.mark.one_hydra
def test_ctrl_c_before_the_first_job_ends_with_130_and_one_line(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    process = start_sweep(project, *BASE, "+seconds=0", "hydra.sweeper.n_trials=2")
    _wait(process, (project / "swept/lock").exists)
    os.killpg(process.pid, signal.SIGINT)
    swept = wait_for_sweep(project, process)
    assert swept.code == 130
    assert "interrupted" in swept.err
    assert "Traceback" not in swept.err


INTERRUPTED_WHILE_ITS_CONFIG_IS_WRITTEN = APP.replace(
    """    main()
""",
    """\
    import signal

    from omegaconf import _utils

    signals = [signal.SIGINT]

    def is_int(text):
        # CPython's int() does so while it writes the message of its ValueError.
        try:
            if signals:
                signal.raise_signal(signals.pop())
        except KeyboardInterrupt:
            pass
        return False

    _utils.is_int = is_int
    main()
""",
)


@pytest.mark.one_hydra
def test_ctrl_c_is_heard_while_the_config_is_written(tmp_path: Path) -> None:
    project = write_app(tmp_path, INTERRUPTED_WHILE_ITS_CONFIG_IS_WRITTEN)
    swept = run_sweep(project, *BASE, "+seconds=0", "hydra.sweeper.n_trials=2")
    assert (swept.code, "interrupted" in swept.err) == (130, True), swept.err


BROKEN = APP.replace(
    """    main()
""",
    """\
    if Path("broken").exists():
        from ax_moo.optimizer.bayes import ax_client

        def generate(self):
            raise ArithmeticError("no candidate in here")

        ax_client.AxOptimizer._generate = generate
        ax_client.AxOptimizer._instead = lambda self, index, error: generate(self)
    main()
""",
)


@pytest.mark.one_hydra
def test_a_sweep_that_ax_ends_before_its_budget_has_failed_and_tries_again_when_it_is_resumed(tmp_path: Path) -> None:
    project = write_app(tmp_path, BROKEN)
    (project / "broken").touch()
    # In a space with constraints the first points of this method come from Ax itself.
    few = ("+seconds=0", "hydra.sweeper.n_trials=3", "hydra.sweeper.parameter_constraints=['x <= 0.9']")
    options = (*BASE, *few, "hydra.sweeper.initial=[{x: 0.5}]", "hydra.sweeper.method=fast")
    failed = run_sweep(project, *options)
    why = "Ax has no candidate (ArithmeticError: no candidate in here)"
    assert (failed.code, [row["status"] for row in failed.last]) == (1, ["COMPLETED"]), failed.err
    assert f"the sweep failed: {why}" in failed.err
    assert "Traceback" in failed.out + failed.err
    about = json.loads((failed.folder / "lock").read_text())["about"]
    assert (about["exit_code"], about["why"]) == (1, why)
    assert facts(failed.folder)["state"] == "stopped"
    assert f"stopped before its last trial ({why})" in " ".join(ax_moo("status", failed.folder).out.split())
    (project / "broken").unlink()
    resumed = run_sweep(project, *options)
    assert (resumed.code, [row["status"] for row in resumed.last]) == (0, ["COMPLETED"] * 3), resumed.err
    assert facts(resumed.folder)["state"] == "finished"
