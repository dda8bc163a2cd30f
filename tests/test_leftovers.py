"""A sweep begins only where no trial's folder holds anything, and ``resume: fresh`` moves aside what is there."""

import os
import signal
import sys
from pathlib import Path

import pytest
from ax_moo_command import facts
from fakes import problem
from journals import BEGUN, life, running, staged, write_journal
from sweeping import run_sweep, start_sweep, wait_for_sweep, write_app
from waiting import wait_until

from ax_moo.cli.probe import sweep_folder_of
from ax_moo.html_report.curves import curves
from ax_moo.jobs.launcher import JobResult, JobState
from ax_moo.jobs.ownership import Owner, claim
from ax_moo.session import fresh
from ax_moo.session.leftovers import check_none_ahead, check_unused
from ax_moo.storage import earlier, journal
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, Trial

APP = """
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    last = Path(HydraConfig.get().runtime.output_dir) / "last.ckpt"
    if not last.exists():
        last.write_text(str(config.x))
    if config.get("waits"):
        Path(hydra.utils.get_original_cwd(), "begun").touch()
        while not Path(hydra.utils.get_original_cwd(), "go").exists():
            time.sleep(0.02)
    return float(last.read_text())


if __name__ == "__main__":
    main()
"""
ONE = ("+x=interval(0,1)", "hydra.sweeper.n_trials=1", "hydra.sweeper.method=random")
FRESH = "hydra.sweeper.resume=fresh"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.name != "lock"}


def test_a_sweep_without_its_journal_is_not_gone_on_from_and_fresh_moves_it_aside(tmp_path: Path) -> None:
    first = run_sweep(write_app(tmp_path, APP), *ONE, "hydra.sweeper.seed=1", "hydra/launcher=async_local")
    wait_until(lambda: any(first.folder.glob(".submitit/0/*_exit.json")), "the job's process to end")
    (first.folder / "README").write_text("mine")
    (first.folder / "sweep.jsonl").unlink()
    before = files_below(first.folder)
    for resume in ("auto", "never"):
        refused = run_sweep(tmp_path, *ONE, f"hydra.sweeper.resume={resume}", "hydra.sweeper.seed=2")
        assert (refused.code, refused.out) == (2, "")
        assert "has no sweep.jsonl, but something of an earlier sweep" in refused.err
        assert "(0, .submitit/0); name another folder" in refused.err
        assert files_below(first.folder) == before

    anew = run_sweep(tmp_path, *ONE, FRESH, "hydra.sweeper.seed=2", "hydra.sweep.subdir='${hydra.job.num}'")
    assert anew.code == 0, anew.err
    [completed] = anew.in_state("COMPLETED")
    assert completed["outcome"] == {"objective": completed["parameterization"]["x"]}
    [aside] = [name for name in names(anew.folder) if earlier.is_earlier(name)]
    assert (anew.folder / "README").read_text() == "mine"
    moved = files_below(anew.folder / aside)
    assert moved == {name: content for name, content in before.items() if name != "README"}


@pytest.mark.one_hydra
def test_fresh_begins_another_search_and_the_earlier_one_can_still_be_read(tmp_path: Path) -> None:
    first = run_sweep(write_app(tmp_path, APP), *ONE)
    another = ("+y=interval(0,1)", *ONE)
    refused = run_sweep(tmp_path, *another)
    assert refused.code == 2
    assert FRESH in refused.err
    assert run_sweep(tmp_path, *another, FRESH).code == 0
    [aside] = [name for name in names(first.folder) if earlier.is_earlier(name)]
    assert facts(first.folder / aside)["trials"] == facts(first.folder)["trials"]
    assert run_sweep(tmp_path, *another).code == 0, "the same command without fresh goes on"
    assert [name for name in names(first.folder) if earlier.is_earlier(name)] == [aside]


