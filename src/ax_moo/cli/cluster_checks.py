"""The checks of what some sweeps need: GPUs, Slurm, Weights & Biases."""

import contextlib
import netrc
import os
import shutil
from importlib.util import find_spec
from urllib.parse import urlsplit

from ax_moo.cli.checks import Check
from ax_moo_launchers.local.gpus import installed_gpus, masked_gpus
from ax_moo_launchers.slurm import commands as slurm

_SLURM = ("sbatch", "squeue", "scancel", "srun", "scontrol", "sacct")


def gpus() -> list[Check]:
    installed, visible = installed_gpus(), masked_gpus(os.environ)
    mask = "" if visible is None else f"; CUDA_VISIBLE_DEVICES lets through {', '.join(visible) or 'none'}"
    advice = "trials run on the CPU; where there should be GPUs, see what nvidia-smi says"
    found = f"{len(installed)} ({', '.join(installed)}){mask}" if installed else f"none{mask}"
    works = bool(installed) and visible != []
    return [Check("GPUs", works, found, advice), _cuda(bool(installed))]


def _cuda(needed: bool) -> Check:
    try:
        import torch
    except Exception as error:
        return Check("CUDA in torch", False, f"{type(error).__name__}: {error}", "install torch")
    built = torch.version.cuda
    found = f"torch is built for CUDA {built}" if built else "torch is built for the CPU"
    if built and needed and not torch.cuda.is_available():
        return Check("CUDA in torch", False, f"{found}, and sees no GPU", "update the driver, or take an older torch")
    advice = "install a torch for CUDA: see https://pytorch.org/get-started"
    return Check("CUDA in torch", bool(built) or not needed, found, advice)


def scheduler() -> list[Check]:
    missing = [name for name in _SLURM if shutil.which(name) is None]
    if missing:
        advice = "hydra/launcher=async_slurm and ax-moo submit work on a cluster's login node; async_local works here"
        return [Check("Slurm", False, f"not on PATH: {', '.join(missing)}", advice)]
    return [Check("Slurm", True, ", ".join(_SLURM)), _controller(), _accounting()]


def _controller() -> Check:
    status, output, error = slurm.call(["scontrol", "ping"])
    works = status == 0 and " UP" in output
    advice = "nothing can be submitted until it answers; running sweeps wait for it"
    said = (output or error).strip().splitlines()
    return Check("Slurm's controller", works, said[-1] if said else "does not answer", advice)


def _accounting() -> Check:
    answer = slurm.account_words(["1"])
    advice = "sweeps work without it, but the reason of a lost job is only what scontrol still remembers"
    if answer is None:
        return Check("Slurm's accounting", False, "sacct does not answer", advice)
    works = slurm.NO_ACCOUNTING not in answer
    return Check("Slurm's accounting", works, "answers" if works else "is not set up", advice)


def wandb() -> Check:
    if find_spec("wandb") is None:
        return Check("Weights & Biases", False, "not installed", "pip install 'hydra-ax-moo[wandb]' to log runs there")
    if os.environ.get("WANDB_API_KEY"):
        return Check("Weights & Biases", True, "installed, with an API key in WANDB_API_KEY")
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        if netrc.netrc(os.environ.get("NETRC")).authenticators(host):
            return Check("Weights & Biases", True, f"installed, with an API key for {host}")
    advice = "wandb login, or log offline and upload later"
    return Check("Weights & Biases", False, f"installed, without an API key for {host}", advice)
