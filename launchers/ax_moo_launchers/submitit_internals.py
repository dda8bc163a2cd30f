"""All private names of Submitit that we use. A test checks that they exist."""

from collections.abc import Mapping
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
