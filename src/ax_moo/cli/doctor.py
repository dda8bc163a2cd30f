"""``ax-moo doctor``: checks whether sweeps work on this machine, and gives advice where something does not."""

import contextlib
import dataclasses
import fcntl
import json
import netrc
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from ax_moo.console.plain import open_console, shown
from ax_moo.system import working_folder
from ax_moo.system.terminal import say
from ax_moo.system.text import error_line
from ax_moo_launchers.local.gpus import installed_gpus, masked_gpus
from ax_moo_launchers.slurm import commands as slurm

_STALE_SECONDS = 300.0


@dataclass(frozen=True)
class Check:
    """The result of one check. ``advice`` is for one that failed; sweeps here need every ``essential`` one to work."""

    name: str
    works: bool
    found: str
    advice: str = ""
    essential: bool = False


def python() -> Check:
    works = sys.version_info >= (3, 11)
    advice = "install Python 3.11 or later, and this package in it"
    return Check("Python", works, f"{platform.python_version()} at {sys.executable}", advice, essential=True)


def hydra() -> Check:
    found = _version("hydra-core")
    works = found is not None and ((1, 3) <= _numbers(found) < (1, 5))
    advice = "pip install 'hydra-core>=1.3.2,<1.5'"
    return Check("Hydra", works, found or "not installed", advice, essential=True)


def plugins() -> list[Check]:
    """Whether Hydra finds our plug-ins; another plug-in that cannot be imported breaks the discovery for all."""
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher
    from hydra.plugins.sweeper import Sweeper

    try:
        found = {
            kind.__name__ for kind in (*Plugins.instance().discover(Sweeper), *Plugins.instance().discover(Launcher))
        }
    except Exception as error:
        advice = f"pip uninstall the package of {_culprit(error)}, or update it: no Hydra application works beside it"
        return [Check("Hydra's plug-ins", False, error_line(error), advice, essential=True)]
    wanted = {
        "hydra/sweeper=ax_moo": "AxMooSweeper",
        "hydra/launcher=async_local": "AsyncLocalLauncher",
        "hydra/launcher=async_slurm": "AsyncSlurmLauncher",
    }
    advice = "pip install hydra-ax-moo into the environment of your application, once more where it is there already"
    return [
        Check(name, kind in found, "found by Hydra" if kind in found else "not found by Hydra", advice, essential=True)
        for name, kind in wanted.items()
    ]


def optimizer() -> Check:
    """Whether Ax can be imported, which takes some seconds."""
    names = ("ax-platform", "botorch", "torch")
    found = ", ".join(f"{name} {_version(name) or 'not installed'}" for name in names)
    try:
        import ax.api.client  # noqa: F401
        import botorch  # noqa: F401
    except Exception as error:
        advice = "install the versions of constraints.txt: pip install -c constraints.txt hydra-ax-moo"
        return Check("Ax", False, f"{found}; {error_line(error)}", advice, essential=True)
    return Check("Ax", True, found, essential=True)


def file_locks(folder: Path) -> Check:
    """Whether a file in this folder can be locked by one process only."""
    advice = "sweep in a folder of another file system; here a heartbeat is all that keeps two sweepers apart"
    name = f"file locks in {folder}"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".ax-moo-") as first, open(first.name, "rb") as second:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return Check(name, False, "two processes can hold the same lock", advice)
    except OSError as error:
        return Check(name, False, error.strerror or str(error), advice)
    return Check(name, True, "work")


def kernel_lock() -> Check:
    """Whether a killed process left BoTorch's lock on the kernel that BoTorch compiles."""
    roots = [os.environ.get("TORCH_EXTENSIONS_DIR", ""), str(Path.home() / ".cache" / "torch_extensions")]
    locks = [lock for root in roots if root for lock in Path(root).glob("**/logei_fused_ext/lock")]
    stale = [str(lock) for lock in locks if time.time() - lock.stat().st_mtime > _STALE_SECONDS]
    found = f"a lock older than five minutes: {', '.join(stale)}" if stale else "no lock is left"
    advice = "remove the lock: sweeps of ax_moo do not wait for it, but other programs with BoTorch wait for ever"
    return Check("BoTorch's compiled kernel", not stale, found, advice)


def _culprit(error: Exception) -> str:
    """The file of the plug-in whose import raised the error."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return next((file for file in reversed(files) if "hydra_plugins" in file), "the plug-in named there")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def doctor(as_json: bool) -> int:
    """Print the results of all checks, and return 0 where sweeps work on this machine, else 1."""
    working_folder.check()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the imported libraries warn of things that the user cannot change
        found = _check()
    works = all(check.works for check in found if check.essential)
    if as_json:
        say(json.dumps({"works": works, "checks": [dataclasses.asdict(check) for check in found]}))
    else:
        open_console().print(_table(found))
        say("sweeps work on this machine" if works else "sweeps do not work on this machine")
    return 0 if works else 1


def _check() -> list[Check]:
    return [
        python(),
        hydra(),
        *plugins(),
        optimizer(),
        kernel_lock(),
        file_locks(Path.cwd()),
        *gpus(),
        *scheduler(),
        wandb(),
    ]


def _table(found: Sequence[Check]) -> Table:
    table = Table("", "check", "found", "what to do")
    for check in found:
        mark = Text("ok", style="green") if check.works else _not(check)
        advice = "" if check.works else check.advice
        table.add_row(mark, shown(check.name), shown(check.found), shown(advice))
    return table


def _not(check: Check) -> Text:
    return Text("broken", style="red") if check.essential else Text("no", style="yellow")


_SLURM = ("sbatch", "squeue", "scancel", "srun", "scontrol", "sacct")


def gpus() -> list[Check]:
    installed, visible = installed_gpus(), masked_gpus(os.environ)
    mask = "" if visible is None else f"; CUDA_VISIBLE_DEVICES lets through {', '.join(visible) or 'none'}"
    advice = "trials run on the CPU; if this machine has GPUs, check the output of nvidia-smi"
    found = f"{len(installed)} ({', '.join(installed)}){mask}" if installed else f"none{mask}"
    works = bool(installed) and visible != []
    return [Check("GPUs", works, found, advice), _cuda(bool(installed))]


def _cuda(needed: bool) -> Check:
    try:
        import torch
    except Exception as error:
        return Check("CUDA in torch", False, error_line(error), "install torch")
    built = torch.version.cuda
    found = f"torch is built for CUDA {built}" if built else "torch is built for the CPU"
    if built and needed and not torch.cuda.is_available():
        return Check("CUDA in torch", False, f"{found}, and sees no GPU", "update the driver, or use an older torch")
    advice = "install a torch for CUDA: see https://pytorch.org/get-started"
    return Check("CUDA in torch", bool(built) or not needed, found, advice)


def scheduler() -> list[Check]:
    missing = [name for name in _SLURM if shutil.which(name) is None]
    if missing:
        advice = "hydra/launcher=async_slurm and ax-moo submit work on a cluster's login node; async_local works here"
        return [Check("Slurm", False, f"not on PATH: {', '.join(missing)}", advice)]
    return [Check("Slurm", True, ", ".join(_SLURM)), _controller(), _accounting()]


def _controller() -> Check:
    status, output, error = slurm.ping()
    works = status == 0 and " UP" in output
    advice = "nothing can be submitted until it answers; running sweeps wait for it"
    lines = (output or error).strip().splitlines()
    return Check("Slurm's controller", works, lines[-1] if lines else "does not answer", advice)


def _accounting() -> Check:
    answer = slurm.account_ends(["1"])
    advice = "sweeps work without it, but the reason of a lost job is known only while scontrol remembers the job"
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