@pytest.mark.one_hydra
def test_fresh_is_refused_while_a_job_of_the_earlier_sweep_runs(
    tmp_path: Path,
) -> None:
    waiting = (*ONE, "+waits=true", "hydra/launcher=async_local")
    project = write_app(tmp_path, APP)
    started = start_sweep(project, *waiting)
    wait_until(lambda: (project / "begun").exists(), "the job to have begun")
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    before = files_below(project / "swept")
    [job] = [trial.job for trial in journal.trials(project / "swept") if trial.job]
    refused = run_sweep(project, *waiting, FRESH)
    assert (refused.code, refused.out) == (2, "")
    assert f"may still run: {job.job_id}; end them with ax-moo stop --now {project / 'swept'}, or kill" in refused.err
    assert files_below(project / "swept") == before
    (project / "go").touch()
    ended = wait_for_sweep(project, start_sweep(project, *waiting))
    assert [row["attempt"] for row in ended.in_state("COMPLETED")] == [1], "the sweep went on"


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def numbered(folder: Path) -> list[Path]:
    return [folder / str(number) for number in range(32)]


A_JOB = "hydra:\n  job:\n    name: app\n    num: 3\n"


@pytest.mark.parametrize(
    "left",
    [
        *("multirun.yaml", ".hydra/hydra.yaml", "app.log", "lock", "slurm-17.out", "README", "data/x.npz", "mine/0/x"),
        *("sweep.jsonl", ".submitit/submission_file_1.sh", ".submitit/0/0123.pkl"),
        ".submitit/controller/1_submitted.pkl",
        *("earlier-2026-11-30_10-12-03/0/last.ckpt", "earlier-2026-11-30_10-12-03-2/.hydra/hydra.yaml"),
        *("x=1,y=2/.hydra/hydra.yaml", "pretrained/.hydra/hydra.yaml"),
    ],
)
def test_files_that_no_trial_would_find_do_not_keep_a_sweep_from_beginning(tmp_path: Path, left: str) -> None:
    write(tmp_path / left, A_JOB)
    (tmp_path / "0").mkdir()
    check_unused(tmp_path, numbered(tmp_path))


def test_a_single_run_in_a_subfolder_is_no_trial(tmp_path: Path) -> None:
    write(tmp_path / "mine/.hydra/hydra.yaml", A_JOB.replace("num: 3", "num: ???"))
    check_unused(tmp_path, numbered(tmp_path))


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        ("0/last.ckpt", "0"),
        ("31/metrics.jsonl", "31"),
        ("317/app.log", "317"),
        (".submitit/4/17_submitted.pkl", ".submitit/4"),
        (".submitit/4/attempt-2/17_submitted.pkl", ".submitit/4"),
    ],
)
def test_what_a_trial_could_find_is_named_with_the_remedy(tmp_path: Path, left: str, shown: str) -> None:
    write(tmp_path / left, A_JOB)
    with pytest.raises(ConfigError) as refused:
        check_unused(tmp_path, numbered(tmp_path))
    assert str(refused.value) == (
        f"hydra.sweep.dir: {tmp_path} has no sweep.jsonl, but something of an earlier sweep, from which trials could go"
        f" on ({shown}); name another folder (hydra.sweep.dir=...), or move all of it aside with"
        " hydra.sweeper.resume=fresh"
    )


def test_folders_of_trials_are_found_where_another_subdir_has_them(tmp_path: Path) -> None:
    first = [tmp_path / "mlp" / str(number) for number in range(3)]
    check_unused(tmp_path, first)
    write(tmp_path / "cnn/7/.hydra/hydra.yaml", A_JOB)
    with pytest.raises(ConfigError, match=r"\(cnn/7\);"):
        check_unused(tmp_path, first)
    (tmp_path / "elsewhere").mkdir()
    claim(tmp_path / "elsewhere", Owner("a", 3), [])
    with pytest.raises(ConfigError, match=r"\(cnn/7, elsewhere\);"):
        check_unused(tmp_path, first)


def test_a_folder_outside_of_the_sweeps_is_named_and_not_moved(tmp_path: Path) -> None:
    sweep, first = tmp_path / "sweep", [tmp_path / "scratch/0"]
    checkpoint = write(first[0] / "last.ckpt")
    with pytest.raises(ConfigError, match=f"{first[0]}"):
        check_unused(sweep, first)
    with pytest.raises(ConfigError, match=f"{first[0]} is not; move it away yourself"):
        fresh.move_aside(sweep, first)
    assert checkpoint.exists()


