"""CarriedQueue: submits trials by putting tickets into a queue, and the Slurm jobs that take them."""

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted

from ax_moo.jobs.launcher import JobRequest
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import in_yaml
from ax_moo.trial import Fault
from ax_moo_launchers import job_environment
from ax_moo_launchers.carriers.carrier import ONE_LOG
from ax_moo_launchers.carriers.ending import end_carriers
from ax_moo_launchers.carriers.fleet import Fleet
from ax_moo_launchers.carriers.handle import QUEUE, TICKET, CarriedHandle
from ax_moo_launchers.carriers.program import keep_list, take_list, write_program
from ax_moo_launchers.carriers.tickets import CARRIERS, Ticket, Tickets, refresh
from ax_moo_launchers.files import new_carried_id
from ax_moo_launchers.search_path import SearchPath
from ax_moo_launchers.slurm import excluding, refusals, retry_resources
from ax_moo_launchers.slurm.sbatch import Refused, open_executor
from ax_moo_launchers.slurm.taken import resources_of
from ax_moo_launchers.slurm.watcher import SlurmWatcher
from ax_moo_launchers.warm.preload import check_preload

log = logging.getLogger(__name__)

_IDLE_S = 60.0
_OF_A_SHELL = ("COLUMNS", "DBUS_", "LINES", "OLDPWD", "SHLVL", "SSH_", "TERM", "TMUX", "WINDOWID", "XDG_")
"""The beginnings of variables that differ from login to login, and that no trial depends on."""

_OF_NO_TRIAL = (
    *("array_parallelism", "comment", "idle_s", "max_parallel", "name", "preload", "retry_resources", "trials_per_job"),
)

_CUT_OFF = {Fault.TIME_LIMIT, Fault.PREEMPTED}


