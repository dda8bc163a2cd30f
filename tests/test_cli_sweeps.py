"""`ax-moo status`, `stop` and `resume` on sweeps whose trials run on this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from ax_moo_command import Ended, ax_moo, facts, start_ax_moo
from sweeping import Swept, journal_rows, run_sweep, start_sweep, wait_for_sweep, write_app
from waiting import wait_until
from waiting_app import OPTIONS

pytestmark = pytest.mark.one_hydra

HEAD = """
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    trial = HydraConfig.get().job.num
    project = Path(hydra.utils.get_original_cwd())
"""
TAIL = """
    return {"near": config.x**2, "far": (config.x - 1) ** 2}


if __name__ == "__main__":
    main()
"""
SOME_FAIL = f"""{HEAD}
    if trial in (2, 4):
        raise ValueError("the loss exploded")
    if trial == 1 and not (project / "died").exists():
        (project / "died").touch()
        os._exit(9)
{TAIL}"""
WAITS = f"""{HEAD}
    while not (project / "go").exists():
        time.sleep(0.1)
{TAIL}"""

DOCUMENTED = Path(__file__).parent.parent / "docs" / "cli.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six trials, of which one lost its first job and two failed, in a folder that is named by the time."""
    project = write_app(tmp_path_factory.mktemp("swept"), SOME_FAIL)
    timed = "hydra.sweep.dir='a sweep=${now:%Y-%f}'"
    swept = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=6", timed)
    assert swept.code == 0, swept.err
    [journal] = project.glob("a sweep=*/sweep.jsonl")
    return journal.parent


@pytest.fixture(scope="module")
def shown(folder: Path) -> Ended:
    return ax_moo("status", folder)


@contextmanager
def waiting_trials(project: Path) -> Iterator[Path]:
    """An application whose trials run until there is a file ``go``, which is there in the end."""
    try:
        yield write_app(project, WAITS)
    finally:
        (project / "go").touch()


def running_jobs(project: Path) -> list[int]:
    """Process ids of trials whose last state in the journal is RUNNING."""
    last = {row["trial"]: row for row in journal_rows(project)[1:]}
    return [int(row["job"]["job_id"]) for row in last.values() if row["status"] == "RUNNING"]


def first_state(watching: "subprocess.Popen[str]") -> str:
    assert watching.stdout is not None
    return str(json.loads(watching.stdout.readline())["state"])


def are_gone(jobs: list[int]) -> bool:
    return not any(psutil.pid_exists(job) and psutil.Process(job).status() != "zombie" for job in jobs)


def test_status_says_what_became_of_a_finished_sweep(folder: Path, shown: Ended) -> None:
    assert shown.code == 0, shown.err
    assert f"sweep in {folder}\nfinished (all 6 trials were started); 0:" in shown.out
    assert "6 of 6 trials: 4 completed, 2 failed\n" in shown.out
    assert re.search(r"^hypervolume 0\.\d+ above a reference point inferred", shown.out, re.MULTILINE)
    assert re.search(r"^│ 1 +│ 1 +│ exit code 9, no result written +│ /.*/\.submitit/1/", shown.out, re.MULTILINE)
    assert re.search(r"^│ 2, 4 +│ ValueError: the loss exploded +│ /.*/\.submitit/4/", shown.out, re.MULTILINE)


def test_a_sweep_one_of_whose_trials_was_deleted_from_the_journal_starts_no_job(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(folder.parent, project)
    journal = project / folder.name / "sweep.jsonl"
    assert ax_moo("doctor", journal.parent).code == 0
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if json.loads(line).get("trial") != 3))
    begin = next(n for n, line in enumerate(journal.read_text().splitlines(), 1) if json.loads(line).get("trial") == 4)
    swept = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=9", f"hydra.sweep.dir='{folder.name}'")
    assert swept.code == 2
    (said,) = swept.err.strip().splitlines()
    assert f"{journal}: line {begin} cannot be true (trial 4 begins, and trial 3 never does)" in said
    examined = ax_moo("doctor", journal.parent)
    assert (examined.code, examined.err) == (1, "")
    assert f"line {begin} cannot be true" in examined.out
    assert f"cut off before line {begin} it tells of " in examined.out


def test_status_shows_the_frontier_of_the_files(folder: Path, shown: Ended) -> None:
    table = (folder / "trials.csv").read_text().splitlines()
    front = [line.split(",")[0] for line in table if line.endswith("True")]
    rows = shown.out.partition("Pareto frontier")[2].partition("hypervolume")[0]
    assert front
    assert sorted(re.findall(r"^│ (\d+) ", rows, re.MULTILINE)) == sorted(front)


def test_status_as_json_holds_the_same_facts_under_the_documented_keys(folder: Path) -> None:
    found = facts(folder)
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENTED.read_text().partition("## status --json")[2], re.MULTILINE)
    assert list(found) == documented
    assert (found["state"], found["n_trials"], found["running"]) == ("finished", 6, [])
    assert {name: number for name, number in found["trials"].items() if number} == {"COMPLETED": 4, "FAILED": 2}
    [retry] = found["retries"]
    assert (retry["trial"], retry["attempt"], retry["counts"]) == (1, 1, True)
    [failure] = found["failures"]
    assert (failure["trials"], failure["reason"]) == ([2, 4], "ValueError: the loss exploded")
    assert Path(failure["log"]).is_file()
    assert {solution["trial"] for solution in found["frontier"]} <= {0, 1, 3, 5}


