"""SlurmQueue: submits jobs to Slurm, those that are ready together as one job array."""

import json
import logging
import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted

from ax_moo.jobs.folders import attempt_folder, base_of, of_sweep
from ax_moo.jobs.launcher import JobHandle, JobRequest
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault
from ax_moo_launchers.files import ARRAY_TASK, has_pickle, remove_unpublished
from ax_moo_launchers.handle import SubmititHandle
from ax_moo_launchers.no_job import NoJob
from ax_moo_launchers.slurm import excluding, options, refusals, retry_resources
from ax_moo_launchers.slurm.commands import output_folders
from ax_moo_launchers.slurm.handle import SlurmHandle
from ax_moo_launchers.slurm.sbatch import Refused, open_executor
from ax_moo_launchers.slurm.taken import Taken, resources_of
from ax_moo_launchers.slurm.watcher import SlurmWatcher

log = logging.getLogger(__name__)

_Submissions = Mapping[JobRequest, utils.DelayedSubmission]

_COMMANDS = ("sbatch", "squeue", "scancel")


class SlurmQueue:
    """Submits jobs with sbatch: those that ask for the same as an array, whose task ids are the trial numbers."""

    def __init__(self, params: Mapping[str, Any], sweep_folder: Path) -> None:
        self.params = params
        self._sweep_folder = sweep_folder
        self.watcher = SlurmWatcher()
        self._has_submitted = False
        self._no_array_from: int | None = None
        self._doubtful: set[Path] = set()
        self._taken = Taken()

    max_jobs: int | None = None
    default_parallel: int | None = None  # Slurm queues the jobs

    @property
    def base(self) -> Path:
        return base_of(str(self.params["submitit_folder"]), self._sweep_folder)

    def folder(self, request: JobRequest) -> Path:
        return attempt_folder(self._of_sweep(request.sweep), request.trial, request.attempt)

    def _of_sweep(self, sweep: str) -> Path:
        return of_sweep(self.base, self._sweep_folder, sweep)

    def is_ready(self) -> bool:
        return True

    def close(self) -> None:
        """Do nothing: nothing is prepared."""

    def check(self) -> None:
        needed = [*_COMMANDS, *(["srun"] if self.params.get("use_srun") is not False else [])]
        missing = [command for command in needed if shutil.which(command) is None]
        if missing:
            raise ConfigError(
                f"hydra/launcher=async_slurm: Slurm's {' and '.join(missing)} must be on PATH; start the sweep on a "
                "login node of the cluster, or use hydra/launcher=async_local"
            )
        self.check_params(self.params)
        options.check_path("hydra.launcher.submitit_folder", self.base)

    def check_params(self, params: Mapping[str, Any]) -> None:
        options.check_options(params)
        retry_resources.check(params)

    def for_attempt(self, params: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
        return retry_resources.for_attempt(params, faults)

    def submit(
        self, calls: Mapping[JobRequest, tuple[Any, ...]], params: Mapping[JobRequest, Mapping[str, Any]]
    ) -> Sequence[SubmititHandle | NoJob]:
        self.check()
        submissions = {request: utils.DelayedSubmission(*call) for request, call in calls.items()}
        self._end_doubtful(submissions)
        handles: dict[JobRequest, SubmititHandle | NoJob] = {}
        try:
            self._submit_into(handles, submissions, params)
        except BaseException as error:
            # The caller would not know the jobs that were submitted.
            for handle in handles.values():
                handle.withdraw()
            if isinstance(error, Refused):
                raise self._refusal(submissions, error) from None
            raise
        return [handles[request] for request in calls]

    def _submit_into(
        self,
        handles: dict[JobRequest, SubmititHandle | NoJob],
        submissions: _Submissions,
        params: Mapping[JobRequest, Mapping[str, Any]],
    ) -> None:
        """Submit them all. If this raises, ``handles`` has those that were submitted."""
        waiting = deque(self._groups({each: params[each] for each in submissions}))
        while waiting:
            group = waiting.popleft()
            try:
                handles |= self._submit_group({each: submissions[each] for each in group}, params[group[0]])
            except Refused as error:
                if len(group) == 1 or not refusals.is_of_arrays(str(error)):
                    raise
                self._no_array_from = max(each.trial for each in group)
                log.info("Slurm takes no array of %d jobs, which are submitted one by one: %s", len(group), error)
                waiting.extendleft([each] for each in reversed(group))

    def _groups(self, params: Mapping[JobRequest, Mapping[str, Any]]) -> list[list[JobRequest]]:
        """The requests of each submission: an array for those that ask for the same.

        An array's task finds its folder by its number alone, so that a later attempt is no part of one.
        """
        groups: dict[object, list[JobRequest]] = {}
        for each in params:
            is_too_high = self._no_array_from is not None and each.trial >= self._no_array_from
            is_alone = each.attempt > 1 or is_too_high
            groups.setdefault(each if is_alone else (each.exclude, _key(params[each])), []).append(each)
        return list(groups.values())

    def _submit_group(
        self, submissions: _Submissions, params: Mapping[str, Any]
    ) -> Mapping[JobRequest, SlurmHandle | NoJob]:
        """Submit jobs with the same settings; where Slurm refuses just these settings, their trials have no job."""
        first = next(iter(submissions))
        try:
            array = self._of_sweep(first.sweep) / ARRAY_TASK
            jobs = self._sbatch(array if len(submissions) > 1 else self.folder(first), submissions, params)
        except Refused as error:
            if not self._taken.shows_fault_of(params, str(error), self._of_sweep(first.sweep), first.sweep):
                raise
            return dict.fromkeys(submissions, NoJob(f"Slurm refuses the resources of this trial: {error}"))
        self._note_taken(params)
        return dict(zip(submissions, jobs, strict=True))

    def _note_taken(self, params: Mapping[str, Any]) -> None:
        self._has_submitted = True
        self._taken.add(params)

    def adopt(self, handle: JobHandle) -> None:
        """Let a job that an earlier process submitted share this queue's queries to Slurm."""
        if isinstance(handle, SlurmHandle):
            handle.ask_through(self.watcher)
            self._has_submitted = True

    def end_ready_jobs(self) -> None:
        """Do nothing: each job has its trial."""

    def end_orphans(self, folder: Path) -> None:
        """Cancel jobs that wait for a pickle that never comes, because their sweeper was killed meanwhile."""
        if folder.exists():
            for job_id, output_folder in output_folders().items():
                if Path(output_folder) == folder.absolute() and not has_pickle(folder, job_id):
                    self.watcher.cancel(job_id)
            remove_unpublished(folder)

    def _sbatch(self, folder: Path, submissions: _Submissions, params: Mapping[str, Any]) -> list[SlurmHandle]:
        requests = {self.folder(request): request for request in submissions}
        calls = {own: submissions[request] for own, request in requests.items()}
        first = next(iter(submissions))
        jobs = excluding.submitted_without(
            first.exclude,
            params,
            lambda left: open_executor(folder, left).submit_calls(
                self._of_sweep(first.sweep), calls, requests, resources=resources_of(params)
            ),
        )
        return [SlurmHandle(job, self.watcher) for job in jobs]

    def _refusal(self, submissions: _Submissions, error: Refused) -> Exception:
        # The controller may have taken a job whose answer was lost; without its pickle that job does no work.
        self._doubtful |= set(map(self.folder, submissions))
        return refusals.refusal(str(error), self._has_submitted)

    def _end_doubtful(self, submissions: _Submissions) -> None:
        """Cancel what an earlier submission of these jobs, whose answer was lost, may have left in the queue."""
        for folder in self._doubtful & set(map(self.folder, submissions)):
            self.end_orphans(folder)
            self._doubtful.discard(folder)


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True, default=str)
