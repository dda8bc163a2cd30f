"""What a check of ``ax-moo doctor`` finds, and the checks of what every sweep needs."""

import contextlib
import fcntl
import os
import platform
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_STALE_SECONDS = 300.0


@dataclass(frozen=True)
class Check:
    """``advice`` says what to do where it does not work; an ``essential`` one is needed for sweeps on this machine."""

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
    """Whether Hydra finds the plug-ins, which it does only where no other plug-in breaks its discovery."""
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher
    from hydra.plugins.sweeper import Sweeper

    try:
        found = {
            kind.__name__ for kind in (*Plugins.instance().discover(Sweeper), *Plugins.instance().discover(Launcher))
        }
    except Exception as error:
        advice = f"pip uninstall the package of {_culprit(error)}, or update it: no Hydra application works beside it"
        return [Check("Hydra's plug-ins", False, f"{type(error).__name__}: {error}", advice, essential=True)]
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
        return Check("Ax", False, f"{found}; {type(error).__name__}: {error}", advice, essential=True)
    return Check("Ax", True, found, essential=True)


def file_locks(folder: Path) -> Check:
    """Whether a second one is kept from a lock in this folder."""
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
    """BoTorch's lock on the kernel that it compiles, which stays where the process that compiles is killed."""
    roots = [os.environ.get("TORCH_EXTENSIONS_DIR", ""), str(Path.home() / ".cache" / "torch_extensions")]
    locks = [lock for root in roots if root for lock in Path(root).glob("**/logei_fused_ext/lock")]
    stale = [str(lock) for lock in locks if time.time() - lock.stat().st_mtime > _STALE_SECONDS]
    found = f"a lock of more than five minutes ago: {', '.join(stale)}" if stale else "no lock is left"
    advice = "remove it: our sweeps do not wait for it, other programs with BoTorch wait for ever"
    return Check("BoTorch's compiled kernel", not stale, found, advice)


def _culprit(error: Exception) -> str:
    """The plug-in whose import raised."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return next((file for file in reversed(files) if "hydra_plugins" in file), "the plug-in named there")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
