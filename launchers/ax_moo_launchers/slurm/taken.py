"""What Slurm has taken of a sweep's jobs, by which one knows whether a refusal is the fault of one trial."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_moo_launchers.slurm import refusals
from ax_moo_launchers.slurm.additional import chosen
from ax_moo_launchers.submitted_jobs import taken_jobs

_NO_RESOURCES = {"comment", "name", "python", "setup", "srun_args", "stderr_to_stdout", "use_srun"}
_NO_RESOURCES |= {"trials_per_job", "idle_s", "preload"}
_INVALID = re.compile(r"invalid (partition|account|qos)", re.IGNORECASE)


class Taken:
    """The resources of the jobs that Slurm has taken: from this process, and from those before it by their records."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Any]] = {}
        self._before: list[dict[str, Any]] | None = None

    def add(self, params: Mapping[str, Any]) -> None:
        resources = resources_of(params)
        self._seen[json.dumps(resources, sort_keys=True)] = resources

    def shows_fault_of(
        self, params: Mapping[str, Any], message: str, folder: Path | None = None, sweep: str = ""
    ) -> bool:
        """Whether a job's own resources are why Slurm refuses it: what was taken shows that the rest is right.

        ``folder`` has the jobs of the sweep with this id. Settings that all trials share may have been changed since.
        """
        if not refusals.is_of_the_request(message):
            return False
        asked = resources_of(params)
        if self._before is None:
            self._before = list(taken_jobs(folder, sweep)) if folder is not None else []
        known = [
            *self._seen.values(),
            *(each["resources"] for each in self._before if _differ_in_own_only(each, asked)),
        ]
        return bool(known) and asked not in known and not any(_is_known_by_name(asked, each, message) for each in known)


def resources_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What a job asks for, as JSON has it: Slurm refuses no job for its name."""
    resources = {key: value for key, value in params.items() if key not in _NO_RESOURCES}
    kept: dict[str, Any] = json.loads(json.dumps(resources, sort_keys=True, default=str))
    return kept


def _differ_in_own_only(record: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a job of an earlier process had the same settings but for those that depend on the trial."""
    own = record.get("asked") or {}
    return _without(record["resources"], own) == _without(asked, own)


def _without(resources: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resources.items() if key not in keys}


def _is_known_by_name(asked: Mapping[str, Any], known: Mapping[str, Any], message: str) -> bool:
    """Whether Slurm refuses a partition, an account or a QOS that it has taken from another job."""
    names = {name.lower() for name in _INVALID.findall(message)}
    return bool(names) and all(chosen(asked, name) == chosen(known, name) for name in names)
