"""Writing the batch script of a job or an array, and submitting it with sbatch."""

import contextlib
import copy
import math
import os
import re
import shlex
import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted
from submitit.slurm import slurm

from ax_moo.jobs.launcher import JobRequest
from ax_moo.system.private_files import make_folder, private_files
from ax_moo.trial import Job
from ax_moo_launchers import job_environment, submitit_internals
from ax_moo_launchers.files import ARRAY_TASK, SLURM, carrier_command, job_file, submitted_file, task_command
from ax_moo_launchers.job.time_limit import WARNED_S
from ax_moo_launchers.search_path import before_library
from ax_moo_launchers.slurm import options
from ax_moo_launchers.slurm.additional import additional
from ax_moo_launchers.slurm.commands import cancel
from ax_moo_launchers.slurm.warning_time import warned_s, with_signal_delay
from ax_moo_launchers.slurm_job import call
from ax_moo_launchers.submitted_jobs import write_record

_FOR_EVER_MIN = 60 * 24 * 365 * 10
_SBATCH_TIMEOUT_S = 300.0
_PERCENT = f"@{uuid.uuid4().hex}@"
"""What stands for a ``%`` of a folder until Submitit has made the script; a shell quotes it just as little."""


class Refused(Exception):
    """sbatch has refused a job; the message is sbatch's."""


class Executor(slurm.SlurmExecutor):
    """Submitit's Slurm executor, with a folder for each job of an array."""

    _command: str | None = None

    def submit_calls(
        self,
        base: Path,
        submissions: Mapping[Path, utils.DelayedSubmission],
        requests: Mapping[Path, JobRequest] | None = None,
        **more: Any,
    ) -> list[Job]:
        """Submit the call of each folder, several as one array: all of them, or none if this raises.

        The record of a job has its request, and ``more``; the sweep's own job (``ax-moo submit``) has no record.
        """
        made = [base / f".submission_{uuid.uuid4().hex}.sh"]
        job_id: str | None = None
        numbers = [request.trial for request in (requests or {}).values()]  # the task ids of an array
        is_array = len(submissions) > 1
        if is_array:
            self._make_array(numbers)
        try:
            for folder, submission in submissions.items():
                made.append(folder / f"{uuid.uuid4().hex}.pkl")
                self._dump(made[-1], submission)
            self._write_script(made[0])
            job_id = self._sbatch(made[0])
            made[0] = made[0].rename(base / f"{job_id}_submission.sh")
            ids = [f"{job_id}_{number}" for number in numbers] if is_array else [job_id]
            return [
                self._publish(made, 1 + position, ids[position], (requests or {}).get(folder), more)
                for position, folder in enumerate(submissions)
            ]
        except BaseException:
            # A job that cannot be cancelled does no work without its pickle.
            for path in made:
                path.unlink(missing_ok=True)
            if job_id is not None:
                cancel([job_id])
            raise

    def write_call(self, submission: utils.DelayedSubmission, job_id: str, request: JobRequest, **more: Any) -> Job:
        """Write the files of a job in the executor's folder that runs in another one's Slurm job."""
        made = [self.folder / f"{uuid.uuid4().hex}.pkl"]
        try:
            self._dump(made[0], submission)
            return self._publish(made, 0, job_id, request, more)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            raise

    def submit_carriers(self, number: int, arguments: Sequence[str]) -> list[str]:
        """Submit jobs that take trials from the queue in the executor's folder, several as one array; their ids."""
        self._command = carrier_command(self.python, self.folder, arguments)
        script = self.folder / f".submission_{uuid.uuid4().hex}.sh"
        make_folder(self.folder)
        if number > 1:
            self._make_array(range(number))
        try:
            self._write_script(script)
            job_id = self._sbatch(script)
        except BaseException:
            script.unlink(missing_ok=True)
            raise
        with contextlib.suppress(OSError):
            script.rename(self.folder / f"{job_id}_submission.sh")
        return [f"{job_id}_{each}" for each in range(number)] if number > 1 else [job_id]

    def _make_array(self, numbers: Sequence[int]) -> None:
        """Let the script be an array's with these task ids; Submitit's own ids are counted from 0."""
        self.parameters["map_count"] = len(numbers)
        most = min(len(numbers), self.parameters.get("array_parallelism", len(numbers)))
        first, last = numbers[0], numbers[-1]
        is_range = list(numbers) == list(range(first, last + 1))
        ids = f"{first}-{last}" if is_range else ",".join(map(str, numbers))
        more = self.parameters.get("additional_parameters") or {}
        self.parameters["additional_parameters"] = {**more, "array": f"{ids}%{most}"}

    @property
    def n_tasks(self) -> int:
        return int(self.parameters.get("ntasks_per_node") or 1) * int(self.parameters.get("nodes") or 1)

    def _dump(self, path: Path, submission: utils.DelayedSubmission) -> None:
        # The folder must exist before sbatch, because Slurm does not create the folders of the logs.
        make_folder(path.parent)
        submission.set_timeout(self.parameters.get("time", _FOR_EVER_MIN), self.max_num_timeout)
        with private_files():
            submission.dump(path)

    def _sbatch(self, script: Path) -> str:
        environ = job_environment.handed_to_sbatch(os.environ)
        environ = {key: value for key, value in environ.items() if key not in options.ENVIRONMENT}
        status, output, error = call(["sbatch", str(script)], _SBATCH_TIMEOUT_S, environ)
        if status != 0:
            raise Refused(" ".join(error.split()))
        return submitit_internals.submitted_id(output)

    def _publish(
        self, made: list[Path], at: int, job_id: str, request: JobRequest | None, more: Mapping[str, Any]
    ) -> Job:
        """Give a job the pickle for which it waits: from now on it runs, and is found by its folder."""
        pickle = made[at]
        if request is not None:
            made.append(job_file(pickle.parent, job_id))
            write_record(pickle.parent, job_id, request, n_tasks=self.n_tasks, **more)
        made[at] = pickle.rename(submitted_file(pickle.parent, job_id))
        return Job(job_id, str(pickle.parent), SLURM)

    def _write_script(self, path: Path) -> None:
        with private_files():
            path.write_bytes(os.fsencode(self._script()))

    def _script(self) -> str:
        command = self._command or task_command(self.python, self.folder)
        patterns = copy.copy(self)
        patterns.folder = _without_percent(self.folder)
        text = options.with_escapes(submitit_internals.batch_script(patterns, command)).replace(_PERCENT, "%%")
        # Submitit cannot leave the time limit to the partition, so its line is removed.
        has_limit = "time" in self.parameters or "time" in (self.parameters.get("additional_parameters") or {})
        return text if has_limit else re.sub(r"^#SBATCH --time=.*\n", "", text, flags=re.MULTILINE)


