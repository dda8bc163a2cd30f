"""Users' own ``hydra/launcher=submitit_local`` and ``submitit_slurm``, driven without waiting."""

from typing import Any

from ax_moo.jobs.launcher import AsyncLauncher

_OURS = {"local": "AsyncLocalLauncher", "slurm": "AsyncSlurmLauncher"}


def adopt(launcher: Any) -> AsyncLauncher | None:
    """Our launcher for a stock one that was set up, with its params; None for a launcher of another kind.

    The stock object is known by its shape: Hydra 1.3 may load a plug-in's module twice, and then its class exists
    twice.
    """
    if isinstance(launcher, AsyncLauncher):
        return launcher
    kind, params = getattr(launcher, "_EXECUTOR", None), getattr(launcher, "params", None)
    if kind not in _OURS or not isinstance(params, dict):
        return None
    from hydra_plugins.async_submitit_launcher import launcher as ours

    adopted = getattr(ours, _OURS[kind])(**params)
    adopted.setup(
        hydra_context=launcher.hydra_context,
        task_function=launcher.task_function,
        config=launcher.config,
    )
    assert isinstance(adopted, AsyncLauncher)
    return adopted
