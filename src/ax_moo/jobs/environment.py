"""The environment variables that a job does not inherit: those that say what the sweeper itself is.

A sweep may run in a W&B agent, in an allocation, or under torchrun; its trials are runs and jobs of their own.
docs/launchers.md shows this list.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from ax_moo.jobs import wandb_session


@dataclass(frozen=True)
class Group:
    """Variables of one meaning. A name that ends in ``*`` is a prefix; those in ``but`` are settings, and are kept."""

    names: tuple[str, ...]
    but: tuple[str, ...] = ()

    def has(self, variable: str) -> bool:
        return _is_among(variable, self.names) and not _is_among(variable, self.but)


RUNS = Group(
    (
        *("WANDB_RUN_ID", "WANDB_RUN_STORAGE_ID", "WANDB_RUN_DIR", "WANDB_NAME", "WANDB_RUN_NAME"),
        *("WANDB_RESUME", "WANDB_RESUME_FROM", "WANDB_FORK_FROM", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"),
        *("WANDB_SERVICE", "WANDB__SERVICE", "MLFLOW_RUN_ID", "MLFLOW_RUN_NAME", "MLFLOW_RUN_CONTEXT"),
        *("COMET_EXPERIMENT_KEY", "NEPTUNE_CUSTOM_RUN_ID", "NEPTUNE_RUN_ID", "CLEARML_TASK_ID", "TRAINS_TASK_ID"),
        *("SWANLAB_RUN_ID", "SWANLAB_RESUME"),
    )
)
"""The run that a tracker has for the sweeper: with it all trials would be one run."""

OF_ONE_RUN = ("WANDB_RUN_ID", "WANDB_NAME", "WANDB_RESUME")
"""Those that the sweep sets for a trial's run: only one process of the trial may have them, the first of its ranks."""

IDS_OF_RUNS = (
    *("WANDB_RUN_ID", "MLFLOW_RUN_ID", "COMET_EXPERIMENT_KEY", "NEPTUNE_CUSTOM_RUN_ID", "CLEARML_TASK_ID"),
    *("TRAINS_TASK_ID", "SWANLAB_RUN_ID"),
)
"""Those that make two trials with one value the same run."""

_OF_ONE_SWEEP = ("WANDB_RUN_GROUP", "WANDB_JOB_TYPE", "WANDB_PROJECT", "WANDB_ENTITY")

ENV_SET = "++hydra.job.env_set."
"""What the override begins with by which a sweep sets a variable for its trials."""

_ALLOCATION = Group(
    ("SLURM_*", "SLURMD_*", "SRUN_*"),
    but=("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_TIME_FORMAT"),
)
_SUBMITIT = Group(("SUBMITIT_EXECUTOR", "SUBMITIT_FOLDER", "SUBMITIT_LOCAL_*", "SUBMITIT_STDERR_TO_STDOUT"))
_RANKS = Group(
    (
        *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "NODE_RANK", "ROLE_NAME"),
        *("WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
        *("TORCHELASTIC_*", "LT_CLI_USED", "TF_CONFIG"),
    )
)
_MPI = Group(
    (
        *("OMPI_COMM_WORLD_*", "OMPI_UNIVERSE_SIZE", "OMPI_NUM_APP_CTX", "OMPI_APP_CTX_NUM_PROCS", "OMPI_FIRST_RANKS"),
        *("OMPI_COMMAND", "OMPI_ARGV", "OMPI_FILE_LOCATION", "OMPI_MCA_ess*", "OMPI_MCA_orte_*", "OMPI_MCA_pmix*"),
        *("PMI_*", "PMIX_*", "PRTE_*", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_*"),
        *(
            "JSM_NAMESPACE_*",
            "PALS_*",
            "FLUX_TASK_*",
            "HOROVOD_RANK",
            "HOROVOD_SIZE",
            "HOROVOD_LOCAL_*",
            "HOROVOD_CROSS_*",
        ),
    ),
    but=("PMIX_MCA_*", "PRTE_MCA_*"),
)

NOT_INHERITED = (RUNS, _ALLOCATION, _SUBMITIT, _RANKS, _MPI)


_OPENMP = "KMP_"
_OPENMP_AT_START = frozenset(name for name in os.environ if name.startswith(_OPENMP))
"""What the user has set for OpenMP: later scikit-learn, which Ax imports, sets more for the sweep's own process."""


def is_inherited(variable: str) -> bool:
    if variable.startswith(_OPENMP) and variable not in _OPENMP_AT_START:
        return False
    return not any(group.has(variable) for group in NOT_INHERITED)


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of the sweeper's environment that a job of its own process, here or elsewhere, begins with."""
    return {key: value for key, value in environ.items() if is_inherited(key)}


@contextmanager
def without_a_run() -> Iterator[None]:
    """Within the block this process has no variable of a tracker's run, for trials that run in the process itself.

    Ranks and the allocation stay, because they are true of it.
    """
    before = _of_runs()
    _replace({})
    try:
        yield
    finally:
        _replace(before)


@contextmanager
def of_one_trial(is_last: bool) -> Iterator[None]:
    """Undo, after the block, what a distributed training has made of this process, for the next trial in it.

    Lightning sets LOCAL_RANK, and would start no processes where it finds it.
    """
    before = {key: value for key, value in os.environ.items() if _RANKS.has(key)}
    had_group = _process_group() is not None
    is_run_of_wandb = not is_last and "WANDB_RUN_ID" in os.environ
    try:
        with wandb_session.of_one_trial() if is_run_of_wandb else nullcontext():
            yield
    finally:
        if not is_last:
            for key in [key for key in os.environ if _RANKS.has(key)]:
                del os.environ[key]
            os.environ.update(before)
            group = _process_group()
            if group is not None and not had_group:
                group.destroy_process_group()


def is_of_one_run(override: str) -> bool:
    """Whether the override gives a process the sweep's variables of a trial's run."""
    return override.startswith(tuple(f"{ENV_SET}{name}=" for name in OF_ONE_RUN))


def of_every_trial(env_set: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that say which run a trial is."""
    return {key: value for key, value in env_set.items() if key not in (*OF_ONE_RUN, *_OF_ONE_SWEEP)}


def _process_group() -> Any:
    """``torch.distributed``, if this process has a process group."""
    module: Any = sys.modules.get("torch.distributed")
    if not hasattr(module, "is_initialized"):  # another thread, in which Ax is imported, has not imported all of it yet
        return None
    return module if module.is_available() and module.is_initialized() else None


def _of_runs() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if RUNS.has(key)}


def _replace(of_runs: Mapping[str, str]) -> None:
    for key in _of_runs():
        del os.environ[key]
    os.environ.update(of_runs)


def _is_among(variable: str, names: tuple[str, ...]) -> bool:
    return any(variable.startswith(name[:-1]) if name.endswith("*") else variable == name for name in names)
