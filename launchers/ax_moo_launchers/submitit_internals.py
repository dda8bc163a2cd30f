"""All private names of Submitit that we use. A test checks that they exist."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from submitit.slurm.slurm import SlurmExecutor


def slurm_parameters(executor: "SlurmExecutor", params: Mapping[str, Any]) -> dict[str, Any]:
    """Slurm's parameters for Submitit's names of a job's resources; in public only its AutoExecutor converts them."""
    converted: dict[str, Any] = executor._convert_parameters(dict(params))
    return converted


def batch_script(executor: "SlurmExecutor", command: str) -> str:
    """The text of a job's batch script; the public ``submit`` passes it to sbatch at once."""
    text: str = executor._make_submission_file_text(command, "")
    return text


def submitted_id(sbatch_output: str) -> str:
    """The job's id in the output of sbatch."""
    from submitit.slurm.slurm import SlurmExecutor

    return str(SlurmExecutor._get_job_id_from_submission_command(sbatch_output))


def take_folders_as_they_are() -> None:
    """Let this process replace ``%j`` and the like in the names of a job's files alone, and not in their folder.

    A sweep in ``10%training`` would else have its jobs look for their files in ``100raining``.
    """
    from submitit.core.utils import JobPaths

    replaced = JobPaths._format_id

    def format_id(paths: JobPaths, path: Path | str) -> Path:
        name: Path = replaced(paths, Path(path).name)
        return Path(path).parent / name

    JobPaths._format_id = format_id


def unpickle_what(read: Callable[[Path], bytes]) -> None:
    """Let this process unpickle only what is read like this."""
    from submitit.core import utils

    def pickle_load(filename: Path | str) -> Any:
        return pickle.loads(read(Path(filename)))

    utils.pickle_load = pickle_load


def be_job(job_id: str, requeue: Callable[[], None]) -> None:
    """Let a process within a Slurm job be another job: one with this id, which ``requeue`` has run again."""
    from submitit.slurm.slurm import SlurmJobEnvironment

    def requeue_it(environment: SlurmJobEnvironment, countdown: int) -> None:
        del environment, countdown
        requeue()

    SlurmJobEnvironment.job_id = property(lambda environment: job_id)
    SlurmJobEnvironment._requeue = requeue_it
