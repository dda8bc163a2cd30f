"""The files of a job, in the submitit folder of its attempt.

Their names begin with the job's id. Submitit itself writes ``<id>_submitted.pkl``, ``<id>_<task>_result.pkl`` and the
logs.
"""

import contextlib
import json
import re
import shlex
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ax_moo.system.disk import PASSING, replace_file
from ax_moo.system.strangers import read_own

LOCAL, SLURM = "local", "slurm"
"""The schedulers of ``Job.scheduler``."""

_CARRIED = "w-"
"""What the id of a job begins with that is no Slurm job of its own: it waits for one that takes it."""

_UNPUBLISHED = re.compile(r"[0-9a-f]{32}\.pkl")
"""The first name of a pickle of ours. The folder may also be a training's, with pickles of the training."""

ARRAY_TASK = "%a"
"""The last part of the folder in which an array's jobs have theirs: each job puts its own number there."""

TASK = "ax_moo_launchers.job.task"
"""The module that a job's process runs."""

CARRIER = "ax_moo_launchers.carriers.carrier"
"""The module of a Slurm job that takes trials one after the other."""


_IDS = {LOCAL: re.compile(r"[1-9][0-9]{0,9}"), SLURM: re.compile(r"[1-9][0-9]*(?:_[0-9]+)?|w-[0-9a-f]{12}")}


def is_id(job_id: str, scheduler: str) -> bool:
    """Whether a scheduler can have given this id: it becomes a pid, an argument of scancel, a part of a file's name."""
    return _IDS[scheduler].fullmatch(job_id) is not None and not (scheduler == LOCAL and int(job_id) == 1)


def new_carried_id() -> str:
    return f"{_CARRIED}{uuid.uuid4().hex[:12]}"


def is_carried(job_id: str) -> bool:
    """Whether a job shares its Slurm job with others."""
    return job_id.startswith(_CARRIED)


def task_command(python: str, folder: Path) -> str:
    # Without -P the working directory would come first on sys.path, before the script's folder.
    return f"{python} -P -u -m {TASK} {shlex.quote(str(folder))}"


def carrier_command(python: str, folder: Path, arguments: Sequence[str]) -> str:
    return f"{python} -P -u -m {CARRIER} {shlex.quote(str(folder))} {shlex.join(arguments)}"


def submitted_file(folder: Path, job_id: str) -> Path:
    return folder / f"{job_id}_submitted.pkl"


def result_file(folder: Path, job_id: str, task: int = 0) -> Path:
    return folder / f"{job_id}_{task}_result.pkl"


def log_file(folder: Path, job_id: str, task: int, ending: str) -> Path:
    """The file of a task's output (``out``) or error output (``err``)."""
    return folder / f"{job_id}_{task}_log.{ending}"


def note_file(folder: Path, job_id: str) -> Path:
    """The file in which a job says why it ended without a result."""
    return folder / f"{job_id}_note.txt"


def process_file(folder: Path, job_id: str) -> Path:
    """The file that identifies a local job's process: its host, pid and start."""
    return folder / f"{job_id}_process.json"


def exit_file(folder: Path, job_id: str) -> Path:
    """The file that says how the tasks of a job ended that is a process of the launcher's."""
    return folder / f"{job_id}_exit.json"


def claim_file(folder: Path, job_id: str) -> Path:
    """The file that says which Slurm job has taken a trial that waited for one."""
    return folder / f"{job_id}_claim.json"


def cancel_file(folder: Path, job_id: str) -> Path:
    """The file by which a trial that shares its Slurm job with others is asked to end."""
    return folder / f"{job_id}_cancel"


def again_file(folder: Path, job_id: str) -> Path:
    """The file by which such a trial asks to be run again in another Slurm job."""
    return folder / f"{job_id}_again"


def job_file(folder: Path, job_id: str) -> Path:
    """The file with the job's record: its sweep, trial, attempt and overrides, and the number of its tasks."""
    return folder / f"{job_id}_job.json"


def has_pickle(folder: Path, job_id: str) -> bool:
    """Whether a job was submitted from the folder; without its pickle it waits, and does no work."""
    return any(path.name.startswith(f"{job_id}_submitted.pkl") for path in folder.glob("*_submitted.pkl*"))


def forget_earlier(folder: Path, job_id: str) -> None:
    """Remove the files of an earlier job with this id from the folder, in which the attempt is submitted again."""
    for path in folder.glob(f"{job_id}_*"):
        if path.suffix not in (".out", ".err"):
            path.unlink()


def remove_unpublished(folder: Path) -> None:
    """Remove the pickles that an interrupted submission of an attempt has left."""
    for path in folder.glob("*.pkl*"):
        if _UNPUBLISHED.match(path.name):
            path.unlink(missing_ok=True)


def is_whole(result: Path) -> bool:
    """Whether a result was written to its end. A machine that loses its power may leave an empty or a torn file.

    The file is not unpickled: that would import the application.
    """
    import pickletools

    try:
        content = result.read_bytes()
        for _ in pickletools.genops(content):
            pass
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno in PASSING:
            raise
        return True  # whoever reads it finds out
    except Exception:  # whatever pickletools raises for bytes that are no pickle
        return False
    return True


def leave_note(folder: Path, job_id: str, text: str) -> None:
    """Write why the job ends without a result, if the disk has room for it."""
    with contextlib.suppress(OSError):
        replace_file(note_file(folder, job_id), text)


def read_own_json(path: Path) -> dict[str, Any] | None:
    """As :func:`read_json`; None as well for a file that another user can have written."""
    with contextlib.suppress(PermissionError):
        return _read_json(path, read_own)
    return None


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file of ours; None if there is none. OSError if the file cannot be read now."""
    return _read_json(path, Path.read_bytes)


def _read_json(path: Path, read: Callable[[Path], bytes]) -> dict[str, Any] | None:
    try:
        content = json.loads(read(path))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None
