"""``ax-moo status``: prints the state of a sweep, its trials, jobs, frontier and failures."""

import dataclasses
import json
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ax_moo.cli.controller import queued_controller
from ax_moo.cli.folder import left_jobs, open_folder, states_of
from ax_moo.console.plain import open_console, shown
from ax_moo.console.summary import clock, closing_lines, frontier_table
from ax_moo.jobs.launcher import JobState
from ax_moo.problem.frontier import hypervolume_of
from ax_moo.results.status import SweepState, elapsed, failures, model_failures, retries, state_of, where
from ax_moo.results.tables import optimization_results
from ax_moo.storage.folder import NotBegun, SweepFolder
from ax_moo.sweep.nodes import AvoidedNode, avoided_nodes
from ax_moo.system.redaction import command_without_secrets
from ax_moo.system.terminal import is_gone, say, say_as_error, shows_output
from ax_moo.system.text import quoted
from ax_moo.trial import Job, Trial, TrialStatus

WATCH_SECONDS = 2.0
SHARE_OF_TIME = 0.2
"""The share of one core's time that ``--watch`` may take: a journal of ten thousand trials is read less often."""

LIVES_ON = (SweepState.RUNNING, SweepState.QUEUED)
NEVER_QUEUED = (SweepState.RUNNING, SweepState.FINISHED, SweepState.COPY)


def status(folder: Path, as_json: bool, watch: bool) -> None:
    """Print the status of the sweep, and with ``watch`` print it again every two seconds until the sweep has ended."""
    snapshots = _snapshots(folder, watch)
    with suppress(KeyboardInterrupt):
        if as_json:
            for _, facts in snapshots:
                say(json.dumps(facts, default=str))
        elif watch and shows_output():
            with Live(console=open_console(), auto_refresh=False) as live:
                for sweep, facts in snapshots:
                    live.update(_view(sweep, facts), refresh=True)
        else:
            for sweep, facts in snapshots:
                open_console().print(_view(sweep, facts))


def _snapshots(folder: Path, watch: bool) -> Iterator[tuple[SweepFolder, dict[str, Any]]]:
    if watch:
        _wait_for_begin(folder)
    while True:
        begin = time.monotonic()
        sweep = open_folder(folder)
        facts = facts_of(sweep, time.time())
        yield sweep, facts
        if not watch or facts["state"] not in LIVES_ON or is_gone():
            return
        time.sleep(pause(time.monotonic() - begin))


def pause(seconds: float) -> float:
    """How long to wait after a status that took so long."""
    return max(WATCH_SECONDS, seconds / SHARE_OF_TIME)


def _wait_for_begin(folder: Path) -> None:
    printed = ""
    while True:
        try:
            open_folder(folder)
            return
        except NotBegun as error:
            if str(error) != printed:
                say_as_error(printed := str(error))
            time.sleep(WATCH_SECONDS)


def _view(sweep: SweepFolder, facts: dict[str, Any]) -> RenderableType:
    """The status as text and tables, without those that are empty."""
    parts: list[RenderableType] = [shown(line) for line in _head(sweep, facts)]
    if facts["running"]:
        is_swept = facts["state"] is SweepState.RUNNING
        is_copy = sweep.copy_of is not None
        title = "Running jobs" if is_swept else "Jobs that the sweeper has left behind"
        title, state = ("Jobs of the original", ()) if is_copy else (title, () if is_swept else ("state",))
        parts.append(_table(title, facts["running"], ("trial", "attempt", "job_id", *state, "age", "folder")))
    if facts["retries"]:
        parts.append(_table("Attempts that were lost", facts["retries"], ("trial", "attempt", "reason", "log")))
    frontier = frontier_table(sweep.trials, sweep.problem)
    if frontier.row_count:
        parts.append(frontier)
    parts += [shown(line) for line in closing_lines(sweep.trials, sweep.problem)[1:]]
    if facts["failures"]:
        parts.append(_table("Failures", facts["failures"], ("trials", "reason", "log")))
    return Group(*parts)


