"""Finding the log file that says why a job failed."""

import contextlib
import glob
from pathlib import Path

from ax_moo.trial import Job


def log_of(job: Job) -> Path:
    """The log to read when a job has failed: its latest stderr, else its latest stdout, else its folder."""
    folder = Path(job.folder)
    for ending in ("err", "out"):
        written = [(time, path) for path in _logs(folder, job.job_id, ending) if (time := _written_at(path))]
        if written:
            return max(written)[1]
    return folder


def _logs(folder: Path, job_id: str, ending: str) -> list[Path]:
    """The job's own logs; without one all logs in the folder, because other launchers name their logs differently."""
    with contextlib.suppress(PermissionError):
        own = sorted(folder.glob(f"{glob.escape(job_id)}_*log.{ending}"))
        return own or sorted(folder.glob(f"*_log.{ending}"))
    return []


def _written_at(path: Path) -> float:
    """When the file was written; 0 for an empty one."""
    with contextlib.suppress(OSError):
        stat = path.stat()
        return stat.st_mtime if stat.st_size else 0.0
    return 0.0
