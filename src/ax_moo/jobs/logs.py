"""Where to look when a job has failed."""

import contextlib
import glob
from pathlib import Path

from ax_moo.trial import Job


def log_of(job: Job) -> Path:
    """The file that says why a job failed: what it wrote to stderr last, else to stdout, else its folder."""
    folder = Path(job.folder)
    for ending in ("err", "out"):
        written = [(time, path) for path in _logs(folder, job.job_id, ending) if (time := _written_at(path))]
        if written:
            return max(written)[1]
    return folder


def _logs(folder: Path, job_id: str, ending: str) -> list[Path]:
    """Its own, and where there is none, any: other launchers name their logs in other ways."""
    own = sorted(folder.glob(f"{glob.escape(job_id)}_*log.{ending}"))
    return own or sorted(folder.glob(f"*_log.{ending}"))


def _written_at(path: Path) -> float:
    """When the file was written; 0 for an empty one."""
    with contextlib.suppress(OSError):
        stat = path.stat()
        return stat.st_mtime if stat.st_size else 0.0
    return 0.0