def _head(sweep: SweepFolder, facts: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{number} {name.lower()}" for name, number in facts["trials"].items() if number)
    of = f"{len(sweep.trials)} of {facts['n_trials']} trials" if facts["n_trials"] else f"{len(sweep.trials)} trials"
    return [
        f"sweep in {facts['folder']}",
        f"{_sentence(sweep, facts)}; {clock(facts['elapsed_s'])} since its first start",
        *([f"a copy of the sweep in {sweep.copy_of}, to which its jobs belong"] if sweep.copy_of else []),
        f"{of}: {counts or 'none was started'}",
        *(AvoidedNode(**each).sentence(sweep.is_swept) for each in facts["avoided_nodes"]),
    ]


def _sentence(sweep: SweepFolder, facts: dict[str, Any]) -> str:
    why = f" ({sweep.about['why']})" if "why" in sweep.about else ""
    folder = quoted(facts["folder"])
    goes_on = f"ax-moo resume {folder}"
    sentences = {
        SweepState.RUNNING: f"running: {sweep.holder}",
        SweepState.QUEUED: f"queued: Slurm job {facts['controller']} goes on with it as soon as it runs",
        SweepState.FINISHED: f"finished{_without_result(sweep)}{why}",
        SweepState.STOPPED: f"stopped{_before_its_last_trial(sweep)}{why}; {goes_on} goes on",
        SweepState.INTERRUPTED: f"interrupted{why}; {goes_on} goes on with its jobs, ax-moo stop --now {folder} "
        "cancels those that still run",
        SweepState.KILLED: f"killed: its sweeper, {sweep.holder}, ended without recording why; {goes_on} goes on",
        SweepState.COPY: f"as it was when it was copied; now: ax-moo status {quoted(sweep.copy_of)}",
    }
    return sentences[facts["state"]]


def _without_result(sweep: SweepFolder) -> str:
    return "" if any(trial.status is TrialStatus.COMPLETED for trial in sweep.trials) else ", and no trial completed"


def _before_its_last_trial(sweep: SweepFolder) -> str:
    """Nothing where all trials have ended, and only the tables could not be written."""
    ended = sum(trial.status.is_finished for trial in sweep.trials)
    return "" if ended >= (sweep.about.get("n_trials") or math.inf) else " before its last trial"


def _table(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row, name) for name in columns))
    return table


def _cell(row: dict[str, Any], name: str) -> Text:
    if name == "age":
        return shown(clock(row["age_s"]))
    value = row[name]
    if isinstance(value, list):
        return shown(", ".join(map(str, value)))
    return shown("-" if value is None else value)


def facts_of(sweep: SweepFolder, now: float) -> dict[str, Any]:
    """The status as one JSON object, with the keys of docs/cli.md; times are seconds since the epoch."""
    multi = sweep.problem.is_multi_objective
    solutions = optimization_results(sweep.trials, sweep.problem)["solutions"]
    return {
        "folder": str(sweep.path),
        "copy_of": str(sweep.copy_of) if sweep.copy_of else None,
        **_state(sweep),
        "n_trials": sweep.about.get("n_trials"),
        "n_jobs": sweep.about.get("n_jobs"),
        "started": sweep.header.get("time"),
        "elapsed_s": elapsed(sweep, now),
        "trials": {str(status): sum(t.status is status for t in sweep.trials) for status in TrialStatus},
        "running": _all_running(sweep, now),
        "retries": [retry for trial in sweep.trials for retry in retries(trial)],
        "failures": failures(sweep.trials),
        "model_failures": model_failures(sweep.trials),
        "avoided_nodes": list(map(dataclasses.asdict, avoided_nodes(sweep.trials, now))),
        "frontier": solutions,
        "hypervolume": hypervolume_of(sweep.trials, sweep.problem) if multi else None,
        "best": solutions[0] if solutions and not multi else None,
        "command": _command(sweep),
        "cwd": sweep.about.get("cwd"),
    }


def _command(sweep: SweepFolder) -> str | None:
    command = sweep.about.get("command")
    return command_without_secrets(command) if isinstance(command, str) else None


def _all_running(sweep: SweepFolder, now: float) -> list[dict[str, Any]]:
    """The running trials, and those whose jobs a killed sweeper submitted and had no time to note."""
    jobs = left_jobs(sweep)
    states = states_of(jobs)
    return [
        _running(trial, trial.job or jobs.get(trial.index), states.get(trial.index), now)
        for trial in sweep.trials
        if trial.status is TrialStatus.RUNNING or trial.index in jobs
    ]


def _running(trial: Trial, job: Job | None, state: JobState | None, now: float) -> dict[str, Any]:
    return {
        "trial": trial.index,
        "attempt": trial.attempt,
        **where(job),
        "state": None if state is None else str(state),
        "request": dict(job.request) if job else {},
        "age_s": round(max(0.0, now - trial.time), 1),
    }


def _state(sweep: SweepFolder) -> dict[str, Any]:
    """The state, the sweeper and the controller; a sweep without a sweeper is ``queued`` if Slurm holds its job."""
    state, controller, holder, sweeper = state_of(sweep), None, sweep.holder, None
    if holder is not None and holder.host:
        sweeper = {"host": holder.host, "pid": holder.pid, "since": holder.time, "ended": holder.ended}
    if state not in NEVER_QUEUED and (job := _controller_of(sweep)) is not None:
        state, controller = SweepState.QUEUED, job.job_id
    return {"state": state, "sweeper": sweeper, "controller": controller}


def _controller_of(sweep: SweepFolder) -> Job | None:
    try:
        return queued_controller(sweep.path)
    except PermissionError:  # the files of jobs are another user's, and the journal may be everybody's
        return None
