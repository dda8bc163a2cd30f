"""The configs of ``hydra/launcher=async_local`` and ``hydra/launcher=async_slurm``: their keys and defaults.

The keys have the names of hydra-submitit-launcher, so that its YAML files work unchanged.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

_MODULE = "hydra_plugins.async_submitit_launcher.launcher"


# Every Hydra application imports this module, and making a dataclass's methods would be half the cost of that.
@dataclass(init=False, repr=False, eq=False)
class _AsyncConf:
    """Values are untyped on purpose: the launchers check them and say what would be right."""

    submitit_folder: Any = "${hydra.sweep.dir}/.submitit/%j"
    timeout_min: Any = None
    cpus_per_task: Any = None
    gpus_per_node: Any = None
    tasks_per_node: Any = 1
    mem_gb: Any = None
    nodes: Any = 1
    name: Any = "${hydra.job.name}"
    stderr_to_stdout: Any = False
    max_parallel: Any = None


@dataclass(init=False, repr=False, eq=False)
class AsyncLocalConf(_AsyncConf):
    """``gpus`` is auto, none, or a list of ids or UUIDs; a job has no time limit unless ``timeout_min`` sets one."""

    _target_: str = f"{_MODULE}.AsyncLocalLauncher"
    gpus: Any = "auto"
    jobs_per_gpu: Any = 1
    warm: Any = "auto"
    preload: Any = field(default_factory=list)


@dataclass(init=False, repr=False, eq=False)
class AsyncSlurmConf(_AsyncConf):
    """A key that is null has the cluster's default."""

    _target_: str = f"{_MODULE}.AsyncSlurmLauncher"
    timeout_min: Any = 60
    partition: Any = None
    qos: Any = None
    comment: Any = None
    constraint: Any = None
    exclude: Any = None
    gres: Any = None
    cpus_per_gpu: Any = None
    gpus_per_task: Any = None
    mem_per_gpu: Any = None
    mem_per_cpu: Any = None
    account: Any = None
    signal_delay_s: Any = 120
    max_num_timeout: Any = 0
    additional_parameters: dict[str, Any] = field(default_factory=dict)
    array_parallelism: Any = 256
    setup: Any = None
    python: Any = None
    srun_args: Any = None
    use_srun: Any = True
    retry_resources: Any = None
    trials_per_job: Any = 1
    idle_s: Any = 60
    preload: Any = field(default_factory=list)


def _register(name: str, conf: type) -> None:
    """Store it as a mapping that takes new keys: a misspelt key reaches the launcher, which names the right one.

    Of a dataclass Hydra itself refuses the key, and advises to add it.
    """
    defaults = {
        each.name: each.default if each.default_factory is MISSING else each.default_factory() for each in fields(conf)
    }
    node = OmegaConf.create(defaults, flags={"struct": False})
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="hydra-ax-moo")


_register("async_local", AsyncLocalConf)
_register("async_slurm", AsyncSlurmConf)
