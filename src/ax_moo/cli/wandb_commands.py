"""``ax-moo wandb pull``, ``sync`` and ``report``: download, upload and report a sweep in Weights & Biases."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_moo.cli.compare import compare_folders
from ax_moo.cli.export import report
from ax_moo.cli.folder import left_jobs, open_folder, states_of
from ax_moo.console.plain import open_console
from ax_moo.console.summary import closing_lines, frontier_table
from ax_moo.jobs.launcher import JobState
from ax_moo.storage.folder import NoSweep, SweepFolder
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import say
from ax_moo.wandb.project import Project, open_api, open_project
from ax_moo.wandb.pull import Pulled
from ax_moo.wandb.pull import pull as pull_group
from ax_moo.wandb.saved_report import save_report
from ax_moo.wandb.sync import RunData, Uploaded, find, run_files, upload
from ax_moo.wandb.trial_runs import tag_and_close


def pull(
    project: str, groups: Sequence[str], into: Path | None, entity: str | None, run_id: str | None, with_report: bool
) -> None:
    """Pull one group after the other, print what each holds, and compare them."""
    groups = list(dict.fromkeys(groups))
    if run_id is not None and len(groups) > 1:
        raise ConfigError("--run chooses among the sweeps of one group; pull that group alone")
    folders = _folders(groups, into)
    for group, folder in zip(groups, folders, strict=True):
        with open_project(project, entity) as found:
            pulled = pull_group(found, group, folder.absolute(), run_id)
        _say(pulled)
        if with_report:
            report(pulled.folder, None)
    if len(folders) > 1:
        _compare(folders)


def _folders(groups: Sequence[str], into: Path | None) -> list[Path]:
    if into is not None and len(groups) == 1:
        return [into]
    names = [re.sub(r"[^\w.-]+", "-", group) for group in groups]
    return [Path(f"wandb-{name}") if into is None else into / name for name in names]


def _compare(folders: Sequence[Path]) -> None:
    try:
        compare_folders(folders, None)
    except ConfigError as error:
        say(f"the sweeps are not compared: {error}")


def _say(pulled: Pulled) -> None:
    sweep = open_folder(pulled.folder)
    frontier = frontier_table(sweep.trials, sweep.problem)
    if frontier.row_count:
        open_console().print(frontier)
    for line in closing_lines(sweep.trials, sweep.problem):
        say(line)
    if pulled.lost:
        numbers = ", ".join(map(str, pulled.lost))
        say(f"W&B does not have the lines {numbers} of the sweep's journal: ax-moo wandb sync may upload them")
    if pulled.state == "running":
        say("the sweep goes on; pull it again to see more of it")
    say(f"the sweep {pulled.run_id} is in {sweep.path}, with curves of {pulled.curves} trials")


def sync(folder: Path) -> int:
    """Upload the runs and print the result of each; the exit code is 1 where an upload failed."""
    folder = folder.absolute()
    if not run_files(folder):
        raise ConfigError(
            f"{folder} holds no data of W&B; name a sweep folder that has wandb/[offline-]run-*, or trials that have it"
        )
    sweep = _sweep(folder)
    with open_api() as api:
        found = find(api, folder, _living(sweep))
        for run in found.living:
            say(f"{run.run_id}: skipped, because the run is still written to, or was within the last minute")
        done = []
        for uploaded in upload(found.pending):
            say(f"{uploaded.run.run_id}: {_result(uploaded)}")
            done.append(uploaded)
        failed = sum(uploaded.problem is not None for uploaded in done)
        say(f"{len(done) - failed} uploaded, {found.there} there already, {len(found.living)} skipped, {failed} failed")
        lacking = {uploaded.run.run_id for uploaded in done if uploaded.problem is not None}
        if found.sweep and found.sweep.run_id not in lacking and sweep and not sweep.is_swept and not sweep.running:
            _close(api, found.sweep, sweep)
    return 1 if failed else 0


def _sweep(folder: Path) -> SweepFolder | None:
    """The folder's sweep; None in the folder of a single training, which may hold data of W&B as well."""
    try:
        return open_folder(folder)
    except NoSweep:
        return None


def _living(sweep: SweepFolder | None) -> list[str]:
    """The endings of the ids of the runs that still run, by the sweep's journal and the scheduler."""
    if sweep is None:
        return []
    if sweep.is_swept:
        return ["-sweep", *(f"-{trial.index}" for trial in sweep.running)]
    states = states_of(left_jobs(sweep))
    return [f"-{trial}" for trial, state in states.items() if state in (JobState.PENDING, JobState.RUNNING)]


def _result(uploaded: Uploaded) -> str:
    if uploaded.problem is not None:
        return f"failed: {uploaded.problem}"
    return "uploaded, up to the record at which its process was killed" if uploaded.is_torn else "uploaded"


def _close(api: Any, own: RunData, sweep: SweepFolder) -> None:
    """Tag and close the trials' runs, which an online sweep does at its end."""
    project = Project(api, f"{own.entity or api.default_entity}/{own.project}")
    done = tag_and_close(project, own.group, sweep.path, own.run_id)
    if done.tagged or done.untagged:
        say(f"tagged as pareto: {', '.join(done.tagged) or 'none'}; no longer: {', '.join(done.untagged) or 'none'}")
    if done.closed:
        say(f"closed as failed: {', '.join(done.closed)}")
    for run_id, why in done.left.items():
        say(f"{run_id}: not changed: {why}")


def publish(project: str, group: str, entity: str | None, title: str | None, run_id: str | None) -> None:
    """Save the Report, and print its address."""
    with open_project(project, entity) as found:
        say(save_report(found, group, title, run_id))
