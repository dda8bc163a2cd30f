"""Jobs as Slurm's."""

import contextlib
import logging
import os
import re
import shlex
import shutil
import time
import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted
from submitit.slurm import slurm

from ax_moo.errors import ConfigError
from ax_moo.jobs import JobState
from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher import _environment, _scheduler
from hydra_plugins.async_submitit_launcher._handle import SubmititHandle, submitted_file, submitted_job

log = logging.getLogger(__name__)

_GRACE_S = 10.0
_FOR_EVER_MIN = 60 * 24 * 365 * 10
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

    def find(self, trial: int) -> "SlurmHandle | None":
        job = submitted_job(self.base / str(trial))
        return None if job is None else self.attach(job)

    def _sbatch(self, folder: str, submissions: Mapping[int, utils.DelayedSubmission]) -> list["SlurmHandle"]:
        executor = _open_executor(self.base / folder, self.params)
        try:
            jobs = executor.submit_trials(self.base, submissions)
        except utils.FailedJobError as error:
            raise self._refusal(str(error)) from None
        self._has_submitted = True
        return [self.attach(job) for job in jobs]

    def _refusal(self, message: str) -> Exception:
        """A user's mistake, where nothing was accepted yet; else something that may be over in a moment."""
        sentence = " ".join(message.split())
        if self._has_submitted or _BUSY.search(sentence):
            return OSError(f"Slurm did not take a job: {sentence}")
        return ConfigError(
            f"Slurm refuses the job that hydra.launcher describes: {sentence} Mend its partition, account, qos or "
            "resources."
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
        status, _, error = _scheduler.call(["scancel", self.job.job_id])
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
        return f"{self._watcher.verdict(self.job.job_id).words or 'ended'}, no result written"


class _Executor(slurm.SlurmExecutor):
    """Submitit's Slurm executor, but for the folders of an array's jobs, which are their trials' here."""

    def submit_trials(self, base: Path, submissions: Mapping[int, utils.DelayedSubmission]) -> list[Job]:
        folders = {trial: base / str(trial) for trial in submissions}
        pickles = {trial: self._dump(folders[trial], submission) for trial, submission in submissions.items()}
        script = base / f".submission_{uuid.uuid4().hex}.sh"
        if len(submissions) > 1:
            self.parameters["map_count"] = len(submissions)
        try:
            script.write_text(self._make_submission_file_text(self._submitit_command_str, ""))
            output = utils.CommandFunction(["sbatch", str(script)], verbose=False)()
        except BaseException:
            for path in (script, *pickles.values()):
                path.unlink(missing_ok=True)
            raise
        first = self._get_job_id_from_submission_command(output)
        script.rename(base / f"{first}_submission.sh")
        return [
            self._publish(pickles[trial], folders[trial], f"{first}_{trial}" if len(submissions) > 1 else first)
            for trial in submissions
        ]

    def _dump(self, folder: Path, submission: utils.DelayedSubmission) -> Path:
        # Before sbatch: Slurm does not create the folders of the logs.
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4().hex}.pkl"
        submission.set_timeout(self.parameters.get("time", _FOR_EVER_MIN), self.max_num_timeout)
        submission.dump(path)
        return path

    def _publish(self, pickle: Path, folder: Path, job_id: str) -> Job:
        """From here on the job can be found by its folder, and runs; until now it waits for its pickle."""
        pickle.rename(submitted_file(folder, job_id))
        return Job(job_id, str(folder))

    @property
    def _submitit_command_str(self) -> str:
        # -P: the working directory stays where PYTHONPATH has it, behind the script's own folder.
        return f"{self.python} -P -u -m submitit.core._submit {shlex.quote(str(self.folder))}"

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        text: str = super()._make_submission_file_text(command, uid)
        # Submitit has no way to leave the time limit to the partition.
        return text if "time" in self.parameters else re.sub(r"^#SBATCH --time=.*\n", "", text, flags=re.MULTILINE)


def _open_executor(folder: Path, params: Mapping[str, Any]) -> _Executor:
    given = {key: value for key, value in params.items() if value is not None}
    executor = _Executor(folder, max_num_timeout=given.pop("max_num_timeout", 0), python=given.pop("python", None))
    given.pop("submitit_folder")
    given["setup"] = [*_import_lines(), *given.get("setup", [])]
    with warnings.catch_warnings():
        # Submitit explains its parameters by warnings, once for every job.
        warnings.simplefilter("ignore")
        executor.update_parameters(**executor._convert_parameters(given))
    return executor


def _import_lines() -> list[str]:
    """Set in the batch script, since a site may hand no environment over; then srun must hand over ours."""
    paths = [*_environment.import_paths(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    joined = shlex.quote(os.pathsep.join(dict.fromkeys(path for path in paths if path)))
    return ["unset SLURM_EXPORT_ENV WANDB_SERVICE", f'export PYTHONPATH={joined}"${{PYTHONPATH:+:$PYTHONPATH}}"']
