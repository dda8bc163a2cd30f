"""The state of a sweep as plain data: what ``ax-moo status --json`` prints."""

from typing import Any

from ax_moo.cli.controller import queued_controller
from ax_moo.cli.left_jobs import states_of_left_jobs
from ax_moo.jobs.launcher import JobState
from ax_moo.problem.frontier import hypervolume_of
from ax_moo.results.status import elapsed, failures, retries, state_of, where
from ax_moo.results.tables import optimization_results
from ax_moo.storage.folder import SweepFolder
from ax_moo.trial import Trial, TrialStatus


def facts_of(sweep: SweepFolder, now: float) -> dict[str, Any]:
    """The keys are those of docs/cli.md; times are seconds since the epoch."""
    states = states_of_left_jobs(sweep)
    multi = sweep.problem.is_multi_objective
    solutions = optimization_results(sweep.trials, sweep.problem)["solutions"]
    return {
        "folder": str(sweep.path),
        **_state(sweep),
        "n_trials": sweep.about.get("n_trials"),
        "n_jobs": sweep.about.get("n_jobs"),
        "started": sweep.header.get("time"),
        "elapsed_s": elapsed(sweep, now),
        "trials": {str(status): sum(t.status is status for t in sweep.trials) for status in TrialStatus},
        "running": [_running(trial, states.get(trial.index), now) for trial in sweep.running],
        "retries": [retry for trial in sweep.trials for retry in retries(trial)],
        "failures": failures(sweep.trials),
        "frontier": solutions,
        "hypervolume": hypervolume_of(sweep.trials, sweep.problem) if multi else None,
        "best": solutions[0] if solutions and not multi else None,
        "command": sweep.about.get("command"),
        "cwd": sweep.about.get("cwd"),
    }


def _running(trial: Trial, state: JobState | None, now: float) -> dict[str, Any]:
    return {
        "trial": trial.index,
        "attempt": trial.attempt,
        **where(trial.job),
        "state": None if state is None else str(state),
        "age_s": round(max(0.0, now - trial.time), 1),
    }


def _state(sweep: SweepFolder) -> dict[str, Any]:
    """The state, and whose sweep it is; one that nobody runs may be ``queued``, as the job of a controller."""
    state, controller, holder, sweeper = state_of(sweep), None, sweep.holder, None
    if holder is not None and holder.host:
        sweeper = {"host": holder.host, "pid": holder.pid, "since": holder.time, "ended": holder.ended}
    if state not in ("running", "finished") and (job := queued_controller(sweep.path)) is not None:
        state, controller = "queued", job.job_id
    return {"state": state, "sweeper": sweeper, "controller": controller}