def test_status_is_quick_since_it_imports_neither_ax_nor_torch_nor_pandas(folder: Path) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from ax_moo.cli.app import app;"
        f"result = CliRunner().invoke(app, ['status', {str(folder)!r}]); assert result.exit_code == 0, result;"
        "print(sorted({'ax', 'torch', 'pandas', 'submitit', 'plotly', 'wandb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_watching_a_finished_sweep_ends_at_once(folder: Path, shown: Ended) -> None:
    watched = ax_moo("status", folder, "--watch", seconds=60)
    assert (watched.code, watched.out.rstrip()) == (0, shown.out.rstrip())


def test_a_finished_sweep_that_is_resumed_says_so_from_its_own_folder_and_does_nothing(
    folder: Path, tmp_path: Path
) -> None:
    before = (folder / "sweep.jsonl").read_bytes()
    ended = ax_moo("resume", folder, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert f"the sweep in {folder} is over: all of its 6 trials were run" in ended.out
    assert list(folder.parent.glob("a sweep=*/sweep.jsonl")) == [folder / "sweep.jsonl"]
    assert (folder / "sweep.jsonl").read_bytes() == before


def test_a_folder_that_holds_no_sweep_is_a_mistake_for_every_command(tmp_path: Path) -> None:
    for command in ("status", "stop", "resume"):
        ended = ax_moo(command, tmp_path)
        assert (ended.code, ended.out) == (2, "")
        assert re.fullmatch(rf"ax-moo {command}: {tmp_path} holds no sweep: it has no sweep\.jsonl; .*\n", ended.err)


def test_of_two_sweepers_on_one_folder_one_runs_and_is_followed_stopped_and_resumed(tmp_path: Path) -> None:
    with waiting_trials(tmp_path / "a b=c") as project:
        sweepers = [start_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=4") for _ in range(2)]
        wait_until(lambda: any(sweeper.poll() is not None for sweeper in sweepers), "one sweeper to be refused")
        [refused] = [sweeper for sweeper in sweepers if sweeper.poll() is not None]
        [sweeper] = [sweeper for sweeper in sweepers if sweeper is not refused]
        who = f"process {sweeper.pid} on {socket.gethostname()}, since "
        message = wait_for_sweep(project, refused).err
        assert refused.returncode == 2
        assert who in message

        wait_until(lambda: len(running_jobs(project)) == 2, "two jobs")
        folder, jobs = project / "swept", running_jobs(project)
        found = facts(folder)
        assert (found["state"], found["sweeper"]["pid"], found["sweeper"]["ended"]) == ("running", sweeper.pid, None)
        assert [(row["trial"], row["attempt"], int(row["job_id"])) for row in found["running"]] == [
            (0, 1, jobs[0]),
            (1, 1, jobs[1]),
        ]
        again = ax_moo("resume", folder)
        assert again.code == 2
        assert who in again.err

        watching, tired = [start_ax_moo("status", folder, "--watch", "--json") for _ in range(2)]
        assert [first_state(watcher) for watcher in (watching, tired)] == ["running", "running"]
        tired.send_signal(signal.SIGINT)
        assert (tired.wait(60), tired.communicate()[1]) == (0, "")
        stopped = ax_moo("stop", folder)
        assert stopped.code == 0, stopped.err
        said = rf"asked {re.escape(who)}.* to start no more trials; the sweep ends when its 2 running trials have"
        assert re.match(said, stopped.out)
        (project / "go").touch()
        assert wait_for_sweep(project, sweeper).code == 130
        assert json.loads(watching.communicate(timeout=60)[0].splitlines()[-1])["state"] == "stopped"
        assert facts(folder)["trials"]["COMPLETED"] == 2

        ended = ax_moo("resume", folder, cwd=tmp_path)
        assert ended.code == 0, ended.err
        assert facts(folder)["state"] == "finished"


def test_what_a_killed_sweeper_leaves_behind_is_shown_resumed_and_cancelled(tmp_path: Path) -> None:
    with waiting_trials(tmp_path) as project:
        folder = project / "swept"
        sweeper = start_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=2")
        wait_until(lambda: len(running_jobs(project)) == 2, "two jobs")
        first = running_jobs(project)
        sweeper.kill()
        wait_for_sweep(project, sweeper)
        found = facts(folder)
        assert (found["state"], [row["state"] for row in found["running"]]) == ("killed", ["RUNNING", "RUNNING"])
        left = ax_moo("stop", folder)
        assert left.code == 0
        ids = ", ".join(map(str, first))
        assert f"no process runs the sweep in {folder}\njobs that keep running: {ids}; end them with: " in left.out

        with start_ax_moo("resume", folder) as resumed:
            wait_until(lambda: facts(folder)["state"] == "running", "the sweep to go on")
            wait_until(lambda: facts(folder)["running"] != [], "a running job")
            stopped = ax_moo("stop", "--now", folder)
            out, err = resumed.communicate(timeout=120)
        assert (stopped.code, resumed.returncode) == (0, 130), stopped.err + err
        assert f"Taking over the lock of {folder} from a sweeper that is gone: process {sweeper.pid} on " in out
        assert "the sweep has ended\nno job is left\n" in stopped.out
        assert are_gone(first)
        assert facts(folder)["state"] == "stopped"

        with start_ax_moo("resume", folder) as resumed:
            wait_until(lambda: len(running_jobs(project)) == 2, "two jobs")
            second = running_jobs(project)
            os.kill(resumed.pid, signal.SIGKILL)
            resumed.communicate()
        cancelled = ax_moo("stop", "--now", folder)
        assert (cancelled.code, set(first) & set(second)) == (0, set()), cancelled.err
        assert f"cancelling {second[0]}, {second[1]}\nno job is left\n" in cancelled.out
        assert are_gone(second)
        assert {retry["counts"] for retry in facts(folder)["retries"]} == {False}

        (project / "go").touch()
        assert ax_moo("resume", folder).code == 0
        assert [row["attempt"] for row in Swept(project, 0, "", "").last] == [3, 3]
