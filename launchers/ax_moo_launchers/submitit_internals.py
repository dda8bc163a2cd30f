"""The private names of Submitit that we use, all of them here; a test checks that they exist."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from submitit.slurm.slurm import SlurmExecutor


def warning_signal() -> Any:
    """The signal that a job gets before its time is over, or when it is preempted: a setting of Submitit's own."""
    import submitit

    return submitit.JobEnvironment._usr_sig()


def slurm_parameters(executor: "SlurmExecutor", params: Mapping[str, Any]) -> dict[str, Any]:
    """Submitit's names for a job's resources in Slurm's words; only its AutoExecutor does this in public."""
    converted: dict[str, Any] = executor._convert_parameters(dict(params))
    return converted


def batch_script(executor: "SlurmExecutor", command: str) -> str:
    """The text of a job's script; the public ``submit`` hands it to sbatch at once."""
    text: str = executor._make_submission_file_text(command, "")
    return text


def submitted_id(sbatch_output: str) -> str:
    """The job's id in what sbatch answered."""
    from submitit.slurm.slurm import SlurmExecutor

    return str(SlurmExecutor._get_job_id_from_submission_command(sbatch_output))