class CarriedQueue:
    """The trials of a launcher that share Slurm jobs. Each queue is for carriers that avoid the same nodes.

    ``of_sweep`` is the folder of the jobs of a sweep, by the sweep's id, and ``kept_list`` the file with what trials of
    the last sweep imported.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        watcher: SlurmWatcher,
        of_sweep: Callable[[str], Path],
        kept_list: Path | None = None,
    ) -> None:
        self._params = params
        self._of_sweep = of_sweep
        self._kept_list = kept_list
        self._excluded: dict[Path, tuple[str, ...]] = {}
        self._watcher = watcher
        self._fleet = Fleet(watcher, self._submit_carriers)
        self._is_said = False
        self._launch, self._of_launch = uuid.uuid4().hex, set[Path]()

    @property
    def _most(self) -> Any:
        most = self._params.get("trials_per_job")
        return 1 if most is None else most

    def check(self) -> None:
        """Raise a ConfigError for settings with which a Slurm job cannot take one trial after the other."""
        if not (self._params.get("python") or self._params.get("setup")):  # which may have other modules
            check_preload(self._params.get("preload") or ())
        for key in ("tasks_per_node", "nodes"):
            number = self._params.get(key) or 1
            if self._most != 1 and number > 1:
                raise ConfigError(
                    f"hydra.launcher.trials_per_job: must be 1 if {key} is {number}, got {in_yaml(self._most)}: a "
                    f"Slurm job that takes several trials has one task; set {key}=1, or trials_per_job=1"
                )

    def takes(self, params: Mapping[str, Any]) -> bool:
        """Whether a trial with these settings shares a Slurm job: only one with the settings of all the others does."""
        return self._most != 1 and dict(params) == retry_resources.for_attempt(self._params, ())

    def say_why_alone(self, others: Iterable[Mapping[str, Any]]) -> None:
        """Say once that settings which depend on the trial leave no trials to share a Slurm job."""
        for params in others:
            own = sorted(params.keys() - self._params.keys())
            if self._most != 1 and own and not self._is_said:
                self._is_said = True
                names = ", ".join(f"hydra.launcher.{key}" for key in own)
                log.info("trials_per_job has no effect: each trial has a Slurm job of its own for its %s", names)

    def submit(
        self, submissions: Mapping[JobRequest, utils.DelayedSubmission], folder_of: Callable[[JobRequest], Path]
    ) -> dict[JobRequest, CarriedHandle]:
        """Queue all of these trials, or none if this raises."""
        handles: dict[JobRequest, CarriedHandle] = {}
        queues = {request: self._queue_of(request) for request in submissions}
        for tickets in dict.fromkeys(queues.values()):
            self._fleet.cover(tickets, more=list(queues.values()).count(tickets))
        try:
            for request, submission in submissions.items():
                handles[request] = self._put(request, submission, folder_of(request), queues[request])
        except BaseException:
            for handle in handles.values():
                handle.withdraw()
            raise
        return handles

    def adopt(self, handle: CarriedHandle) -> None:
        """Care for a trial that an earlier process has queued, or was about to queue when it was killed."""
        self._fleet.add(handle)
        refresh(handle.tickets.folder)
        # Whoever claims a trial has had its ticket, also where a network file system does not show it yet.
        if not (handle.is_over() or handle.has_begun or handle.tickets.has(handle.ticket)):
            handle.tickets.put(handle.ticket)

    def end_ready_jobs(self) -> None:
        for folder in self._fleet.queues:
            # Without an id of the sweep, the folder beside the queue may be that of another launch as well.
            end_carriers(folder.parent.parent, [Tickets(folder)] if folder in self._of_launch else None)
        self._fleet.forget_carriers()

    def close(self) -> None:
        """Keep what trials have imported, for the next sweep."""
        for folder in self._excluded:
            keep_list(folder, self._kept_list)

    def _queue_of(self, request: JobRequest) -> Tickets:
        excluded = request.exclude
        kind = [_settings(self._params), sorted(excluded), self._surroundings, "" if request.sweep else self._launch]
        name = hashlib.sha256(json.dumps(kind, sort_keys=True).encode()).hexdigest()[:8]
        folder = self._of_sweep(request.sweep) / CARRIERS / name
        if folder not in self._excluded:
            write_program(folder, tuple(self._params.get("preload") or ()))
            take_list(folder, self._kept_list)
        self._excluded[folder] = excluded
        if not request.sweep:
            self._of_launch.add(folder)
        return Tickets(folder)

    @cached_property
    def _surroundings(self) -> list[Any]:
        """What trials inherit from this process: carriers of an earlier one with another environment are not theirs."""
        environ = job_environment.handed_to_sbatch(os.environ)
        kept = {name: value for name, value in environ.items() if not name.startswith(_OF_A_SHELL) and name != "_"}
        return [kept, os.getcwd(), SearchPath.here().entries]

    def _put(
        self, request: JobRequest, submission: utils.DelayedSubmission, folder: Path, tickets: Tickets
    ) -> CarriedHandle:
        # A trial that was cut off would be cut off again in a Slurm job that has little time left.
        needs_all = not _CUT_OFF.isdisjoint(request.faults)
        ticket = Ticket(request.trial, request.attempt, new_carried_id(), needs_all)
        place = {QUEUE: os.path.relpath(tickets.folder, folder), TICKET: ticket.name}
        executor = open_executor(folder, self._params)
        job = executor.write_call(submission, ticket.job_id, request, resources=resources_of(self._params), **place)
        handle = CarriedHandle(job, self._watcher)
        try:
            tickets.put(ticket)
        except BaseException:
            handle.withdraw()
            raise
        self._fleet.add(handle)
        return handle

    def _submit_carriers(self, folder: Path, number: int) -> list[str]:
        nodes = self._excluded.get(folder, ())
        params = retry_resources.for_attempt(self._params, ())
        try:
            return excluding.submitted_without(nodes, params, lambda left: self._sbatch(folder, number, left))
        except Refused as error:
            if number == 1 or not refusals.is_of_arrays(str(error)):
                raise
            log.info("Slurm takes no array of %d jobs, which are submitted one by one: %s", number, error)
        return [each for _ in range(number) for each in self._submit_carriers(folder, 1)]

    def _sbatch(self, folder: Path, number: int, params: Mapping[str, Any]) -> list[str]:
        idle_s = params.get("idle_s")
        logs = ONE_LOG if params.get("stderr_to_stdout") else "two"
        arguments = [str(self._most), str(_IDLE_S if idle_s is None else idle_s), logs]
        return open_executor(folder, params).submit_carriers(number, arguments)


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by which carriers differ in what they do for a trial."""
    kept = {key: value for key, value in params.items() if key not in _OF_NO_TRIAL}
    settings: dict[str, Any] = json.loads(json.dumps(kept, sort_keys=True, default=str))
    return settings