def an_earlier_sweep(folder: Path) -> dict[str, bytes]:
    write_journal(folder, problem("x=interval(0, 1)"), life(0, {"x": 0.5}, {"objective": 0.5}, 0, 1))
    for name in (
        "0/last.ckpt",
        "12/x",
        ".submitit/0/1_submitted.pkl",
        ".submitit/0/1_0_result.pkl",
        "wandb/sweep.json",
    ):
        write(folder / name, name)
    for name in ("trials.csv", "report.html", "multirun.yaml", "stop", "sweep.jsonl.saved-7", "job files/0/1.out"):
        write(folder / name, name)
    write(folder / "lock", '{"host": "h", "pid": 1, "time": 1, "ended": 2, "about": {"job_folders": ["job files"]}}')
    return files_below(folder)


@pytest.mark.parametrize("moves", range(10))
def test_killed_while_it_moves_the_next_start_says_so_or_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    before = an_earlier_sweep(tmp_path)
    rename, left = Path.rename, iter(range(moves))

    def rename_or_die(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_or_die)
        with pytest.raises(KeyboardInterrupt):
            fresh.move_aside(tmp_path, numbered(tmp_path))
    if journal.header(tmp_path) is None:
        with pytest.raises(ConfigError, match=r"was being moved to earlier-.* finish this"):
            check_unused(tmp_path, numbered(tmp_path))
    fresh.move_aside(tmp_path, numbered(tmp_path))
    check_unused(tmp_path, numbered(tmp_path))
    [aside] = [name for name in names(tmp_path) if earlier.is_earlier(name)]
    assert names(tmp_path) == [aside, "lock"]
    assert files_below(tmp_path / aside) == before


def test_what_cannot_be_moved_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = an_earlier_sweep(tmp_path)

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(ConfigError, match=r"cannot be moved aside: Permission denied \(.*sweep.jsonl\)"):
            fresh.move_aside(tmp_path, numbered(tmp_path))
    assert {name: content for name, content in files_below(tmp_path).items() if ".moving" not in name} == before


def test_a_damaged_journal_is_moved_aside(tmp_path: Path) -> None:
    write(tmp_path / "sweep.jsonl", "nonsense\n")
    fresh.check_no_job_runs(tmp_path, no_job, lambda jobs: "")
    fresh.move_aside(tmp_path, numbered(tmp_path))
    assert [earlier.is_earlier(name) for name in names(tmp_path)] == [True]


def test_two_earlier_sweeps_have_two_folders(tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path / "sweep.jsonl", "nonsense\n")
        fresh.move_aside(tmp_path, numbered(tmp_path))
    assert [earlier.is_earlier(name) for name in names(tmp_path)] == [True, True]
    fresh.move_aside(tmp_path, numbered(tmp_path))
    assert len(names(tmp_path)) == 2, "there was nothing to move"


def no_job(job: Job) -> "Ended":
    raise AssertionError(f"{job} was asked for")


class Ended:
    """A job that has ended, or whose files cannot be read."""

    def __init__(self, job: Job, is_readable: bool = True) -> None:
        self.job = job
        self._is_readable = is_readable

    def state(self) -> JobState:
        if not self._is_readable:
            raise OSError(5, "Input/output error")
        return JobState.LOST

    def result(self) -> JobResult:
        return JobResult()

    def cancel(self) -> None:
        pass


