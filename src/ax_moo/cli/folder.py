"""A sweep folder as the commands open it: one whose sweep waits in Slurm's queue is told apart from one without."""

from pathlib import Path

from ax_moo.cli.controller import queued_controller
from ax_moo.storage import folder
from ax_moo.storage.folder import NoSweep, NotBegun, SweepFolder
from ax_moo.storage.journal import PULLED
from ax_moo.system.errors import ConfigError


def open_folder(path: Path) -> SweepFolder:
    """Read the folder's lock and journal.

    Raises:
        NotBegun: it will hold a sweep.
        ConfigError: it holds no sweep, or none that can be read.
    """
    try:
        return folder.open_folder(path)
    except NotBegun:
        raise
    except NoSweep:
        controller = queued_controller(path.absolute()) if path.is_dir() else None
        if controller is None:
            raise
        raise NotBegun(
            f"the sweep in {path.absolute()} begins as soon as Slurm job {controller.job_id} runs; try again then"
        ) from None


def open_own_folder(path: Path) -> SweepFolder:
    """Likewise, for what acts on the sweep: the jobs of one that was pulled from W&B are those of another folder.

    Raises:
        NotBegun: it will hold a sweep.
        ConfigError: it holds no sweep, none that can be read, or a copy.
    """
    sweep = open_folder(path)
    if PULLED in sweep.header:
        raise ConfigError(f"{sweep.path} is a copy of a sweep in W&B; name the folder where that sweep runs")
    return sweep
