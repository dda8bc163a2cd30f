"""Jobs as Slurm's."""

import contextlib
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted

from ax_moo.errors import ConfigError
from ax_moo.jobs import JobState
from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher import _scheduler
from hydra_plugins.async_submitit_launcher._handle import SubmititHandle, submitted_job
from hydra_plugins.async_submitit_launcher._sbatch import Refused, open_executor
from hydra_plugins.async_submitit_launcher._slurm_commands import call

log = logging.getLogger(__name__)

_GRACE_S = 10.0
_COMMANDS = ("sbatch", "squeue", "scancel")
_BUSY = re.compile(
    r"unable to contact|connect failure|connection refused|timed out|temporarily|slurmctld|submit.?job|try again",
    re.IGNORECASE,
)


class SlurmQueue:
    """Submits with sbatch: a first round as one array whose task ids are the trials, else one by one."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.watcher = _scheduler.SlurmWatcher()
        self._has_submitted = False

    max_jobs: int | None = None

    @property
    def base(self) -> Path:
        return Path(utils.JobPaths.get_first_id_independent_folder(str(self.params["submitit_folder"])))

    def check(self) -> None:
        needed = [*_COMMANDS, *(["srun"] if self.params.get("use_srun") is not False else [])]
        missing = [command for command in needed if shutil.which(command) is None]
        if missing:
            raise ConfigError(
                f"hydra/launcher=async_slurm needs Slurm's {' and '.join(missing)} on PATH: start the sweep on a "
                "login node of the cluster, or use hydra/launcher=async_local."
            )
        if "%" in str(self.base):
            raise ConfigError(
                f"hydra.launcher.submitit_folder is {self.base}/..., but Slurm takes the % for a pattern: "
                "choose a sweep folder without it."
            )

    def submit(self, calls: Mapping[int, tuple[Any, ...]]) -> Sequence["SlurmHandle"]:
        self.check()
        submissions = {trial: utils.DelayedSubmission(*call) for trial, call in calls.items()}
        if len(calls) > 1 and list(calls) == list(range(len(calls))):
            return self._sbatch("%a", submissions)
        return [
            handle
            for trial, submission in submissions.items()
            for handle in self._sbatch(str(trial), {trial: submission})
        ]

    def attach(self, job: Job) -> "SlurmHandle":
        n_tasks = (self.params.get("tasks_per_node") or 1) * (self.params.get("nodes") or 1)
        return SlurmHandle(job, n_tasks, self.watcher)

    def cancel_command(self, job_ids: Sequence[str]) -> str:
        return f"scancel {' '.join(job_ids)}"

    def find(self, trial: int) -> "SlurmHandle | None":
        job = submitted_job(self.base / str(trial))
        return None if job is None else self.attach(job)

    def _sbatch(self, folder: str, submissions: Mapping[int, utils.DelayedSubmission]) -> list["SlurmHandle"]:
        executor = open_executor(self.base / folder, self.params)
        try:
            jobs = executor.submit_trials(self.base, submissions)
        except Refused as error:
            raise self._refusal(str(error)) from None
        self._has_submitted = True
        return [self.attach(job) for job in jobs]

    def _refusal(self, message: str) -> Exception:
        """A user's mistake, where nothing was accepted yet; else something that may be over in a moment."""
        if self._has_submitted or _BUSY.search(message):
            return OSError(f"Slurm did not take a job: {message}")
        return ConfigError(
            f"Slurm refuses the job that hydra.launcher describes: {message}; mend its partition, account, qos or "
            "resources, or use hydra/launcher=async_local where no Slurm controller can be reached"
        )


class SlurmHandle(SubmititHandle):
    """A Slurm job, known by its id."""

    def __init__(self, job: Job, n_tasks: int, watcher: _scheduler.SlurmWatcher) -> None:
        super().__init__(job, n_tasks)
        self._watcher = watcher
        watcher.watch(job.job_id)

    def state(self) -> JobState:
        if self._is_there(every=True):
            return JobState.FINISHED
        verdict = self._watcher.verdict(self.job.job_id)
        if verdict.phase is _scheduler.Phase.PENDING:
            return JobState.PENDING
        # On a network file system the result may come into sight some time after the job has ended.
        if verdict.phase is _scheduler.Phase.RUNNING or time.monotonic() - verdict.since < _GRACE_S:
            return JobState.RUNNING
        return JobState.FINISHED if self._is_there(every=False) else JobState.LOST

    def cancel(self) -> None:
        status, _, error = call(["scancel", self.job.job_id])
        if status != 0 and "Invalid job id" not in error:
            log.warning("Job %s could not be cancelled: %s", self.job.job_id, error.strip())

    def _is_there(self, every: bool) -> bool:
        with contextlib.suppress(OSError):
            # Makes a network file system look again: https://stackoverflow.com/questions/3112546
            os.chmod(self.folder, self.folder.stat().st_mode)
        if not self.has_results(every):
            return False
        self._watcher.forget(self.job.job_id)
        return True

    def _why_lost(self) -> str:
        return f"{self._watcher.how_it_ended(self.job.job_id)}, no result written"
