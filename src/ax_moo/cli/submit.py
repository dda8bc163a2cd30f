"""``ax-moo submit``: runs the sweeper itself as a small Slurm job."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.cli.controller import Controller, controller_folder, note_home, queued_controller
from ax_moo.cli.probe import sweep_folder_of
from ax_moo.cli.resume import check_runnable, resume_override, sweep_dir_override
from ax_moo.storage import lock
from ax_moo.sweep.resuming.copies import check_has_no_living_original
from ax_moo.sweep.settings import Resume
from ax_moo.system.errors import ConfigError
from ax_moo.system.signals import check_warning_signal
from ax_moo.system.terminal import say
from ax_moo.system.text import quoted
from ax_moo.trial import Job

_COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "srun")
_FOR_EVER = 1_000_000
_OPTIONS = {"timeout_min": "time", "cpus_per_task": "cpus"}
"""The options whose names are not those of the launcher's keys."""


def submit(command: Sequence[str], resources: Mapping[str, Any]) -> None:
    """Submit the sweep and print how to follow it."""
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if missing:
        raise ConfigError(f"Slurm's {' and '.join(missing)} are not on PATH: submit from a login node of the cluster")
    cwd = Path.cwd()
    _check(resources)
    check_warning_signal()
    check_runnable(command, cwd)
    folder = sweep_folder_of(command, cwd)
    _check_free(folder)
    program = shutil.which(command[0]) or command[0]
    sweep = [program, *command[1:], sweep_dir_override(folder), resume_override(Resume.AUTO)]
    _say(_sbatch(sweep, cwd, folder, resources), folder)


def _check(resources: Mapping[str, Any]) -> None:
    from ax_moo_launchers.slurm.options import check_resources

    check_resources({_option(key): (key, value) for key, value in resources.items()})


def _option(key: str) -> str:
    return f"--{_OPTIONS.get(key, key).replace('_', '-')}"


def _check_free(folder: Path) -> None:
    from ax_moo_launchers.slurm.options import check_path

    holder = lock.holder(folder)
    if holder is not None and holder.is_alive:
        raise ConfigError(f"a sweep runs in {folder} already ({holder}); wait for its end, or name another folder")
    queued = queued_controller(folder)
    if queued is not None:
        raise ConfigError(f"Slurm job {queued.job_id} already runs the sweep in {folder}, or waits to run it")
    check_has_no_living_original(folder)
    check_path("the sweep folder", folder)


def _sbatch(sweep: Sequence[str], cwd: Path, folder: Path, resources: Mapping[str, Any]) -> Job:
    import submitit

    from ax_moo_launchers.slurm.sbatch import Refused, open_executor
    from ax_moo_launchers.slurm.warning_time import with_signal_delay

    files = controller_folder(folder)
    delay_s = int(with_signal_delay(resources)["signal_delay_s"])
    controller = Controller(sweep, str(cwd), str(folder), os.environ.get("PYTHONPATH"), grace_s=0.5 * delay_s)
    try:
        files.mkdir(parents=True, exist_ok=True)
        note_home(files)
        executor = open_executor(files, {"submitit_folder": str(files), "max_num_timeout": _FOR_EVER, **resources})
        [job] = executor.submit_calls(files, {files: submitit.core.utils.DelayedSubmission(controller)})
    except Refused as error:
        raise ConfigError(f"Slurm refuses the job: {error}") from None
    except OSError as error:
        raise ConfigError(f"{files} cannot be written to: {error.strerror}") from None
    return Job(job.job_id, job.folder)


def _say(job: Job, folder: Path) -> None:
    word = quoted(folder)
    say(f"Slurm job {job.job_id} runs the sweep in {folder}")
    say(f"its log: {job.folder}/{job.job_id}_0_log.out")
    say(f"follow it: ax-moo status --watch {word}")
    say(f"stop it: ax-moo stop {word} (running trials finish), ax-moo stop --now {word} (they are cancelled)")
