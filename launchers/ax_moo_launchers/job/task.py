"""The program of a job's process: Submitit's own, prepared for jobs that are requeued and for a full disk.

It is run as ``python -m ax_moo_launchers.job.task FOLDER``.
"""

import errno
import gc
import os
import sys
import traceback
from pathlib import Path

import submitit  # this module is a program of its own
from submitit.core.logger import get_logger
from submitit.core.submission import process_job

from ax_moo.system.signals import hold_back, warning_signal
from ax_moo.system.strangers import read_own
from ax_moo_launchers import submitit_internals
from ax_moo_launchers.files import ARRAY_TASK, is_whole, leave_note, note_file, result_file
from ax_moo_launchers.job import carried, exit_codes, time_limit
from ax_moo_launchers.job.exit_codes import no_room


def main() -> None:
    submitit_internals.take_folders_as_they_are()
    submitit_internals.unpickle_what(_own_call)
    carried.take_own_id()
    time_limit.ask_slurm()
    os.environ["SUBMITIT_FOLDER"] = folder = _folder(sys.argv[1])
    environment = submitit.JobEnvironment()
    # The signal may come before the job has begun, so it waits for the call that handles it.
    hold_back(warning_signal())
    if _has_result(environment):
        get_logger().info("An earlier run of this job has written its result: nothing is left to do.")
        return
    _clean_up(environment)
    # Until a trial begins (job.run): imports leave little garbage behind, and looking for it takes up to a fifth of
    # their time. The controller of `ax-moo submit`, which this program runs too, makes none.
    gc.disable()
    try:
        process_job(folder)
    except Exception as error:
        _end_if_full(error, environment)
        raise
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:
        # An import of the application has raised it. Submitit writes a result for an Exception only.
        _leave_failure(environment)
        raise


def _own_call(path: Path) -> bytes:
    """The pickle of the job's call, which is code that runs with this user's rights."""
    try:
        return read_own(path)
    except PermissionError as error:
        why = error.strerror if error.errno == errno.EPERM else error
        raise PermissionError(f"the job does not run what is in {path}: {why}") from None


def _folder(given: str) -> str:
    """The job's folder: all jobs of an array are given the same one, and put their own number into it."""
    parent, name = os.path.split(given)
    return os.path.join(parent, os.environ["SLURM_ARRAY_TASK_ID"]) if name == ARRAY_TASK else given


def _has_result(environment: "submitit.JobEnvironment") -> bool:
    """Whether this is a requeued job that has done its work: its own task has a result, or its first task has."""
    if is_whole(environment.paths.result_pickle):
        return True
    first = result_file(environment.paths.folder, environment.job_id)
    return os.environ.get("SLURM_RESTART_COUNT", "0") != "0" and is_whole(first)


def _clean_up(environment: "submitit.JobEnvironment") -> None:
    """Remove the incomplete files that a killed earlier run of this job has left: Submitit would fail on them."""
    result, submitted = _torn(environment.paths.result_pickle), environment.paths.submitted_pickle
    result.unlink(missing_ok=True)
    if environment.global_rank != 0:
        return
    note_file(environment.paths.folder, environment.job_id).unlink(missing_ok=True)
    if submitted.exists():
        _torn(submitted).unlink(missing_ok=True)
    elif _torn(submitted).exists():
        # The job was killed after the old pickle was removed, and so after the new one was complete.
        _torn(submitted).rename(submitted)


def _torn(path: Path) -> Path:
    """The name under which Submitit writes a file before it renames it."""
    return path.with_name(f"{path.name}.save_tmp")


def _leave_failure(environment: "submitit.JobEnvironment") -> None:
    """Write the traceback of what is being handled as the job's result, as Submitit does for an Exception."""
    with submitit.core.utils.temporary_save_path(environment.paths.result_pickle) as path:
        submitit.core.utils.cloudpickle_dump(("error", traceback.format_exc()), path)


def _end_if_full(error: Exception, environment: "submitit.JobEnvironment") -> None:
    """End the process without a result if the disk has no room for it."""
    why = no_room(error, environment.paths.folder)
    if why is None:
        return
    for path in (_torn(environment.paths.result_pickle), environment.paths.result_pickle):
        path.unlink(missing_ok=True)
    leave_note(environment.paths.folder, environment.job_id, why)
    raise SystemExit(exit_codes.NO_ROOM) from error


if __name__ == "__main__":
    main()
