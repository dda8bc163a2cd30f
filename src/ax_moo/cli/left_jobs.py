"""The jobs that a sweep has left behind where no sweeper is there to know how they stand."""

from collections.abc import Mapping, Sequence

from ax_moo.cli.sweep_folder import SweepFolder
from ax_moo.jobs import JobState
from ax_moo.trial import Job


def states_of_left_jobs(sweep: SweepFolder) -> Mapping[int, JobState]:
    """By trial number; empty while a sweeper runs the sweep."""
    from hydra_plugins.async_submitit_launcher._attach import attacher

    if sweep.is_swept:
        return {}
    attach = attacher()
    return {trial.index: attach(trial.job).state() for trial in sweep.running if trial.job}


def say_left_jobs(sweep: SweepFolder) -> None:
    """What there is for a resume, and what ends the jobs that still run."""
    states = states_of_left_jobs(sweep)
    going = _jobs(sweep, [index for index, state in states.items() if state in (JobState.PENDING, JobState.RUNNING)])
    done = _jobs(sweep, [index for index, state in states.items() if state is JobState.FINISHED])
    if going:
        print(f"jobs that keep running: {_ids(going)}; end them with: {_how_to_end(sweep, going)}")
    if done:
        print(f"jobs that have finished, and whose results a resume collects: {_ids(done)}")
    if not states:
        print("no job is left")
    print(f"go on with the sweep: ax-moo resume {sweep.path}")


def _how_to_end(sweep: SweepFolder, jobs: Sequence[Job]) -> str:
    from hydra_plugins.async_submitit_launcher._attach import cancel_command

    return f"ax-moo stop --now {sweep.path}, or {cancel_command(jobs)}"


def _jobs(sweep: SweepFolder, trials: Sequence[int]) -> list[Job]:
    return [trial.job for trial in sweep.running if trial.job and trial.index in trials]


def _ids(jobs: Sequence[Job]) -> str:
    return ", ".join(job.job_id for job in jobs)
