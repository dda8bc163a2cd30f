"""The environment variables of a job: where it finds its modules, and which variables it must not inherit."""

import itertools
import os
import sys
import sysconfig
from collections.abc import Mapping

# A local job inside a Slurm allocation must not take itself for the allocation's task, and wandb's service belongs
# to the process that started it. Variables such as SLURM_CONF and SUBMITIT_PREEMPT_SIGNAL are settings and are kept.
_NOT_INHERITED = (
    "SUBMITIT_EXECUTOR",
    "SUBMITIT_FOLDER",
    "SUBMITIT_LOCAL_",
    "SLURM_ARRAY_",
    "SLURM_JOB",
    "SLURM_LOCALID",
    "SLURM_NODEID",
    "SLURM_NPROCS",
    "SLURM_NTASKS",
    "SLURM_PROCID",
    "SLURM_STEP",
    "SLURM_TASK",
    "WANDB_SERVICE",
)


# A Slurm job must not see the variables of the allocation in which the sweep runs; sbatch reads some as its options.
_OF_AN_ALLOCATION = ("SLURM_", "SLURMD_", "SRUN_", "PMI_", "PMIX_", *_NOT_INHERITED)
_GPU_MASKS = ("CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
_OF_THE_CLUSTER = ("SLURM_CLUSTERS", "SLURM_CONF", "SLURM_JWT")


def import_paths() -> list[str]:
    """The folders that this process searches for modules before the standard library, then its working directory.

    The first one is the folder of the script, so that ``python src/train.py`` finds the modules beside it in the job
    as well.
    """
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    front = itertools.takewhile(lambda path: not path.endswith(zipped) and path not in library, sys.path)
    paths = [os.path.abspath(path) for path in front]
    return list(dict.fromkeys([*paths, os.getcwd()]))


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the sweep's environment that a local job inherits."""
    kept = {key: value for key, value in environ.items() if not key.startswith(_NOT_INHERITED)}
    return {**kept, "PYTHONPATH": os.pathsep.join(import_paths())}


def handed_to_sbatch(environ: Mapping[str, str]) -> dict[str, str]:
    """The sweep's environment without the variables of the Slurm job in which it may run; SBATCH_* are kept."""
    left_out: tuple[str, ...] = _OF_AN_ALLOCATION
    if "SLURM_JOB_ID" in environ:
        left_out += _GPU_MASKS
    return {key: value for key, value in environ.items() if key in _OF_THE_CLUSTER or not key.startswith(left_out)}