def _without_percent(folder: Path) -> Path:
    """The folder of the logs, in whose names both Submitit and Slurm replace what begins with a ``%``."""
    return Path(*(part if part == ARRAY_TASK else part.replace("%", _PERCENT) for part in folder.parts))


def open_executor(folder: Path, params: Mapping[str, Any]) -> Executor:
    given = {key: value for key, value in params.items() if value is not None}
    python = options.python_command(str(given.pop("python"))) if "python" in given else None
    executor = Executor(folder, max_num_timeout=given.pop("max_num_timeout", 0), python=python)
    for ours in ("submitit_folder", "max_parallel", "retry_resources", "trials_per_job", "idle_s", "preload"):
        given.pop(ours, None)  # keys of the launcher that Submitit does not know
    # Slurm counts whole minutes and megabytes; it takes no memory at all for all of the node's.
    if "timeout_min" in given:
        given["timeout_min"] = math.ceil(given["timeout_min"])
    if "mem_gb" in given:
        given["mem_gb"] = math.ceil(given["mem_gb"] * 1024) / 1024
    given = with_signal_delay(given)
    given["additional_parameters"] = additional(given)
    given["setup"] = [*_import_lines(), f"export {WARNED_S}={warned_s(given)}", *given.get("setup", [])]
    with warnings.catch_warnings():
        # Submitit warns about its parameters for every job.
        warnings.simplefilter("ignore")
        executor.update_parameters(**submitit_internals.slurm_parameters(executor, given))
    return executor


def _import_lines() -> list[str]:
    """Lines of the batch script that set PYTHONPATH, because a site may pass no environment to jobs.

    Without SLURM_EXPORT_ENV, srun passes the script's environment to the task.
    """
    paths = [*before_library(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    joined = shlex.quote(os.pathsep.join(dict.fromkeys(path for path in paths if path)))
    return ["unset SLURM_EXPORT_ENV WANDB_SERVICE", f'export PYTHONPATH={joined}"${{PYTHONPATH:+:$PYTHONPATH}}"']