def test_jobs_are_asked_for_that_the_journal_has_as_running_or_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = staged(0, {"x": 0.5}, 0)
    lost = running(first, 1, job="11").retry("killed", time=BEGUN + 2)
    events = [first, running(first, 1, job="11"), lost, running(lost, 3, job="12"), staged(1, {"x": 0.1}, 4)]
    write_journal(tmp_path, problem("x=interval(0, 1)"), [*events, *life(2, {"x": 0.2}, {"objective": 1.0}, 5, 6)])
    for name in ("0/11", "0/attempt-2/12", "1/13", "2/2", "2/14"):
        write(tmp_path / f".submitit/{name}_submitted.pkl")
    write(tmp_path / ".submitit/2/14_0_result.pkl")
    asked: list[str] = []

    def attach(job: Job) -> Ended:
        asked.append(job.job_id)
        return Ended(job)

    fresh.check_no_job_runs(tmp_path, attach, lambda jobs: "")
    assert asked == ["13"], "12 ran inside the sweeper"
    monkeypatch.setattr(fresh, "ENDED_WITHIN_SECONDS", 0.0)
    with pytest.raises(ConfigError, match=r"may still run: 13; end them with ax-moo stop --now .*, or kill 13"):
        fresh.check_no_job_runs(tmp_path, lambda job: Ended(job, is_readable=False), lambda jobs: "kill 13")


def test_fresh_asks_for_jobs_that_the_journal_does_not_know_in_a_submitit_folder_of_several_sweeps(
    tmp_path: Path,
) -> None:
    folder, shared = tmp_path / "swept", tmp_path / "shared"
    about = {"id": "0123456789abcdef", "job_folders": [str(shared)]}
    write_journal(folder, problem("x=interval(0, 1)"), [staged(0, {"x": 0.5}, 0)], **about)
    for name in ("0123456789abcdef/0/11", "fedcba9876543210/0/12", "0/13"):
        write(shared / f"{name}_submitted.pkl")
    asked: list[str] = []

    def attach(job: Job) -> Ended:
        asked.append(job.job_id)
        return Ended(job)

    fresh.check_no_job_runs(folder, attach, lambda jobs: "")
    assert asked == ["11"], "the others are other sweeps'"


def test_the_curves_of_an_earlier_sweep_are_not_taken_for_those_of_the_new_one(tmp_path: Path) -> None:
    aside = tmp_path / "earlier-2026-11-30_10-12-03"
    write(aside / "0/.hydra/hydra.yaml", A_JOB.replace("num: 3", "num: 0"))
    write(aside / "0/metrics.jsonl", '{"step": 1, "time": 1.0, "metrics": {"objective": 0.5}}\n')
    trials = [Trial(0, {"x": 0.5})]
    assert curves(aside, "a", trials, ["objective"])["trials"], "they are there"
    assert curves(tmp_path, "a", trials, ["objective"])["trials"] == []


def test_a_sweep_whose_journal_has_lost_a_trial_does_not_go_on_from_that_trials_folder(tmp_path: Path) -> None:
    swept = run_sweep(write_app(tmp_path, APP), *ONE, "hydra.sweeper.n_trials=2")
    journal_file = swept.folder / "sweep.jsonl"
    lines = journal_file.read_text().splitlines(keepends=True)
    journal_file.write_text("".join(line for line in lines if '"trial": 1' not in line))
    before = files_below(swept.folder)
    refused = run_sweep(tmp_path, *ONE, "hydra.sweeper.n_trials=3")
    assert (refused.code, refused.out) == (2, "")
    assert "trials that its sweep.jsonl does not know, from which trials could go on (1); move them away" in refused.err
    assert files_below(swept.folder) == before


def test_folders_of_trials_that_the_journal_knows_are_no_obstacle(tmp_path: Path) -> None:
    for number in (0, 1, 2):
        write(tmp_path / f"{number}/last.ckpt")
    (tmp_path / "3").mkdir()
    check_none_ahead(tmp_path, numbered(tmp_path), next_trial=3)
    write(tmp_path / "40/last.ckpt")
    with pytest.raises(ConfigError, match=r"\(40\);"):
        check_none_ahead(tmp_path, numbered(tmp_path), next_trial=3)
    with pytest.raises(ConfigError, match=r"\(2, 40\);"):
        check_none_ahead(tmp_path, numbered(tmp_path), next_trial=2)


def test_ax_moo_submit_does_not_take_fresh(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    command = [sys.executable, "app.py", "-m", "hydra/sweeper=ax_moo", "hydra.sweep.dir=swept", *ONE]
    assert sweep_folder_of(command, project) == project / "swept"
    with pytest.raises(ConfigError, match="fresh would begin anew whenever the sweep's Slurm job is requeued"):
        sweep_folder_of([*command, FRESH], project)
