"""CarriersQueue: a Slurm queue in which trials may share Slurm jobs, with ``trials_per_job``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted

from ax_moo.jobs.launcher import JobHandle, JobRequest
from ax_moo_launchers.carriers.carried_queue import CarriedQueue
from ax_moo_launchers.carriers.handle import CarriedHandle
from ax_moo_launchers.handle import SubmititHandle
from ax_moo_launchers.no_job import NoJob
from ax_moo_launchers.slurm.queue import SlurmQueue


class CarriersQueue(SlurmQueue):
    """Chooses for each trial between a Slurm job of its own and one that takes several trials."""

    def __init__(self, params: Mapping[str, Any], sweep_folder: Path, kept_list: Path | None = None) -> None:
        """``kept_list`` has what trials of the last sweep imported, and those of the next one will find there."""
        super().__init__(params, sweep_folder)
        self._carried = CarriedQueue(params, self.watcher, self._of_sweep, kept_list)

    def close(self) -> None:
        self._carried.close()

    def check_params(self, params: Mapping[str, Any]) -> None:
        super().check_params(params)
        self._carried.check()

    def adopt(self, handle: JobHandle) -> None:
        super().adopt(handle)
        if isinstance(handle, CarriedHandle):
            self._carried.adopt(handle)
            self._has_submitted = True

    def end_ready_jobs(self) -> None:
        self._carried.end_ready_jobs()

    def _submit_into(
        self,
        handles: dict[JobRequest, SubmititHandle | NoJob],
        submissions: Mapping[JobRequest, utils.DelayedSubmission],
        params: Mapping[JobRequest, Mapping[str, Any]],
    ) -> None:
        carried = {each: call for each, call in submissions.items() if self._carried.takes(params[each])}
        alone = {each: call for each, call in submissions.items() if each not in carried}
        if carried:
            handles |= self._carried.submit(carried, self.folder)
            self._note_taken(params[next(iter(carried))])
        self._carried.say_why_alone(params[each] for each in alone)
        super()._submit_into(handles, alone, params)
