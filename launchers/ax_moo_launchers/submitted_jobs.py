"""Finding a job by its record, among the jobs that have their files in one folder."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ax_moo.jobs import records
from ax_moo.jobs.launcher import JobRequest
from ax_moo.system.disk import replace_file
from ax_moo.trial import Job
from ax_moo_launchers.files import LOCAL, SLURM, job_file, process_file, read_json

_ASKED = "asked"
_RESOURCES = "resources"


def write_record(folder: Path, job_id: str, request: JobRequest, **more: Any) -> None:
    """Write whose the job is. This comes before its pickle gets its name: a job that can be found has a record."""
    replace_file(job_file(folder, job_id), json.dumps({**records.record_of(request), **more}), is_private=True)


def note_asked(job: Job) -> None:
    """Add what was requested for the job to its record, for a sweep that is killed before it has noted the job."""
    path = job_file(Path(job.folder), job.job_id)
    replace_file(path, json.dumps({**(read_json(path) or {}), _ASKED: dict(job.request)}), is_private=True)


def taken_jobs(folder: Path, sweep: str) -> Iterator[dict[str, Any]]:
    """The records of a sweep's jobs that say with which resources the scheduler has taken them."""
    for pattern in ("*/*_job.json", "*/*/*_job.json"):  # first attempts, and later ones
        for path in folder.glob(pattern):
            record = read_json(path) or {}
            if record.get("sweep") == sweep and _RESOURCES in record:
                yield record


def n_tasks_of(folder: Path, job_id: str) -> int:
    """The number of a Slurm job's tasks; earlier versions wrote it into a file of its own, if there were several."""
    record = read_json(job_file(folder, job_id)) or read_json(folder / f"{job_id}_tasks.json") or {}
    return int(record.get("n_tasks", 1))


def is_anothers(job: Job, request: JobRequest) -> bool:
    """Whether the job's record says that it is another sweep's, another trial's or another attempt's."""
    record = read_json(job_file(Path(job.folder), job.job_id))
    return record is not None and not records.is_of_trial(record, request)


def requested_job(folder: Path, request: JobRequest) -> Job | None:
    """The latest job in an attempt's folder that was submitted for this request.

    Jobs of other sweeps may be there as well, and those of a sweep whose journal was removed.
    """
    for job in _submitted_jobs(folder):
        record = read_json(job_file(folder, job.job_id))
        if records.is_of(record, request):
            return dataclasses.replace(job, request=(record or {}).get(_ASKED) or {})
    return None


def submitted_job(folder: Path) -> Job | None:
    """The latest job that was submitted from a folder, whoever's it is."""
    return next(iter(_submitted_jobs(folder)), None)


def _submitted_jobs(folder: Path) -> list[Job]:
    """The jobs that were submitted from a folder, the latest first."""
    # Listed twice, because a file that is renamed meanwhile may appear under neither of its names.
    ids = {**_submitted_ids(folder), **_submitted_ids(folder)}
    return [
        Job(job_id, str(folder), LOCAL if process_file(folder, job_id).exists() else SLURM)
        for job_id in sorted(ids, key=lambda job_id: ids[job_id], reverse=True)
    ]


def _submitted_ids(folder: Path) -> dict[str, float]:
    """Job id -> time of its pickle, which may vanish meanwhile: Submitit replaces it when a job is requeued."""
    while listed := list(folder.glob("*_submitted.pkl*")):
        found: dict[str, float] = {}
        for path in listed:
            with contextlib.suppress(FileNotFoundError):
                found[path.name.partition("_submitted.pkl")[0]] = path.stat().st_mtime
        if found:
            return found
    return {}
