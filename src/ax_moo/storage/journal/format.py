"""The journal's lines: converting a trial to a JSON object, and back."""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.jobs import records
from ax_moo.storage.journal.schema import trial_complaint
from ax_moo.system.dataclass_records import from_record
from ax_moo.trial import Attempt, Fault, Job, Outcome, Trial, TrialStatus

FORMAT = 1
PULLED = "pulled"
"""The header's key that names the W&B run of which the folder is a copy."""

ID = "id"
"""The header's key with the sweep's id, by which its jobs are told from those of any other sweep."""


def new_id() -> str:
    return uuid.uuid4().hex[:16]


def id_of(header: Mapping[str, Any]) -> str:
    """The id of the sweep with this header; journals of earlier versions have none, and theirs is made from the header.

    It does not change while a sweep goes on, because the header is written once.
    """
    written = header.get(ID)
    if isinstance(written, str) and written:
        return written
    return records.EARLIER + hashlib.sha256(json.dumps(header).encode()).hexdigest()[:16]


def to_line(trial: Trial) -> dict[str, Any]:
    """The JSON form of a trial; fields without a value are left out."""
    row = {"trial": trial.index, "status": str(trial.status), "attempt": trial.attempt}
    fields = {f.name: getattr(trial, f.name) for f in dataclasses.fields(trial)}
    del fields["index"], fields["status"], fields["previous_attempts"]
    row |= {name: value for name, value in fields.items() if value is not None and value != ()}
    if trial.job is not None:
        row["job"] = _job_row(trial.job)
    if trial.previous_attempts:  # "earlier" is the key of the format's first version
        row["earlier"] = list(map(_attempt_row, trial.previous_attempts))
    return row


def from_line(row: Mapping[str, Any]) -> Trial:
    """The trial that :func:`to_line` wrote; fields of a later version are ignored.

    Raises:
        TypeError: the row is not a trial's.
    """
    if complaint := trial_complaint(row):
        raise TypeError(complaint)
    return from_row(row)


def from_row(row: Mapping[str, Any]) -> Trial:
    """The trial of a row that is known to be a trial's."""
    fields: dict[str, Any] = {"index": row["trial"], "status": TrialStatus(row["status"])}
    if row.get("job") is not None:
        fields["job"] = from_record(Job, row["job"])
    if "earlier" in row:
        fields["previous_attempts"] = tuple(
            from_record(Attempt, each, job=from_record(Job, each["job"]), fault=Fault.of(each.get("fault")))
            for each in row["earlier"]
        )
    if "fault" in row:
        fields["fault"] = Fault.of(row["fault"])
    if "also_ended" in row:
        fields["also_ended"] = tuple(row["also_ended"])
    fields["next_knows"] = _known(row.get("next_knows"))
    if row.get("outcome") is not None:
        fields["outcome"] = _outcome(row["outcome"])
    return from_record(Trial, row, **fields)


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    """Without the fields that say nothing."""
    row = {name: value for name, value in dataclasses.asdict(attempt).items() if value not in (None, "")}
    return {**row, "reason": attempt.reason, "job": _job_row(attempt.job)}


def _job_row(job: Job) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(job).items() if value or name in ("job_id", "folder")}


def _known(value: int | Sequence[int] | None) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Sequence) else (value,)


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
