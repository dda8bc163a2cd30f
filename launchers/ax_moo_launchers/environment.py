"""The environment variables of a local job and of sbatch, and where a job finds its modules."""

import itertools
import os
import sys
import sysconfig
from collections.abc import Mapping

from ax_moo.jobs import environment

_GPU_MASKS = ("CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


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


def of_local_job(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a local job. GPU masks stay: the launcher divides the sweep's GPUs among its jobs."""
    return {**environment.inherited(environ), "PYTHONPATH": os.pathsep.join(import_paths())}


def handed_to_sbatch(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment from which sbatch takes its options and that of the job; SBATCH_* are kept."""
    left_out = _GPU_MASKS if "SLURM_JOB_ID" in environ else ()  # those GPUs are the GPUs of the sweep's own job
    return {key: value for key, value in environment.inherited(environ).items() if key not in left_out}
