"""The launchers as Hydra finds them; whatever is expensive to import waits until a job is submitted."""

from hydra_plugins.async_submitit_launcher import (
    _base,
    config,  # noqa: F401  Hydra 1.4 imports this module alone, and the config must be registered
)
from hydra_plugins.async_submitit_launcher._params import LOCAL, SLURM


class AsyncLocalLauncher(_base.AsyncSubmititLauncher):
    """Jobs are processes of this machine, each in a session of its own and with its own GPU."""

    name = "async_local"
    fields = LOCAL

    def _open_queue(self) -> "_base.Queue":
        from hydra_plugins.async_submitit_launcher._local import LocalQueue

        return LocalQueue(self.params)


class AsyncSlurmLauncher(_base.AsyncSubmititLauncher):
    """Jobs are Slurm's; a first round goes out as one job array."""

    name = "async_slurm"
    fields = SLURM

    def _open_queue(self) -> "_base.Queue":
        from hydra_plugins.async_submitit_launcher._slurm import SlurmQueue

        return SlurmQueue(self.params)
