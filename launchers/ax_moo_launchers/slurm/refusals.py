"""What sbatch says when it takes no job, and whether the same submission may succeed later."""

import re

from ax_moo.jobs import refusals

_PASSING = {
    # The names are those of slurm/slurm_errno.h; the texts are in src/common/slurm_errno.c and src/sbatch/sbatch.c of
    # https://github.com/SchedMD/slurm. The controller is away, is starting, or has too much to do:
    "unable to contact slurm controller": "SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR and its siblings",
    "unable to establish controller": "sbatch, where the controller's host has no address for a moment",
    "communication connection failure": "SLURM_COMMUNICATIONS_CONNECTION_ERROR",
    "communication shutdown failure": "SLURM_COMMUNICATIONS_SHUTDOWN_ERROR",
    "message send failure": "SLURM_COMMUNICATIONS_SEND_ERROR",
    "message receive failure": "SLURM_COMMUNICATIONS_RECEIVE_ERROR",
    "unexpected message received": "https://github.com/snakemake/snakemake-executor-plugin-slurm/issues/313",
    "zero bytes were transmitted or received": "SLURM_PROTOCOL_SOCKET_ZERO_BYTES_SENT",
    "timed out": "https://github.com/facebookincubator/submitit/issues/1659, and our own limit for sbatch",
    "rate limit exceeded": "SLURMCTLD_COMMUNICATIONS_BACKOFF",
    "is shutting down": "SLURM_SHUTTING_DOWN",
    "standby mode": "ESLURM_IN_STANDBY_MODE",
    "i/o error writing script/environment to file": "ESLURM_WRITING_TO_FILE",
    "maxjobcount limit reached": "ESLURM_MAX_JOB_COUNT: the queue of the whole cluster is full",
    "requested nodes are busy": "ESLURM_NODES_BUSY",
    "try again": "the controller, while it cannot make a job's record",
    "sleeping and retrying": "sbatch, which at last gives up",
    "temporarily": "EAGAIN, and: job creation temporarily disabled",
    # The system, between sbatch and the controller:
    "connection refused": "ECONNREFUSED",
    "connection reset": "ECONNRESET",
    "no route to host": "EHOSTUNREACH",
    "transport endpoint is not connected": "ENOTCONN",
    "cannot allocate memory": "ENOMEM, where sbatch cannot be started on a full login node",
    # The limits of an account or a QOS: https://slurm.schedmd.com/resource_limits.html
    "maxsubmitjob": "AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit and their siblings",
    "grpsubmitjob": "AssocGrpSubmitJobsLimit, QOSGrpSubmitJobsLimit: what a whole group has submitted",
}
"""The texts that are no mistake of the user, and where each comes from."""

_PASSES = re.compile("|".join(map(re.escape, _PASSING)), re.IGNORECASE)
_CLOSED = re.compile(r"not available \(|not available now|inactive|disabled|in use|unavailable|is down", re.IGNORECASE)
_NO_ARRAY = re.compile("array specification", re.IGNORECASE)


def is_of_arrays(message: str) -> bool:
    """Whether the array is refused, and not its jobs: it is larger than MaxArraySize, or the cluster has no arrays."""
    return _NO_ARRAY.search(message) is not None


def passes(message: str) -> bool:
    """Whether the same submission may succeed later."""
    return _PASSES.search(message) is not None


def is_of_the_request(message: str) -> bool:
    """Whether the job can never run with what it asks for: neither a busy controller nor a closed partition says so."""
    return not passes(message) and _CLOSED.search(message) is None


def refusal(message: str, has_taken_jobs: bool) -> Exception:
    """The exception for what sbatch has said; a cluster that has taken such jobs before may take them again."""
    if has_taken_jobs or passes(message):
        return refusals.NotNow(f"Slurm did not take a job: {message}")
    return refusals.RequestRefused(
        f"Slurm refuses the job that hydra.launcher describes: {message}; correct its partition, account, qos or "
        "resources, or use hydra/launcher=async_local if no Slurm controller can be reached"
    )
