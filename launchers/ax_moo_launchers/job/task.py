"""The program of a job's process: submitit's own, and around it what a job needs that runs again, or finds a full disk.

Run as ``python -m ax_moo_launchers.job.task FOLDER``.
"""

import os
import sys
from pathlib import Path

import submitit  # this module is a program of its own
from submitit.core.logger import get_logger
from submitit.core.submission import process_job

from ax_moo.system.signals import hold_back
from ax_moo_launchers.files import leave_note, note_file, result_file
from ax_moo_launchers.job import exit_codes
from ax_moo_launchers.job.exit_codes import no_room
from ax_moo_launchers.submitit_internals import warning_signal


def main() -> None:
    os.environ["SUBMITIT_FOLDER"] = folder = sys.argv[1]
    environment = submitit.JobEnvironment()
    # Until the call that knows what to make of it: a job may be told of its end before it has begun.
    hold_back(warning_signal())
    if _has_result(environment):
        get_logger().info("An earlier life of this job has written its result: nothing is left to do.")
        return
    _clean_up(environment)
    try:
        process_job(folder)
    except Exception as error:
        _end_if_full(error, environment)
        raise


def _has_result(environment: "submitit.JobEnvironment") -> bool:
    """Whether this is a requeued job that had done its work; without its first task it is not to be done again."""
    if environment.paths.result_pickle.exists():
        return True
    first = result_file(environment.paths.folder, environment.job_id)
    return os.environ.get("SLURM_RESTART_COUNT", "0") != "0" and first.exists()


def _clean_up(environment: "submitit.JobEnvironment") -> None:
    """Remove what a killed earlier life of this job left half done: submitit would stumble over it."""
    result, submitted = _torn(environment.paths.result_pickle), environment.paths.submitted_pickle
    result.unlink(missing_ok=True)
    if environment.global_rank != 0:
        return
    note_file(environment.paths.folder, environment.job_id).unlink(missing_ok=True)
    if submitted.exists():
        _torn(submitted).unlink(missing_ok=True)
    elif _torn(submitted).exists():
        # Killed after the old one was removed, which is when the new one was whole.
        _torn(submitted).rename(submitted)


def _torn(path: Path) -> Path:
    """Where submitit writes a file before it is whole."""
    return path.with_name(f"{path.name}.save_tmp")


def _end_if_full(error: Exception, environment: "submitit.JobEnvironment") -> None:
    """End without a result where there was no room for it."""
    why = no_room(error, environment.paths.folder)
    if why is None:
        return
    for path in (_torn(environment.paths.result_pickle), environment.paths.result_pickle):
        path.unlink(missing_ok=True)
    leave_note(environment.paths.folder, environment.job_id, why)
    raise SystemExit(exit_codes.NO_ROOM) from error


if __name__ == "__main__":
    main()
