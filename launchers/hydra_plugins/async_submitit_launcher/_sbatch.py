"""The batch script of one job or of an array, and sbatch."""

import os
import re
import shlex
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted
from submitit.slurm import slurm

from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher import _environment
from hydra_plugins.async_submitit_launcher._files import submitted_file
from hydra_plugins.async_submitit_launcher._slurm_commands import call

_FOR_EVER_MIN = 60 * 24 * 365 * 10
_SBATCH_TIMEOUT_S = 300.0


class Refused(Exception):
    """sbatch took no job; the message is its own."""


class Executor(slurm.SlurmExecutor):
    """Submitit's Slurm executor, but that every job of an array has a folder of its own."""

    def submit_calls(self, base: Path, submissions: Mapping[Path, utils.DelayedSubmission]) -> list[Job]:
        """The jobs of calls by their folders, in one array where there are several."""
        pickles = {folder: self._dump(folder, submission) for folder, submission in submissions.items()}
        script = base / f".submission_{uuid.uuid4().hex}.sh"
        if len(submissions) > 1:
            self.parameters["map_count"] = len(submissions)
        try:
            script.write_text(self._make_submission_file_text(self._submitit_command_str, ""))
            status, output, error = call(["sbatch", str(script)], _SBATCH_TIMEOUT_S)
            if status != 0:
                raise Refused(" ".join(error.split()))
        except BaseException:
            for path in (script, *pickles.values()):
                path.unlink(missing_ok=True)
            raise
        first = self._get_job_id_from_submission_command(output)
        script.rename(base / f"{first}_submission.sh")
        return [
            self._publish(pickle, folder, f"{first}_{number}" if len(submissions) > 1 else first)
            for number, (folder, pickle) in enumerate(pickles.items())
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


def open_executor(folder: Path, params: Mapping[str, Any]) -> Executor:
    given = {key: value for key, value in params.items() if value is not None}
    executor = Executor(folder, max_num_timeout=given.pop("max_num_timeout", 0), python=given.pop("python", None))
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
