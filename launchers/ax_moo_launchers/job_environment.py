"""The environment variables of a local job and of sbatch."""

import os
from collections.abc import Mapping

from ax_moo.jobs import environment
from ax_moo_launchers.search_path import before_library

GPU_MASKS = ("CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


def of_local_job(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a local job. GPU masks stay: the launcher divides the sweep's GPUs among its jobs."""
    return {**environment.inherited(environ), "PYTHONPATH": os.pathsep.join(before_library())}


def handed_to_sbatch(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment from which sbatch takes its options and that of the job; SBATCH_* are kept."""
    left_out = GPU_MASKS if "SLURM_JOB_ID" in environ else ()  # those GPUs are the GPUs of the sweep's own job
    return {key: value for key, value in environment.inherited(environ).items() if key not in left_out}
